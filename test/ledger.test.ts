import { randomBytes } from "node:crypto";
import { newJobId } from "@tendril/core/job-id";
import type { WireJob } from "@tendril/core/message";
import type { Database } from "@tendril/ledger/database";
import { type Claim, createLedger, type Ledger } from "@tendril/ledger/ledger";
import { openTransaction } from "@tendril/ledger/transaction";
import { virtualClock } from "@tendril/local/clock";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LocalDatabase, migrateLedger, startLocalDatabase } from "./support/local-aws.ts";

const clock = virtualClock(Date.now());
let local: LocalDatabase;
let database: Database;
let ledger: Ledger;
let name: string;

beforeAll(async () => {
  local = await startLocalDatabase({ clock });
  ({ name, database } = await local.freshDatabase());
  await migrateLedger(database);
  ledger = createLedger(database);
  await local.query(name, "create table effects (job uuid not null, note text)");
});

afterEach(() => local.wire.decide(() => "pass"));
afterAll(() => local.close());

const newJob = (): WireJob => ({ id: newJobId(Date.now(), randomBytes(16)), type: "TestJob", input: null });
const signal = new AbortController().signal;

async function claimed(job: WireJob): Promise<Extract<Claim, { kind: "claimed" }>> {
  const claim = await ledger.claim(job, "jobs", signal);
  if (claim.kind !== "claimed") throw new Error(`the claim is ${claim.kind}`);
  return claim;
}

const effectsOf = (job: WireJob) => local.query(name, "select note from effects where job = $1", [job.id]);

async function rowOf(job: WireJob): Promise<Record<string, unknown> | undefined> {
  return (await local.query(name, "select * from tendril.jobs where id = $1", [job.id]))[0];
}

const fail = (job: WireJob, attempt: number, state: "retry" | "dead") =>
  ledger.recordFailure({ job, queue: "jobs", attempt, state, error: `Error: number ${attempt}`, ranForMs: 1500 });

describe("a claim", () => {
  test("commits together with what the handler writes", async () => {
    const job = newJob();
    const { attempt, transaction } = await claimed(job);
    await transaction.sql`insert into effects values (${job.id}::uuid, ${"it's"})`;
    expect(await rowOf(job)).toBeUndefined();
    await transaction.commit();
    expect(attempt).toBe(1);
    expect(await rowOf(job)).toMatchObject({ type: "TestJob", queue: "jobs", state: "done", attempts: 1 });
    expect(await effectsOf(job)).toEqual([{ note: "it's" }]);
  });

  test("vanishes together with what the handler wrote", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    await transaction.sql`insert into effects values (${job.id}::uuid, 'gone')`;
    await transaction.rollback();
    expect(await rowOf(job)).toBeUndefined();
    expect(await effectsOf(job)).toEqual([]);
  });

  test("of a job that is done is a duplicate", async () => {
    const job = newJob();
    await (await claimed(job)).transaction.commit();
    expect(await ledger.claim(job, "jobs", signal)).toEqual({ kind: "duplicate" });
  });

  test("costs three Data API calls besides the handler's own", async () => {
    const before = local.wire.calls.length;
    const { transaction } = await claimed(newJob());
    await transaction.commit();
    const calls = local.wire.calls.slice(before).map((call) => call.path);
    expect(calls).toEqual(["/BeginTransaction", "/Execute", "/CommitTransaction"]);
  });

  test("keeps which run of which schedule it was", async () => {
    const scheduledAt = new Date("2026-11-20T10:00:00Z");
    const job = { ...newJob(), schedule: { name: "every minute", scheduledAt } };
    await (await claimed(job)).transaction.commit();
    expect(await rowOf(job)).toMatchObject({ schedule: "every minute", scheduled_at: scheduledAt });
  });
});

