import type { WireJob } from "@tendril/core/message";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type LedgerBench, needsVirtualClock, newJob, openLedgerBench } from "./support/ledger-bench.ts";

let bench: LedgerBench;

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.local.wire.decide(() => "pass"));
afterAll(() => bench.close());

describe("a claim", () => {
  test("commits together with what the handler writes", async () => {
    const job = newJob();
    const { attempt, transaction } = await bench.claimed(job);
    await transaction.sql`insert into effects values (${job.id}::uuid, ${"it's"})`;
    expect(await bench.rowOf(job)).toBeUndefined();
    await transaction.commit();
    expect(attempt).toBe(1);
    expect(await bench.rowOf(job)).toMatchObject({ type: "TestJob", queue: "jobs", state: "done", attempts: 1 });
    expect(await bench.effectsOf(job)).toEqual([{ note: "it's" }]);
  });

  test("vanishes together with what the handler wrote", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    await transaction.sql`insert into effects values (${job.id}::uuid, 'gone')`;
    await transaction.rollback();
    expect(await bench.rowOf(job)).toBeUndefined();
    expect(await bench.effectsOf(job)).toEqual([]);
  });

  test("of a job that is done is a duplicate", async () => {
    const job = newJob();
    await (await bench.claimed(job)).transaction.commit();
    expect(await bench.claim(job)).toEqual({ kind: "duplicate", of: "done", owes: false });
  });

  test("costs three Data API calls besides the handler's own", async () => {
    const before = bench.local.wire.calls.length;
    const { transaction } = await bench.claimed(newJob());
    await transaction.commit();
    const calls = bench.local.wire.calls.slice(before).map((call) => call.path);
    expect(calls).toEqual(["/BeginTransaction", "/Execute", "/CommitTransaction"]);
  });

  test("says when its transaction was committed, without a further call", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const [before] = await bench.query("select clock_timestamp()::text as time");
    await transaction.commit();
    const sql =
      "select started_at < $2::text::timestamptz and finished_at between $2::text::timestamptz and clock_timestamp() as fits from tendril.jobs where id = $1";
    expect(await bench.query(sql, [job.id, before?.time])).toEqual([{ fits: true }]);
  });

  test("keeps which run of which schedule it was", async () => {
    const scheduledAt = new Date("2026-11-20T10:00:00Z");
    const job = { ...newJob(), schedule: { name: "every minute", scheduledAt } };
    await (await bench.claimed(job)).transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ schedule: "every minute", scheduled_at: scheduledAt });
  });
});

describe("a second delivery at the same time", () => {
  test("waits for the first, and is a duplicate when that commits", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const second = bench.claim(job);
    await waitForLock();
    await transaction.commit();
    expect(await second).toEqual({ kind: "duplicate", of: "done", owes: false });
  });

  test("runs when the first rolls back", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const second = bench.claim(job);
    await waitForLock();
    await transaction.rollback();
    expect(await second).toMatchObject({ kind: "claimed", attempt: 1 });
    const claim = await second;
    if (claim.kind === "claimed") await claim.transaction.rollback();
  });

  test("is busy, without an attempt, when the first takes longer than the lock timeout", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    expect(await bench.claim(job)).toEqual({ kind: "busy" });
    await transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", attempts: 1 });
  });

  test("of fifty deliveries at once one alone has its effects", async () => {
    const job = newJob();
    const deliver = async (): Promise<string> => {
      const claim = await bench.claim(job);
      if (claim.kind !== "claimed") return claim.kind;
      await claim.transaction.sql`insert into effects values (${job.id}::uuid, 'once')`;
      await claim.transaction.commit();
      return "done";
    };
    const ends = await Promise.all(Array.from({ length: 50 }, deliver));
    expect(ends.filter((end) => end === "done")).toHaveLength(1);
    expect(await bench.effectsOf(job)).toHaveLength(1);
  });
});

/** Resolves when a session waits for another one's lock. */
async function waitForLock(): Promise<void> {
  for (;;) {
    const waiting = await bench.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (waiting.length > 0) return;
  }
}

