import { openTransaction } from "@tendril/ledger/transaction";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type LedgerBench, needsVirtualClock, newJob, openLedgerBench, signal } from "./support/ledger-bench.ts";

let bench: LedgerBench;

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.local.wire.decide(() => "pass"));
afterAll(() => bench.close());

describe("when an answer is lost", () => {
  const executes = (text: string) => (call: { path: string; body: string }) =>
    call.path === "/Execute" && call.body.includes(text);

  test("of a claim, it is not sent again, and the job stays to be done", async () => {
    const job = newJob();
    bench.local.wire.loseAnswerOf(executes("tendril.claim"));
    await expect(bench.claim(job)).rejects.toThrow();
    const { attempt, transaction } = await bench.claimed(job);
    await transaction.commit();
    expect(attempt).toBe(1);
  });

  test("of a statement, it is not run twice, and nothing of the job can be committed", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    bench.local.wire.loseAnswerOf(executes("insert into effects"));
    await transaction.sql`insert into effects values (${job.id}::uuid, 'maybe')`.catch(() => {});
    await expect(transaction.commit()).rejects.toThrow("nothing of it can be committed");
    expect(transaction.lost).toBe(true);
    await transaction.rollback();
    expect(await bench.effectsOf(job)).toEqual([]);
    expect(await bench.rowOf(job)).toBeUndefined();
  });

  test("of a commit, the next delivery learns that the job is done", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    await transaction.sql`insert into effects values (${job.id}::uuid, 'once')`;
    bench.local.wire.loseAnswerOf((call) => call.path === "/CommitTransaction");
    await expect(transaction.commit()).rejects.toThrow();
    expect(transaction.lost).toBe(true);
    expect(await bench.claim(job)).toEqual({ kind: "duplicate", of: "done", owes: false });
    expect(await bench.effectsOf(job)).toEqual([{ note: "once" }]);
  });

  test("of a begin, another transaction is begun", async () => {
    bench.local.wire.loseAnswerOf((call) => call.path === "/BeginTransaction");
    const { transaction } = await bench.claimed(newJob());
    await transaction.rollback();
  });

  test("of a failure's line, it is written again and counts once", async () => {
    const job = newJob();
    bench.local.wire.loseAnswerOf(executes("tendril.record_failure"));
    await bench.fail(job, 1, "retry");
    expect(await bench.rowOf(job)).toMatchObject({ state: "retry", attempts: 1 });
    expect(await bench.query("select 1 from tendril.failed_attempts where job_id = $1", [job.id])).toHaveLength(1);
  });

  test("of a start's mark, it is made again and counts once", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    bench.local.wire.loseAnswerOf(executes("tendril.starts"));
    await bench.ledger.markStart(job.id, signal);
    await transaction.rollback();
    const next = await bench.claimed(job);
    expect([next.attempt, next.crashes]).toEqual([2, 1]);
    await next.transaction.rollback();
  });
});

