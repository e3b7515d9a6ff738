import { describe, expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { openConnections } from "./connections.ts";
import { long, startTestDataApi } from "./test-data-api.ts";
import { openTransactions } from "./transactions.ts";

const statementTimeoutMs = 2_000;
const api = startTestDataApi({ statementTimeoutMs, maxConnections: 60 });

const minuteMs = 60_000;
const notFound = { name: "TransactionNotFoundException", $metadata: { httpStatusCode: 404 } };

/** Makes a table of its own with one row of id 1 for a test. */
async function table(name: string): Promise<void> {
  await api.execute(`create table ${name} (id int primary key, note text)`);
  await api.execute(`insert into ${name} values (1, 'first')`);
}

const countOf = async (name: string): Promise<unknown> => {
  const value = await api.value(`select count(*) from ${name}`);
  return value?.longValue;
};

const insert = (name: string, id: number, transactionId: string): Promise<unknown> =>
  api.execute(`insert into ${name} values (:id)`, { parameters: [long("id", id)], transactionId });

describe("a transaction", () => {
  test("shows its writes to others when it is committed", async () => {
    await table("committed");
    const transactionId = await api.begin();
    await insert("committed", 2, transactionId);
    expect(await countOf("committed")).toBe(1);
    expect(await api.commit(transactionId)).toBe("Transaction Committed");
    expect(await countOf("committed")).toBe(2);
    await expect(api.execute("select 1", { transactionId })).rejects.toMatchObject(notFound);
    await expect(api.commit(transactionId)).rejects.toMatchObject(notFound);
  });

  test("leaves nothing behind when it is rolled back", async () => {
    await table("rolled_back");
    const transactionId = await api.begin();
    await insert("rolled_back", 2, transactionId);
    expect(await api.rollback(transactionId)).toBe("Rollback Complete");
    expect(await countOf("rolled_back")).toBe(1);
  });

  test("is aborted by a failing statement, and cannot be committed then", async () => {
    await table("aborted");
    const transactionId = await api.begin();
    await insert("aborted", 2, transactionId);
    await expect(insert("aborted", 1, transactionId)).rejects.toThrow("SQLState: 23505");
    await expect(api.execute("select 1", { transactionId })).rejects.toThrow("SQLState: 25P02");
    await expect(api.commit(transactionId)).rejects.toThrow("SQLState: 25P02");
    expect(await countOf("aborted")).toBe(1);
    await expect(api.rollback(transactionId)).rejects.toMatchObject(notFound);
  });

  test("is aborted by its first statement, as by any", async () => {
    await table("aborted_at_once");
    const transactionId = await api.begin();
    await expect(insert("aborted_at_once", 1, transactionId)).rejects.toThrow("SQLState: 23505");
    await expect(insert("aborted_at_once", 2, transactionId)).rejects.toThrow("SQLState: 25P02");
    await api.rollback(transactionId);
    expect(await countOf("aborted_at_once")).toBe(1);
  });

  test("holds its first statement back, whatever that gives: rows, a batch, nothing that Postgres can read", async () => {
    await table("held_back");
    const [rows, batch, unreadable] = [await api.begin(), await api.begin(), await api.begin()];
    const sql = "insert into held_back values (2) returning id";
    expect((await api.execute(sql, { transactionId: rows })).records).toEqual([[{ longValue: 2 }]]);
    await api.batch("insert into held_back values (:id)", [[long("id", 3)], [long("id", 4)]], batch);
    await expect(api.execute("selec 1", { transactionId: unreadable })).rejects.toThrow("Position: 1; SQLState: 42601");
    expect(await countOf("held_back")).toBe(1);
    await Promise.all([api.commit(rows), api.rollback(batch), api.rollback(unreadable)]);
    expect(await countOf("held_back")).toBe(2);
  });

  test("ends without a statement, once", async () => {
    const [committed, rolledBack] = [await api.begin(), await api.begin()];
    expect(await api.commit(committed)).toBe("Transaction Committed");
    expect(await api.rollback(rolledBack)).toBe("Rollback Complete");
    await expect(api.commit(committed)).rejects.toMatchObject(notFound);
    await expect(api.execute("select 1", { transactionId: rolledBack })).rejects.toMatchObject(notFound);
  });

  test("goes on after a failing statement that a savepoint was set before", async () => {
    await table("saved");
    const transactionId = await api.begin();
    await api.execute("savepoint a", { transactionId });
    await expect(insert("saved", 1, transactionId)).rejects.toThrow("SQLState: 23505");
    await api.execute("rollback to savepoint a", { transactionId });
    await insert("saved", 2, transactionId);
    await api.commit(transactionId);
    expect(await countOf("saved")).toBe(2);
  });

  test("hears of a constraint that fails at the commit", async () => {
    await api.execute("create table late (id int unique deferrable initially deferred)");
    const transactionId = await api.begin();
    await api.batch("insert into late values (:id)", [[long("id", 1)], [long("id", 1)]], transactionId);
    await expect(api.commit(transactionId)).rejects.toThrow("SQLState: 23505");
    expect(await countOf("late")).toBe(0);
  });

  test("ends with a commit that is run as a statement", async () => {
    await table("by_hand");
    const transactionId = await api.begin();
    await insert("by_hand", 2, transactionId);
    await api.execute("commit", { transactionId });
    await expect(insert("by_hand", 3, transactionId)).rejects.toMatchObject(notFound);
    expect(await countOf("by_hand")).toBe(2);
  });

  test("runs one statement at a time", async () => {
    const transactionId = await api.begin();
    const slow = api.value("select 1 from pg_sleep(0.3)", { transactionId });
    await expect.poll(() => api.value(sleepers)).toEqual({ longValue: 1 });
    const busy = { name: "DatabaseErrorException", message: "Transaction is still running a query" };
    await expect(api.execute("select 2", { transactionId })).rejects.toMatchObject(busy);
    await expect(api.commit(transactionId)).rejects.toMatchObject(busy);
    expect(await slow).toEqual({ longValue: 1 });
    await api.rollback(transactionId);
  });

  test("belongs to its database", async () => {
    const transactionId = await api.begin();
    const run = api.execute("select 1", { transactionId, database: "postgres" });
    await expect(run).rejects.toMatchObject({ name: "BadRequestException" });
    expect(await api.value("select current_database()", { transactionId, database: "tendril" })).toEqual({
      stringValue: "tendril",
    });
    await api.rollback(transactionId);
  });

  test("keeps a setting that is local to it from the next one", async () => {
    const first = await api.begin();
    await api.execute("set local lock_timeout = '7s'", { transactionId: first });
    await api.commit(first);
    expect(await api.value("show lock_timeout")).toEqual({ stringValue: "0" });
  });

  test("is lost when its connection breaks", async () => {
    const transactionId = await api.begin();
    const pid = await api.value("select pg_backend_pid()", { transactionId });
    await api.execute("select pg_terminate_backend(:pid::int)", { parameters: [long("pid", pid?.longValue ?? 0)] });
    await expect
      .poll(() => api.execute("select 1", { transactionId }).catch((error: Error) => error.name))
      .toBe("TransactionNotFoundException");
    expect(await api.value("select 1")).toEqual({ longValue: 1 });
  });
});

const sleepers = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
const lockWaiters = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";

describe("two transactions", () => {
  test("wait for each other's locks while a third statement runs", async () => {
    await table("locked");
    const [first, second] = await Promise.all([api.begin(), api.begin()]);
    const lock = "select note from locked where id = 1 for update";
    await api.execute("update locked set note = 'second' where id = 1", { transactionId: first });
    const waiting = api.value(lock, { transactionId: second });
    await expect.poll(() => api.value(lockWaiters)).toEqual({ longValue: 1 });
    expect(await api.value("select note from locked where id = 1")).toEqual({ stringValue: "first" });
    await api.commit(first);
    expect(await waiting).toEqual({ stringValue: "second" });
    await api.commit(second);
  });

  test("fifty are open at once, each with its own writes, while other statements run", async () => {
    await api.execute("create table many (id int primary key, note text)");
    const ids = await Promise.all(Array.from({ length: 50 }, () => api.begin()));
    expect(new Set(ids).size).toBe(50);
    const seenBy = async (transactionId: string, index: number): Promise<unknown> => {
      for (let round = 0; round < 4; round++) await insert("many", index * 4 + round, transactionId);
      return (await api.value("select count(*) from many", { transactionId }))?.longValue;
    };
    const outside = Promise.all(Array.from({ length: 50 }, () => countOf("many")));
    expect(await Promise.all(ids.map(seenBy))).toEqual(ids.map(() => 4));
    expect(await outside).toEqual(ids.map(() => 0));
    await Promise.all(ids.map((id, index) => (index % 2 ? api.commit(id) : api.rollback(id))));
    expect(await countOf("many")).toBe(100);
  });
});

describe("time", () => {
  test("ends a transaction three minutes after its last call", async () => {
    await table("idle");
    const transactionId = await api.begin();
    await insert("idle", 2, transactionId);
    await api.clock.advance(3 * minuteMs - 1);
    await api.execute("select 1", { transactionId });
    await api.clock.advance(3 * minuteMs - 1);
    await insert("idle", 3, transactionId);
    await api.clock.advance(3 * minuteMs);
    await expect(api.commit(transactionId)).rejects.toMatchObject(notFound);
    expect(await countOf("idle")).toBe(1);
  });

  test("frees the locks of a transaction that it ends", async () => {
    await table("freed");
    const transactionId = await api.begin();
    await api.execute("update freed set note = 'x'", { transactionId });
    await api.clock.advance(3 * minuteMs);
    expect(await api.execute("update freed set note = 'y'")).toMatchObject({ numberOfRecordsUpdated: 1 });
  });

  test("ends a transaction 24 hours after its start, however busy it is", async () => {
    const clock = virtualClock(0);
    const options = { databaseUrl: api.postgres().url, maxConnections: 1, statementTimeoutMs };
    const connections = openConnections(options);
    const transactions = openTransactions(clock, connections);
    const transactionId = await transactions.begin(undefined);
    const use = () => transactions.use(transactionId, undefined, async () => clock.now());
    for (let hour = 0; hour < 24; hour += 0.04) {
      await use();
      await clock.advance(Math.min(0.04 * 60 * minuteMs, 24 * 60 * minuteMs - 1 - clock.now()));
    }
    expect(await use()).toBe(24 * 60 * minuteMs - 1);
    await clock.advance(1);
    await expect(use()).rejects.toMatchObject({ name: "TransactionNotFoundException" });
    await connections.close();
  });

  test("cancels a statement that runs too long, which aborts its transaction", async () => {
    const transactionId = await api.begin();
    const slow = api.execute("select 1 from pg_sleep(60)", { transactionId });
    await expect(slow).rejects.toMatchObject({ name: "StatementTimeoutException", $metadata: { httpStatusCode: 400 } });
    await expect(api.execute("select 1", { transactionId })).rejects.toThrow("25P02");
    await api.rollback(transactionId);
  });

  test("a shorter timeout of one's own is Postgres's error", async () => {
    const transactionId = await api.begin();
    await api.execute("set local statement_timeout = 20", { transactionId });
    const slow = api.execute("select 1 from pg_sleep(60)", { transactionId });
    await expect(slow).rejects.toMatchObject({ name: "DatabaseErrorException", message: /SQLState: 57014$/ });
    await api.rollback(transactionId);
  });

  test("lets a statement finish that may continue after the timeout", async () => {
    await table("continued");
    const sql = "update continued set note = 'done' from pg_sleep(2.5)";
    const run = api.execute(sql, { continueAfterTimeout: true });
    await expect.poll(() => api.value(sleepers)).toEqual({ longValue: 1 });
    const timedOut = expect(run).rejects.toMatchObject({ name: "StatementTimeoutException" });
    await api.clock.advance(statementTimeoutMs);
    await timedOut;
    await expect
      .poll(() => api.value("select note from continued"), { timeout: 10_000 })
      .toEqual({ stringValue: "done" });
  });

  test("has its timeout again for the statement after one that may continue", async () => {
    const transactionId = await api.begin();
    await api.execute("select pg_sleep(0)::text", { transactionId, continueAfterTimeout: true });
    const next = await api.value("show statement_timeout", { transactionId });
    expect(next).toEqual({ stringValue: `${statementTimeoutMs / 1000}s` });
    await api.execute("set local statement_timeout = 20", { transactionId });
    const slow = api.execute("select 1 from pg_sleep(60)", { transactionId, continueAfterTimeout: true });
    await expect(slow).rejects.toThrow("SQLState: 57014");
    const aborted = api.execute("select 1", { transactionId, continueAfterTimeout: true });
    await expect(aborted).rejects.toMatchObject({ name: "DatabaseErrorException", message: /SQLState: 25P02$/ });
    await api.rollback(transactionId);
  });

  test("holds its transaction until a statement that may continue is over", async () => {
    await table("held");
    const transactionId = await api.begin();
    const sql = "update held set note = 'late' from pg_sleep(1)";
    const run = api.execute(sql, { transactionId, continueAfterTimeout: true });
    await expect.poll(() => api.value(sleepers)).toEqual({ longValue: 1 });
    const timedOut = expect(run).rejects.toMatchObject({ name: "StatementTimeoutException" });
    await api.clock.advance(statementTimeoutMs);
    await timedOut;
    await expect(api.commit(transactionId)).rejects.toThrow("Transaction is still running a query");
    await expect
      .poll(() => api.commit(transactionId).catch(() => "busy"), { timeout: 10_000 })
      .toBe("Transaction Committed");
    expect(await api.value("select note from held")).toEqual({ stringValue: "late" });
  });
});