describe("a failed attempt", () => {
  test("is written down, and the next claim counts on", async () => {
    const job = newJob();
    await (await bench.claimed(job)).transaction.rollback();
    await bench.fail(job, 1, "retry");
    expect(await bench.rowOf(job)).toMatchObject({ state: "retry", attempts: 1, last_error: "Error: number 1" });
    const { attempt, transaction } = await bench.claimed(job);
    expect(attempt).toBe(2);
    await transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", attempts: 2, last_error: "Error: number 1" });
  });

  test("changes nothing of a job that another delivery has done meanwhile", async () => {
    const job = newJob();
    await (await bench.claimed(job)).transaction.commit();
    const before = await bench.rowOf(job);
    await bench.fail(job, 1, "retry");
    await bench.fail(job, 1, "dead");
    expect(await bench.rowOf(job)).toEqual(before);
    expect(await failuresOf(job)).toEqual([]);
  });

  test("that is written down late neither takes attempts back nor wakes the dead", async () => {
    const job = newJob();
    await bench.fail(job, 2, "retry");
    await bench.fail(job, 1, "retry");
    expect(await bench.rowOf(job)).toMatchObject({ state: "retry", attempts: 2 });
    await bench.fail(job, 3, "dead");
    await bench.fail(job, 2, "retry");
    expect(await bench.rowOf(job)).toMatchObject({ state: "dead", attempts: 3 });
  });

  test("of a job without a letter counts on after attempts that were made", async () => {
    const job = newJob();
    await bench.fail(job, 2, "retry");
    await bench.fail(job, 0, "retry");
    expect((await bench.claimed(job)).attempt).toBe(3);
  });

  test("has a line of its own for each of the job's lives", async () => {
    const job = newJob();
    await bench.fail(job, 1, "retry");
    await bench.fail(job, 2, "dead");
    await bench.fail(job, 1, "retry", "sent back");
    await (await bench.claimed(job, "sent back")).transaction.commit();
    expect(await failuresOf(job)).toEqual([
      { attempt: 1, state: "retry", error: "Error: number 1" },
      { attempt: 2, state: "dead", error: "Error: number 2" },
      { attempt: 1, state: "retry", error: "Error: number 1" },
    ]);
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", attempts: 2 });
  });

  test("says when it began and ended, by the database's clock", async () => {
    const job = newJob();
    await bench.fail(job, 1, "retry");
    const row = await bench.query(
      "select extract(epoch from failed_at - started_at)::float8 as seconds from tendril.jobs where id = $1",
      [job.id],
    );
    expect(row).toEqual([{ seconds: 1.5 }]);
  });
});

const failuresOf = (job: WireJob) =>
  bench.query("select attempt, state, error from tendril.failed_attempts where job_id = $1 order by failed_at", [
    job.id,
  ]);

describe("a dead job", () => {
  test("is dead for every further delivery of its message", async () => {
    const job = newJob();
    await bench.fail(job, 5, "dead", "m1");
    expect(await bench.claim(job, "m1")).toEqual({ kind: "duplicate", of: "dead", owes: false });
    expect(await bench.rowOf(job)).toMatchObject({ state: "dead", attempts: 5, message_id: "m1" });
  });

  test("that comes back in another message begins with attempt 1, and is still done only once", async () => {
    const job = newJob();
    await bench.fail(job, 5, "dead", "m1");
    const { attempt, crashes, transaction } = await bench.claimed(job, "m2");
    expect([attempt, crashes]).toEqual([1, 0]);
    await transaction.commit();
    for (const message of ["m1", "m2", "m3"]) {
      expect(await bench.claim(job, message)).toEqual({ kind: "duplicate", of: "done", owes: false });
    }
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", attempts: 1, message_id: null });
  });

  test("that died before it was known of which message comes back with any", async () => {
    const job = newJob();
    await bench.fail(job, 5, "dead", "m1");
    await bench.query("update tendril.jobs set message_id = null where id = $1", [job.id]);
    expect((await bench.claimed(job, "m1")).attempt).toBe(1);
  });
});

test("a worker that vanishes leaves a transaction that is rolled back, and the job to be done", async (context) => {
  needsVirtualClock(context);
  const job = newJob();
  const transactionId = await bench.database.begin();
  await bench.database.execute("select * from tendril.claim(:p1::uuid, 'TestJob', 'jobs', 'm', null, null)", [job.id], {
    transactionId,
  });
  expect(await bench.claim(job)).toEqual({ kind: "busy" });
  await bench.clock.advance(3 * 60_000);
  const { attempt, transaction } = await bench.claimed(job);
  await transaction.commit();
  expect(attempt).toBe(1);
});
