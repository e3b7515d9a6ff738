import {
  BatchExecuteStatementCommand,
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteSqlCommand,
  ExecuteStatementCommand,
  RollbackTransactionCommand,
} from "@aws-sdk/client-rds-data";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Claimed, type LedgerBench, needsLocalWire, newJob, openLedgerBench } from "./support/ledger-bench.ts";

let bench: LedgerBench;
let job = newJob();
let transaction: Claimed["transaction"];

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.local.wire.decide(() => "pass"));
afterAll(() => bench.close());

/** What libraries insist on: nothing of it is used. */
const elsewhere = { resourceArn: "arn:elsewhere", secretArn: "arn:elsewhere", database: "elsewhere" };

async function open(): Promise<void> {
  job = newJob();
  ({ transaction } = await bench.claimed(job));
}

const committed = async (): Promise<unknown[]> =>
  (await bench.query("select note from effects where job = $1 order by note", [job.id])).map(({ note }) => note);

describe("the SDK's commands on job.rdsData", () => {
  const insert = (note: string) => ({
    ...elsewhere,
    sql: "insert into effects values (:job::uuid, :note)",
    parameters: [
      { name: "job", value: { stringValue: job.id } },
      { name: "note", value: { stringValue: note } },
    ],
  });

  test("have the answers that the Data API gives", async () => {
    await open();
    const client = transaction.rdsData;
    expect(await client.send(new ExecuteStatementCommand(insert("a")))).toMatchObject({ numberOfRecordsUpdated: 1 });
    const { parameters: _, ...batch } = insert("");
    const parameterSets = ["b", "c"].map((note) => insert(note).parameters);
    const { updateResults } = await client.send(new BatchExecuteStatementCommand({ ...batch, parameterSets }));
    expect(updateResults).toHaveLength(2);
    const { transactionId } = await client.send(new BeginTransactionCommand(elsewhere));
    await client.send(new ExecuteStatementCommand({ ...insert("d"), transactionId }));
    const committing = new CommitTransactionCommand({ ...elsewhere, transactionId });
    expect(await client.send(committing)).toMatchObject({ transactionStatus: "Transaction Committed" });
    const { transactionId: another } = await client.beginTransaction(elsewhere);
    await client.executeStatement({ ...insert("e"), transactionId: another });
    const undoing = new RollbackTransactionCommand({ ...elsewhere, transactionId: another });
    expect(await client.send(undoing)).toMatchObject({ transactionStatus: "Rollback Complete" });
    client.destroy();
    await transaction.commit();
    expect(await committed()).toEqual(["a", "b", "c", "d"]);
  });

  test.each(["commit", "rollback", "begin", "/* mine */ end"])("refuse %o as job.sql does", async (sql) => {
    await open();
    const run = transaction.rdsData.executeStatement({ ...elsewhere, sql });
    await expect(run).rejects.toMatchObject({ code: "sql_not_allowed" });
    await transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ state: "done" });
  });

  test("refuse a transaction that is not open, and what is no call of Postgres'", async () => {
    await open();
    const client = transaction.rdsData;
    const ended = { code: "transaction_ended" };
    const { transactionId } = await client.beginTransaction(elsewhere);
    await client.commitTransaction({ ...elsewhere, transactionId });
    await expect(client.commitTransaction({ ...elsewhere, transactionId })).rejects.toMatchObject(ended);
    await expect(client.rollbackTransaction({ ...elsewhere, transactionId })).rejects.toMatchObject(ended);
    await expect(client.executeStatement({ ...insert("a"), transactionId })).rejects.toMatchObject(ended);
    const old = new ExecuteSqlCommand({
      dbClusterOrInstanceArn: "a",
      awsSecretStoreArn: "b",
      sqlStatements: "select 1",
    });
    await expect(client.send(old)).rejects.toMatchObject({ code: "sql_not_allowed" });
    await transaction.commit();
  });

  test("refuse everything after the job's end", async () => {
    await open();
    const client = transaction.rdsData;
    const { transactionId } = await client.beginTransaction(elsewhere);
    await transaction.rollback();
    for (const late of [
      () => client.executeStatement(insert("late")),
      () => client.beginTransaction(elsewhere),
      () => client.commitTransaction({ ...elsewhere, transactionId }),
      () => client.rollbackTransaction({ ...elsewhere, transactionId }),
    ]) {
      await expect(late()).rejects.toMatchObject({ code: "transaction_ended" });
    }
  });

  test("run one after the other, in the order in which they were made", async () => {
    await open();
    const client = transaction.rdsData;
    const notes = Array.from({ length: 20 }, (_, index) => String(index).padStart(2, "0"));
    await Promise.all(notes.map((note) => client.executeStatement(insert(note))));
    const [order] =
      await transaction.sql`select string_agg(note, ' ' order by ctid) as notes from effects where job = ${job.id}::uuid`;
    expect(order).toEqual({ notes: notes.join(" ") });
    await transaction.commit();
  });

  test("are not repeated when an answer is lost, and nothing is committed then", async () => {
    await open();
    bench.local.wire.loseAnswerOf((call) => call.path === "/Execute");
    await expect(transaction.rdsData.executeStatement(insert("maybe"))).rejects.toThrow();
    expect(transaction.lost).toBe(true);
    await expect(transaction.commit()).rejects.toThrow("nothing of it can be committed");
    await transaction.rollback();
    expect(await committed()).toEqual([]);
  });

  test("that the handler aborts are the job's own fault, and nothing is committed after them", async (context) => {
    needsLocalWire(context);
    await open();
    const controller = new AbortController();
    bench.local.wire.decide((call) => {
      if (!call.body.includes("pg_sleep")) return "pass";
      controller.abort();
      return "lose the call";
    });
    const slow = { ...elsewhere, sql: "select pg_sleep(60)::text" };
    const run = transaction.rdsData.executeStatement(slow, { abortSignal: controller.signal });
    await expect(run).rejects.toMatchObject({ name: "AbortError" });
    expect(transaction.lost).toBe(false);
    await expect(transaction.commit()).rejects.toThrow("nothing of it can be committed");
    await transaction.rollback();
  });

  test("that are no commands are the job's own fault", async () => {
    await open();
    const noCommand = { ...elsewhere, sql: "select 1", parameters: 7 };
    // @ts-expect-error The parameters are no list.
    await expect(transaction.rdsData.executeStatement(noCommand)).rejects.toThrow("Expected a list");
    expect(transaction.lost).toBe(false);
    await transaction.commit();
  });

  test("of one job join its own transaction", async () => {
    await open();
    const first = { job, transaction };
    await open();
    await first.transaction.rdsData.executeStatement(insert("the first one's"));
    await transaction.rollback();
    await first.transaction.commit();
    expect(await committed()).toEqual(["the first one's"]);
  });
});