describe("a transaction", () => {
  test("runs calls that were made at once one after the other, in their order", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const { sql } = transaction;
    await Promise.all(["a", "b", "c"].map((note) => sql`insert into effects values (${job.id}::uuid, ${note})`));
    const rows = await sql`select string_agg(note, '' order by ctid) as notes from effects where job = ${job.id}::uuid`;
    expect(rows).toEqual([{ notes: "abc" }]);
    await transaction.commit();
  });

  test("waits for calls that the handler did not wait for", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    void transaction.sql`insert into effects values (${job.id}::uuid, 'late')`;
    await transaction.commit();
    expect(await bench.effectsOf(job)).toEqual([{ note: "late" }]);
  });

  test("is not committed after a statement that failed, also when the handler took the error", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    await transaction.sql`insert into effects values (null)`.catch(() => {});
    await expect(transaction.commit()).rejects.toThrow(/nothing of it can be committed.*null value in column "job"/);
    await transaction.rollback();
    expect(await bench.rowOf(job)).toBeUndefined();
  });

  test("is committed after a statement that failed and was undone with a savepoint", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const { sql } = transaction;
    await sql`savepoint before`;
    await sql`insert into effects values (null)`.catch(() => {});
    await sql`rollback to savepoint before`;
    await transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ state: "done" });
  });

  test("refuses calls after its end", async () => {
    const { transaction } = await bench.claimed(newJob());
    await transaction.rollback();
    await expect(transaction.sql`select 1`).rejects.toMatchObject({ code: "transaction_ended" });
    const other = (await bench.claimed(newJob())).transaction;
    await other.commit();
    await expect(other.sql`select 1`).rejects.toMatchObject({ code: "transaction_ended" });
  });

  test.each([
    "commit",
    "  Rollback",
    "begin",
    "END",
    "start transaction",
    "abort",
    "-- now\n commit",
    "/* a /* b */ */ rollback",
  ])("refuses %o, which is the worker's", async (text) => {
    const { transaction } = await bench.claimed(newJob());
    const strings = Object.assign([text], { raw: [text] });
    await expect(transaction.sql(strings)).rejects.toMatchObject({ code: "sql_not_allowed" });
    await transaction.commit();
  });

  test("takes a value that cannot be sent for the handler's fault, and can still be committed", async () => {
    const { transaction } = await bench.claimed(newJob());
    await expect(transaction.sql`select ${Number.NaN}`).rejects.toMatchObject({ code: "sql_value_invalid" });
    expect(transaction.lost).toBe(false);
    await transaction.commit();
  });

  test("lasts ten minutes without a call of the handler", async (context) => {
    needsVirtualClock(context);
    const calls = bench.local.wire.calls;
    const id = await bench.database.begin();
    const transaction = openTransaction(bench.database, id, { keepAliveMs: 5 });
    await transaction.sql`insert into effects values (${newJob().id}::uuid, 'ten minutes')`;
    for (let minute = 0; minute < 10; minute += 1) {
      const before = calls.length;
      // Two calls: the first of them may have been under way.
      while (calls.length < before + 2) await new Promise((resolve) => setImmediate(resolve));
      await bench.clock.advance(60_000);
    }
    await transaction.commit();
    expect(await bench.query("select note from effects where note = 'ten minutes'")).toHaveLength(1);
  });

  test("is kept alive while no call is made", async () => {
    const before = bench.local.wire.calls.length;
    const transaction = openTransaction(bench.database, await bench.database.begin(), { keepAliveMs: 5 });
    const beats = () => bench.local.wire.calls.slice(before).filter((call) => call.body.includes("select 1")).length;
    while (beats() < 3) await new Promise((resolve) => setImmediate(resolve));
    await transaction.commit();
    const atCommit = beats();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(beats()).toBe(atCommit);
  });

  test("brings values to Postgres and back", async () => {
    const { transaction } = await bench.claimed(newJob());
    const [row] = await transaction.sql`select
      ${"a ' :text"} as text, ${12} as whole, ${0.5} as real, ${2n ** 62n} as big, ${true} as yes, ${null}::int as nothing,
      ${new Date("2026-11-20T10:00:00.123Z")} as time, ${new Uint8Array([1, 255])} as bytes, ${{ a: [1, null] }} as json`;
    expect(row).toMatchObject({
      text: "a ' :text",
      whole: 12,
      real: 0.5,
      yes: true,
      nothing: null,
      time: "2026-11-20 10:00:00.123",
    });
    expect(BigInt(String(row?.big))).toBe(2n ** 62n);
    expect(JSON.parse(String(row?.json))).toEqual({ a: [1, null] });
    await transaction.rollback();
  });
});

describe("a database that sleeps", () => {
  const resuming = { status: 400, error: "DatabaseResumingException" };

  test("is waited for", async () => {
    const pauses: number[] = [];
    const sleepy = bench.local.openDatabase(bench.name, { sleep: async (ms) => void pauses.push(ms) });
    let left = 6;
    bench.local.wire.decide(() => (left-- > 0 ? resuming : "pass"));
    expect(await sleepy.execute("select 1 as one", [])).toEqual([{ one: 1 }]);
    expect(pauses).toEqual([500, 500, 1000, 2000, 4000, 4000]);
  });

  test("is waited for 30 seconds at most", async () => {
    const pauses: number[] = [];
    const sleepy = bench.local.openDatabase(bench.name, { sleep: async (ms) => void pauses.push(ms) });
    bench.local.wire.decide(() => resuming);
    await expect(sleepy.begin()).rejects.toThrow("DatabaseResumingException");
    const waitedMs = pauses.reduce((sum, ms) => sum + ms, 0);
    expect(waitedMs).toBeGreaterThan(25_000);
    expect(waitedMs).toBeLessThanOrEqual(30_000);
  });

  test("is not waited for when the signal aborts", async () => {
    bench.local.wire.decide(() => resuming);
    const controller = new AbortController();
    const claim = bench.ledger.claim({ job: newJob(), queue: "jobs", messageId: "any" }, controller.signal);
    controller.abort(new Error("enough"));
    await expect(claim).rejects.toThrow();
  });
});
