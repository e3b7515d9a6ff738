import { asc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/aws-data-api/pg";
import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { Kysely, sql as kyselySql } from "kysely";
import { DataApiDialect } from "kysely-data-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Claimed, type LedgerBench, newJob, openLedgerBench } from "./support/ledger-bench.ts";

let bench: LedgerBench;
let job = newJob();
let transaction: Claimed["transaction"];

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

const effects = pgTable("effects", { job: uuid("job").notNull(), note: text("note") });
/** What libraries insist on: nothing of it is used. */
const elsewhere = { resourceArn: "arn:elsewhere", secretArn: "arn:elsewhere", database: "elsewhere" };

async function open(): Promise<void> {
  job = newJob();
  ({ transaction } = await bench.claimed(job));
}

async function openDrizzle() {
  await open();
  return drizzle(transaction.rdsData, elsewhere);
}

const row = (note: string) => ({ job: job.id, note });
const committed = async (): Promise<unknown[]> =>
  (await bench.query("select note from effects where job = $1 order by note", [job.id])).map(({ note }) => note);

const wrong = new Error("wrong");
const fail = (): never => {
  throw wrong;
};

describe("Drizzle on job.rdsData", () => {
  test("joins the job's transaction: its writes commit with the job", async () => {
    const db = await openDrizzle();
    await db.insert(effects).values([row("a"), row("b")]);
    expect(await db.select({ note: effects.note }).from(effects).orderBy(asc(effects.note))).toEqual([
      { note: "a" },
      { note: "b" },
    ]);
    expect(await committed()).toEqual([]);
    await transaction.commit();
    expect(await committed()).toEqual(["a", "b"]);
    expect(await bench.rowOf(job)).toMatchObject({ state: "done" });
  });

  test("joins the job's transaction: its writes, also committed ones, vanish with the job", async () => {
    const db = await openDrizzle();
    await db.transaction((tx) => tx.insert(effects).values(row("a")));
    await transaction.rollback();
    expect(await committed()).toEqual([]);
    expect(await bench.rowOf(job)).toBeUndefined();
  });

  test("sees what job.sql has written, and the other way round", async () => {
    const db = await openDrizzle();
    await transaction.sql`insert into effects values (${job.id}::uuid, 'sql')`;
    await db.insert(effects).values(row("drizzle"));
    const count = await transaction.sql`select count(*)::int as count from effects where job = ${job.id}::uuid`;
    expect(count).toEqual([{ count: 2 }]);
    expect(await db.select().from(effects)).toContainEqual(row("sql"));
    await transaction.commit();
  });

  test("undoes a transaction that fails, and nothing around it", async () => {
    const db = await openDrizzle();
    await db.insert(effects).values(row("before"));
    const failing = db.transaction(async (tx) => {
      await tx.insert(effects).values(row("inside"));
      fail();
    });
    await expect(failing).rejects.toBe(wrong);
    await db.insert(effects).values(row("after"));
    await transaction.commit();
    expect(await committed()).toEqual(["after", "before"]);
  });

  test("nests transactions, by its own savepoints and by a further transaction of the client", async () => {
    const db = await openDrizzle();
    await db.transaction(async (outer) => {
      await outer.insert(effects).values(row("outer"));
      await outer.transaction((inner) => inner.insert(effects).values(row("own savepoint")));
      await outer.transaction((inner) => inner.insert(effects).values(row("undone")).then(fail)).catch(() => {});
      await db.transaction(async (further) => {
        await further.insert(effects).values(row("further"));
        await db.transaction((third) => third.insert(effects).values(row("undone")).then(fail)).catch(() => {});
        await db.transaction((third) => third.insert(effects).values(row("third")));
      });
      await outer.insert(effects).values(row("outer again"));
    });
    await transaction.commit();
    expect(await committed()).toEqual(["further", "outer", "outer again", "own savepoint", "third"]);
  });

  test("undoes with a transaction all that were within it", async () => {
    const db = await openDrizzle();
    const outer = db.transaction(async (tx) => {
      await db.transaction((inner) => inner.insert(effects).values(row("inner")));
      await tx.insert(effects).values(row("outer"));
      fail();
    });
    await expect(outer).rejects.toBe(wrong);
    await transaction.commit();
    expect(await committed()).toEqual([]);
  });

  test("leaves the job's transaction usable after a statement that fails inside of a transaction", async () => {
    const db = await openDrizzle();
    const failing = db.transaction(async (tx) => {
      await tx.insert(effects).values(row("undone"));
      await tx.execute("insert into effects values (null)");
    });
    await expect(failing).rejects.toMatchObject({ cause: { message: expect.stringContaining("SQLState: 23502") } });
    await db.insert(effects).values(row("kept"));
    await transaction.commit();
    expect(await committed()).toEqual(["kept"]);
  });

  test("lets nothing be committed after a statement that fails outside of one", async () => {
    const db = await openDrizzle();
    await expect(db.execute("insert into effects values (null)")).rejects.toThrow();
    await expect(transaction.commit()).rejects.toThrow(/nothing of it can be committed.*null value in column "job"/);
    await transaction.rollback();
    expect(await bench.rowOf(job)).toBeUndefined();
  });
});

describe("transactions of job.rdsData that are not nested", () => {
  const refused = expect.objectContaining({ code: "sql_not_allowed" });

  test("are refused when they run at one time, and what they wrote is undone", async () => {
    const db = await openDrizzle();
    const write = (note: string) => db.transaction((tx) => tx.insert(effects).values(row(note)));
    const ends = await Promise.allSettled([write("a"), write("b"), write("c")]);
    const done = ends.filter(({ status }) => status === "fulfilled").length;
    expect(done).toBeLessThan(3);
    for (const end of ends) {
      if (end.status === "rejected") expect(String(end.reason.cause ?? end.reason)).toMatch(/await each|not open/);
    }
    await transaction.commit();
    expect(await committed()).toHaveLength(done);
  });

  test("may follow each other", async () => {
    const db = await openDrizzle();
    for (const note of ["a", "b", "c"]) await db.transaction((tx) => tx.insert(effects).values(row(note)));
    await transaction.commit();
    expect(await committed()).toEqual(["a", "b", "c"]);
  });

  test("are told from statements beside them, which would be undone with them", async () => {
    const db = await openDrizzle();
    await db.transaction(async (tx) => {
      await expect(db.insert(effects).values(row("beside"))).rejects.toMatchObject({ cause: refused });
      await expect(transaction.sql`select 1`).rejects.toEqual(refused);
      await db.transaction(async () => {
        await expect(tx.insert(effects).values(row("around"))).rejects.toMatchObject({ cause: refused });
      });
      await tx.insert(effects).values(row("inside"));
    });
    await transaction.commit();
    expect(await committed()).toEqual(["inside"]);
  });

  test("that are open at the handler's end keep the job from being committed", async () => {
    await open();
    await transaction.rdsData.beginTransaction(elsewhere);
    await expect(transaction.commit()).rejects.toEqual(refused);
    await transaction.rollback();
    expect(await bench.rowOf(job)).toBeUndefined();
  });
});

describe("Kysely on job.rdsData", () => {
  const openKysely = async () => {
    await open();
    const driver = { client: transaction.rdsData, ...elsewhere };
    return new Kysely<{ effects: { job: string; note: string } }>({
      dialect: new DataApiDialect({ mode: "postgres", driver }),
    });
  };
  const values = (note: string) => ({ job: kyselySql<string>`${job.id}::uuid`, note });

  test("joins the job's transaction, and its transactions nest in it", async () => {
    const db = await openKysely();
    await db.insertInto("effects").values(values("plain")).execute();
    await db.transaction().execute((trx) => trx.insertInto("effects").values(values("transaction")).execute());
    const failing = db.transaction().execute(async (trx) => {
      await trx.insertInto("effects").values(values("undone")).execute();
      fail();
    });
    await expect(failing).rejects.toBe(wrong);
    expect(await db.selectFrom("effects").select("note").where("job", "=", values("").job).execute()).toHaveLength(2);
    expect(await committed()).toEqual([]);
    await transaction.commit();
    expect(await committed()).toEqual(["plain", "transaction"]);
  });
});
