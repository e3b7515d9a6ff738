import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { TendrilError } from "@tendril/core/errors";
import { applyMigrations, type Migration, readMigrations } from "@tendril/ledger/migrations";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ledgerMigrations, startTestDatabase, type TestDatabase } from "./support/local-aws.ts";

let local: TestDatabase;

beforeAll(async () => {
  local = await startTestDatabase();
});

afterAll(() => local.close());

describe("migrations", () => {
  const migration = (id: string, sql: string): Migration => ({ id, file: `${id}_test.sql`, sql });

  test("are applied once, in the order of their numbers, and say what they applied", async () => {
    const fresh = (await local.freshDatabase()).database;
    const ledgerSet = { name: "ledger" as const, migrations: await readMigrations(ledgerMigrations) };
    const first = migration("0001", "create table a (x int); insert into a values (1)");
    const jobsSet = { name: "jobs" as const, migrations: [first] };
    const applied = await applyMigrations(fresh, [ledgerSet, jobsSet]);
    expect(applied.map(({ set, file }) => `${set}/${file}`)).toEqual([
      "ledger/0001_jobs.sql",
      "ledger/0002_outbox.sql",
      "ledger/0003_store.sql",
      "ledger/0004_group_commit.sql",
      "ledger/0005_plans.sql",
      "ledger/0006_outbox_parents.sql",
      "jobs/0001_test.sql",
    ]);
    const second = migration("0002", "update a set x = x + 1");
    const more = { name: "jobs" as const, migrations: [first, second] };
    expect(await applyMigrations(fresh, [ledgerSet, more])).toEqual([
      { set: "jobs", id: "0002", file: "0002_test.sql" },
    ]);
    expect(await applyMigrations(fresh, [ledgerSet, more])).toEqual([]);
    expect(await fresh.execute("select x from a", [])).toEqual([{ x: 2 }]);
  });

  test("are applied once when several start together", async () => {
    const { name: freshName } = await local.freshDatabase();
    const migrations = [migration("0001", "create table a (x int)"), migration("0002", "insert into a values (1)")];
    const starts = Array.from({ length: 5 }, () =>
      applyMigrations(local.openDatabase(freshName), [{ name: "jobs", migrations }]),
    );
    const applied = (await Promise.all(starts)).flat();
    expect(applied.map(({ id }) => id).sort()).toEqual(["0001", "0002"]);
    expect(await local.query(freshName, "select x from a")).toEqual([{ x: 1 }]);
  });

  test("that fail say which statement, and leave nothing of theirs behind", async () => {
    const { name: freshName, database: fresh } = await local.freshDatabase();
    const migrations = [
      migration("0001", "create table a (x int)"),
      migration("0002", "create table b (x int); -- it's two;\n create tabel c (x int)"),
    ];
    const error = await rejection(applyMigrations(fresh, [{ name: "jobs", migrations }]));
    expect(error).toBeInstanceOf(TendrilError);
    expect(error).toMatchObject({ code: "migration_invalid" });
    expect(error.message).toContain("jobs/0002_test.sql, statement 2");
    expect(error.message).toContain('syntax error at or near "tabel"');
    const tables = await local.query(freshName, "select tablename from pg_tables where schemaname = 'public'");
    expect(tables).toEqual([{ tablename: "a" }]);
  });

  test("that have changed since they were applied are refused; other line ends are no change", async () => {
    const { database: fresh } = await local.freshDatabase();
    const apply = (sql: string) => applyMigrations(fresh, [{ name: "jobs", migrations: [migration("0001", sql)] }]);
    await apply("create table a (\n x int)");
    expect(await apply("create table a (\r\n x int)")).toEqual([]);
    const error = await rejection(apply("create table a (\n y int)"));
    expect(error).toMatchObject({ code: "migration_invalid" });
    expect(error.message).toContain("jobs/0001_test.sql");
  });

  test("are read in the order of their numbers, and other file names are refused", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "tendril-migrations-"));
    try {
      await writeFile(path.join(folder, "0002_b.sql"), "select 2");
      await writeFile(path.join(folder, "0001_a.sql"), "select 1");
      await writeFile(path.join(folder, "notes.md"), "no migration");
      expect(await readMigrations(folder)).toEqual([
        { id: "0001", file: "0001_a.sql", sql: "select 1" },
        { id: "0002", file: "0002_b.sql", sql: "select 2" },
      ]);
      await writeFile(path.join(folder, "0002_c.sql"), "select 3");
      expect((await rejection(readMigrations(folder))).message).toContain("given the number of 0002_b.sql");
      await writeFile(path.join(folder, "0002_c.sql"), "select 3");
      await writeFile(path.join(folder, "1_short.sql"), "select 4");
      await rm(path.join(folder, "0002_c.sql"));
      expect((await rejection(readMigrations(folder))).message).toContain("1_short.sql");
      expect((await rejection(readMigrations(path.join(folder, "none")))).message).toContain("no folder");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function rejection(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Error) return error;
  throw new Error("it did not reject with an error");
}