describe("a second delivery at the same time", () => {
  test("waits for the first, and is a duplicate when that commits", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    const second = ledger.claim(job, "jobs", signal);
    await waitForLock();
    await transaction.commit();
    expect(await second).toEqual({ kind: "duplicate" });
  });

  test("runs when the first rolls back", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    const second = ledger.claim(job, "jobs", signal);
    await waitForLock();
    await transaction.rollback();
    expect(await second).toMatchObject({ kind: "claimed", attempt: 1 });
    const claim = await second;
    if (claim.kind === "claimed") await claim.transaction.rollback();
  });

  test("is busy, without an attempt, when the first takes longer than the lock timeout", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    expect(await ledger.claim(job, "jobs", signal)).toEqual({ kind: "busy" });
    await transaction.commit();
    expect(await rowOf(job)).toMatchObject({ state: "done", attempts: 1 });
  });

  test("of fifty deliveries at once one alone has its effects", async () => {
    const job = newJob();
    const deliver = async (): Promise<string> => {
      const claim = await ledger.claim(job, "jobs", signal);
      if (claim.kind !== "claimed") return claim.kind;
      await claim.transaction.sql`insert into effects values (${job.id}::uuid, 'once')`;
      await claim.transaction.commit();
      return "done";
    };
    const ends = await Promise.all(Array.from({ length: 50 }, deliver));
    expect(ends.filter((end) => end === "done")).toHaveLength(1);
    expect(await effectsOf(job)).toHaveLength(1);
  });
});

/** Resolves when a session waits for another one's lock. */
async function waitForLock(): Promise<void> {
  for (;;) {
    const waiting = await local.query(name, "select 1 from pg_locks where not granted");
    if (waiting.length > 0) return;
  }
}

describe("a failed attempt", () => {
  test("is written down, and the next claim counts on", async () => {
    const job = newJob();
    await (await claimed(job)).transaction.rollback();
    await fail(job, 1, "retry");
    expect(await rowOf(job)).toMatchObject({ state: "retry", attempts: 1, last_error: "Error: number 1" });
    const { attempt, transaction } = await claimed(job);
    expect(attempt).toBe(2);
    await transaction.commit();
    expect(await rowOf(job)).toMatchObject({ state: "done", attempts: 2, last_error: "Error: number 1" });
  });

  test("never undoes that the job is done", async () => {
    const job = newJob();
    await (await claimed(job)).transaction.commit();
    await fail(job, 1, "dead");
    expect(await rowOf(job)).toMatchObject({ state: "done", failed_at: null });
  });

  test("of a dead job that comes back is its first again, and it is still done only once", async () => {
    const job = newJob();
    await fail(job, 5, "dead");
    const { attempt, transaction } = await claimed(job);
    expect(attempt).toBe(1);
    await transaction.commit();
    expect(await ledger.claim(job, "jobs", signal)).toEqual({ kind: "duplicate" });
  });

  test("says when it began and ended, by the database's clock", async () => {
    const job = newJob();
    await fail(job, 1, "retry");
    const row = await local.query(name, "select failed_at - started_at as ran from tendril.jobs where id = $1", [
      job.id,
    ]);
    expect(row).toEqual([{ ran: expect.objectContaining({ seconds: 1, milliseconds: 500 }) }]);
  });
});

describe("when an answer is lost", () => {
  const executes = (text: string) => (call: { path: string; body: string }) =>
    call.path === "/Execute" && call.body.includes(text);

  test("of a claim, it is not sent again, and the job stays to be done", async () => {
    const job = newJob();
    local.wire.loseAnswerOf(executes("tendril.claim"));
    await expect(ledger.claim(job, "jobs", signal)).rejects.toThrow();
    const { attempt, transaction } = await claimed(job);
    await transaction.commit();
    expect(attempt).toBe(1);
  });

  test("of a statement, it is not run twice, and nothing of the job can be committed", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    local.wire.loseAnswerOf(executes("insert into effects"));
    await transaction.sql`insert into effects values (${job.id}::uuid, 'maybe')`.catch(() => {});
    await expect(transaction.commit()).rejects.toThrow("nothing of it can be committed");
    expect(transaction.lost).toBe(true);
    await transaction.rollback();
    expect(await effectsOf(job)).toEqual([]);
    expect(await rowOf(job)).toBeUndefined();
  });

  test("of a commit, the next delivery learns that the job is done", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    await transaction.sql`insert into effects values (${job.id}::uuid, 'once')`;
    local.wire.loseAnswerOf((call) => call.path === "/CommitTransaction");
    await expect(transaction.commit()).rejects.toThrow();
    expect(transaction.lost).toBe(true);
    expect(await ledger.claim(job, "jobs", signal)).toEqual({ kind: "duplicate" });
    expect(await effectsOf(job)).toEqual([{ note: "once" }]);
  });

  test("of a begin, another transaction is begun", async () => {
    local.wire.loseAnswerOf((call) => call.path === "/BeginTransaction");
    const { transaction } = await claimed(newJob());
    await transaction.rollback();
  });

  test("of a failure's line, it is written again and counts once", async () => {
    const job = newJob();
    local.wire.loseAnswerOf(executes("tendril.record_failure"));
    await fail(job, 1, "retry");
    expect(await rowOf(job)).toMatchObject({ state: "retry", attempts: 1 });
  });
});

