import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { errorText, TendrilError } from "@tendril/core/errors";
import { isDatabaseAway } from "./call.ts";
import type { Database } from "./database.ts";
import { splitSql } from "./split-sql.ts";

/** One file of a migrations folder. */
export interface Migration {
  /** The file's number, e.g. `0001`. */
  readonly id: string;
  /** The file's name, e.g. `0001_jobs.sql`. */
  readonly file: string;
  readonly sql: string;
}

/** The migrations of one room: the ledger's own, or those of the jobs. */
export interface MigrationSet {
  readonly name: "ledger" | "jobs";
  readonly migrations: readonly Migration[];
}

/** A migration that was applied by this call. */
export interface AppliedMigration {
  readonly set: MigrationSet["name"];
  readonly id: string;
  readonly file: string;
}

const fileName = /^(\d{4})_[a-z0-9_]+\.sql$/;

/**
 * Reads the `.sql` files of a folder in the order of their numbers. Error: `migration_invalid` for a folder that cannot
 * be read, a file that is not named like `0001_jobs.sql`, and two files of one number.
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readFolder(folder)).filter((file) => file.endsWith(".sql")).sort();
  const migrations: Migration[] = [];
  for (const file of files) {
    const id = fileName.exec(file)?.[1];
    const where = path.join(folder, file);
    if (id === undefined) {
      throw new TendrilError("migration_invalid", {
        where,
        given: "this file name",
        allowed: "four digits, _, a name of a-z, 0-9 and _, and .sql, such as 0001_jobs.sql",
      });
    }
    if (migrations.at(-1)?.id === id) {
      throw new TendrilError("migration_invalid", {
        where,
        given: `the number of ${migrations.at(-1)?.file}`,
        allowed: "a number of its own",
      });
    }
    migrations.push({ id, file, sql: await readFile(where, "utf8") });
  }
  return migrations;
}

async function readFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw new TendrilError("migration_invalid", {
      where: folder,
      given: "no folder that can be read",
      allowed: "a folder of migrations",
      cause: error,
    });
  }
}

/**
 * Applies what is not applied yet, set after set, each migration in one transaction; resolves to what it applied. Safe
 * when two do it at once: the second waits for the first. Error: `migration_invalid` for an applied migration whose file
 * has changed, and for one that fails, with the number of its statement and Postgres' words; those before it stay applied.
 *
 * A statement may take 45 seconds, the Data API's limit.
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.limitations.html
 */
export async function applyMigrations(database: Database, sets: readonly MigrationSet[]): Promise<AppliedMigration[]> {
  await withLock(database, async (run) => {
    await run("create schema if not exists tendril");
    await run(createTable);
  });
  const applied: AppliedMigration[] = [];
  for (const { name, migrations } of sets) {
    for (const migration of migrations) {
      const isNew = await withLock(database, (run) => applyOnce(run, name, migration));
      if (isNew) applied.push({ set: name, id: migration.id, file: migration.file });
    }
  }
  return applied;
}

type Run = (sql: string, ...values: readonly string[]) => ReturnType<Database["execute"]>;

const createTable = `create table if not exists tendril.migrations (
  set text not null,
  id text not null,
  file text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  primary key (set, id)
)`;

/** Any number that nobody else locks: one that applies migrations holds it for each of its transactions. */
const lockKey = 7_237_104_585;

async function withLock<Result>(database: Database, work: (run: Run) => Promise<Result>): Promise<Result> {
  const transactionId = await database.begin();
  const run: Run = (sql, ...values) => database.execute(sql, values, { transactionId });
  try {
    // In "from", because the Data API has no type for the void that the function returns.
    await run(`select true from pg_advisory_xact_lock(${lockKey})`);
    const result = await work(run);
    await database.commit(transactionId);
    return result;
  } catch (error) {
    await database.rollback(transactionId).catch(() => {});
    throw error;
  }
}

async function applyOnce(run: Run, set: string, migration: Migration): Promise<boolean> {
  const checksum = checksumOf(migration);
  const [known] = await run("select checksum from tendril.migrations where set = :p1 and id = :p2", set, migration.id);
  if (known !== undefined) {
    if (known.checksum === checksum) return false;
    throw new TendrilError("migration_invalid", {
      where: `${set}/${migration.file}`,
      given: "a file that has changed since it was applied",
      allowed: "the text that was applied",
      fix: "Restore it, and put the change into a migration with a new number.",
    });
  }
  for (const { number, sql } of splitSql(migration.sql)) {
    await run(sql).catch((error: unknown) => {
      if (isDatabaseAway(error)) throw error;
      throw new TendrilError("migration_invalid", {
        where: `${set}/${migration.file}, statement ${number}`,
        given: `a statement that fails: ${errorText(error)}`,
        allowed: "statements that Postgres runs in a transaction",
        cause: error,
      });
    });
  }
  await run(
    "insert into tendril.migrations (set, id, file, checksum) values (:p1, :p2, :p3, :p4)",
    set,
    migration.id,
    migration.file,
    checksum,
  );
  return true;
}

/** The same for both kinds of line ends: a checkout may change them. */
function checksumOf({ sql }: Migration): string {
  return createHash("sha256").update(sql.replaceAll("\r\n", "\n")).digest("hex");
}