test("a worker that vanishes leaves a transaction that is rolled back, and the job to be done", async () => {
  const job = newJob();
  const transactionId = await database.begin();
  await database.execute("select * from tendril.claim(:p1::uuid, 'TestJob', 'jobs', null, null)", [job.id], {
    transactionId,
  });
  expect(await ledger.claim(job, "jobs", signal)).toEqual({ kind: "busy" });
  await clock.advance(3 * 60_000);
  const { attempt, transaction } = await claimed(job);
  await transaction.commit();
  expect(attempt).toBe(1);
});

describe("a transaction", () => {
  test("runs calls that were made at once one after the other, in their order", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    const { sql } = transaction;
    await Promise.all(["a", "b", "c"].map((note) => sql`insert into effects values (${job.id}::uuid, ${note})`));
    const rows = await sql`select string_agg(note, '' order by ctid) as notes from effects where job = ${job.id}::uuid`;
    expect(rows).toEqual([{ notes: "abc" }]);
    await transaction.commit();
  });

  test("waits for calls that the handler did not wait for", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    void transaction.sql`insert into effects values (${job.id}::uuid, 'late')`;
    await transaction.commit();
    expect(await effectsOf(job)).toEqual([{ note: "late" }]);
  });

  test("is not committed after a statement that failed, also when the handler took the error", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    await transaction.sql`insert into effects values (null)`.catch(() => {});
    await expect(transaction.commit()).rejects.toThrow(/nothing of it can be committed.*null value in column "job"/);
    await transaction.rollback();
    expect(await rowOf(job)).toBeUndefined();
  });

  test("is committed after a statement that failed and was undone with a savepoint", async () => {
    const job = newJob();
    const { transaction } = await claimed(job);
    const { sql } = transaction;
    await sql`savepoint before`;
    await sql`insert into effects values (null)`.catch(() => {});
    await sql`rollback to savepoint before`;
    await transaction.commit();
    expect(await rowOf(job)).toMatchObject({ state: "done" });
  });

  test("refuses calls after its end", async () => {
    const { transaction } = await claimed(newJob());
    await transaction.rollback();
    await expect(transaction.sql`select 1`).rejects.toThrow("The job's transaction has ended");
    const other = (await claimed(newJob())).transaction;
    await other.commit();
    await expect(other.sql`select 1`).rejects.toThrow("The job's transaction has ended");
  });

  test.each(["commit", "  Rollback", "begin", "END", "start transaction", "abort"])(
    "refuses %o, which is the worker's",
    async (text) => {
      const { transaction } = await claimed(newJob());
      const strings = Object.assign([text], { raw: [text] });
      await expect(transaction.sql(strings)).rejects.toThrow("allowed any statement but those");
      await transaction.rollback();
    },
  );

  test("is kept alive while no call is made", async () => {
    const before = local.wire.calls.length;
    const transaction = openTransaction(database, await database.begin(), { keepAliveMs: 5 });
    const beats = () => local.wire.calls.slice(before).filter((call) => call.body.includes("select 1")).length;
    while (beats() < 3) await new Promise((resolve) => setImmediate(resolve));
    await transaction.commit();
    const atCommit = beats();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(beats()).toBe(atCommit);
  });

  test("brings values to Postgres and back", async () => {
    const { transaction } = await claimed(newJob());
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

describe("a run that must not overlap", () => {
  let task = "";
  let count = 0;
  beforeEach(() => {
    count += 1;
    task = `task ${count}`;
  });

  const run = (minute: number): WireJob => ({
    ...newJob(),
    schedule: { name: task, scheduledAt: new Date(Date.UTC(2026, 10, 20, 10, minute)) },
    overlap: "skip",
  });
  const running = { kind: "skipped", reason: "another run of the task is running" };
  const waiting = { kind: "skipped", reason: "an earlier run of the task waits to be tried again" };

  test("is skipped for good while another run is running, and runs after it", async () => {
    const [first, second, third] = [run(0), run(1), run(2)];
    const { transaction } = await claimed(first);
    expect(await ledger.claim(second, "jobs", signal)).toEqual(running);
    expect(await rowOf(second)).toMatchObject({
      state: "skipped",
      attempts: 0,
      last_error: `skipped: ${running.reason}`,
    });
    await transaction.commit();
    expect(await ledger.claim(second, "jobs", signal)).toEqual({ kind: "duplicate" });
    await fail(second, 1, "retry");
    expect(await rowOf(second)).toMatchObject({ state: "skipped" });
    await (await claimed(third)).transaction.commit();
  });

  test("does not mind another task's run, nor runs that may overlap", async () => {
    const { transaction } = await claimed(run(0));
    const { overlap: _, ...free } = run(1);
    await (await claimed(free)).transaction.commit();
    task = `another ${task}`;
    await (await claimed(run(1))).transaction.commit();
    await transaction.rollback();
  });

  test("that is delivered a second time while it runs is no run of its own", async () => {
    const job = run(0);
    const { transaction } = await claimed(job);
    expect(await ledger.claim(job, "jobs", signal)).toEqual({ kind: "busy" });
    await transaction.commit();
    expect(await rowOf(job)).toMatchObject({ state: "done", attempts: 1 });
  });

  test("is skipped while an earlier run waits to be tried again, which itself is not", async () => {
    const [first, second, third] = [run(0), run(1), run(2)];
    await (await claimed(first)).transaction.rollback();
    await fail(first, 1, "retry");
    expect(await ledger.claim(second, "jobs", signal)).toEqual(waiting);
    const retried = await claimed(first);
    expect(retried.attempt).toBe(2);
    await retried.transaction.commit();
    await (await claimed(third)).transaction.commit();
  });

  test("runs after an earlier run that is dead, or that should have been tried again 12 hours ago", async () => {
    const [dead, lost, next] = [run(0), run(1), run(2)];
    await fail(dead, 3, "dead");
    await (await claimed(lost)).transaction.rollback();
    await fail(lost, 1, "retry");
    const age = (hours: number) =>
      local.query(name, "update tendril.jobs set failed_at = now() - $2::interval where id = $1", [
        lost.id,
        `${hours} h`,
      ]);
    await age(11.9);
    expect(await ledger.claim(run(3), "jobs", signal)).toEqual(waiting);
    await age(12.1);
    await (await claimed(next)).transaction.commit();
  });

  test("runs 3 minutes after a run that crashed, and then nothing of that is left", async () => {
    const [crashed, next] = [run(0), run(1)];
    const transactionId = await database.begin();
    const values = [crashed.id, task, crashed.schedule?.scheduledAt.toISOString() ?? ""];
    await database.execute("select tendril.claim(:p1::uuid, 'TestJob', 'jobs', :p2, :p3::text::timestamptz)", values, {
      transactionId,
    });
    await database.execute("select tendril.skip_overlap(:p1::uuid, :p2, :p3::text::timestamptz)", values, {
      transactionId,
    });
    expect(await ledger.claim(run(2), "jobs", signal)).toEqual(running);
    await clock.advance(3 * 60_000);
    await (await claimed(next)).transaction.commit();
    expect(await rowOf(crashed)).toBeUndefined();
    await (await claimed(crashed)).transaction.commit();
  });
});

describe("a database that sleeps", () => {
  const resuming = { status: 400, error: "DatabaseResumingException" };

  test("is waited for", async () => {
    const pauses: number[] = [];
    const sleepy = local.openDatabase(name, { sleep: async (ms) => void pauses.push(ms) });
    let left = 6;
    local.wire.decide(() => (left-- > 0 ? resuming : "pass"));
    expect(await sleepy.execute("select 1 as one", [])).toEqual([{ one: 1 }]);
    expect(pauses).toEqual([500, 500, 1000, 2000, 4000, 4000]);
  });

  test("is waited for 30 seconds at most", async () => {
    const pauses: number[] = [];
    const sleepy = local.openDatabase(name, { sleep: async (ms) => void pauses.push(ms) });
    local.wire.decide(() => resuming);
    await expect(sleepy.begin()).rejects.toThrow("DatabaseResumingException");
    const waitedMs = pauses.reduce((sum, ms) => sum + ms, 0);
    expect(waitedMs).toBeGreaterThan(25_000);
    expect(waitedMs).toBeLessThanOrEqual(30_000);
  });

  test("is not waited for when the signal aborts", async () => {
    local.wire.decide(() => resuming);
    const controller = new AbortController();
    const claim = ledger.claim(newJob(), "jobs", controller.signal);
    controller.abort(new Error("enough"));
    await expect(claim).rejects.toThrow();
  });
});
