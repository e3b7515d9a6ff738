import type { WireJob } from "@tendril/core/message";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type Claimed,
  type LedgerBench,
  needsVirtualClock,
  newJob,
  openLedgerBench,
  signal,
} from "./support/ledger-bench.ts";

let bench: LedgerBench;

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

/** An attempt whose process dies: its start is marked, and its transaction is left to the Data API. */
async function crash(job: WireJob): Promise<void> {
  const transactionId = await bench.database.begin();
  const values = [job.id, "TestJob", "jobs", "m"];
  const claim = "select * from tendril.claim(:p1::uuid, :p2, :p3, :p4, null, null)";
  await bench.database.execute(claim, values, { transactionId });
  await bench.ledger.markStart(job.id, signal);
  await bench.clock.advance(3 * 60_000);
}

const marksOf = (job: WireJob) => bench.query("select 1 from tendril.starts where job_id = $1", [job.id]);

describe("an attempt whose process dies", () => {
  beforeEach(needsVirtualClock);

  test("is counted by the next claim, and no more by those after it", async () => {
    const job = newJob();
    await crash(job);
    const second = await bench.claimed(job);
    expect([second.attempt, second.crashes]).toEqual([2, 1]);
    await second.transaction.rollback();
    await bench.fail(job, 2, "retry");
    const third = await bench.claimed(job);
    expect([third.attempt, third.crashes]).toEqual([3, 0]);
    await third.transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", attempts: 3 });
  });

  test("is counted again when the claim that counted it is undone, and still once", async () => {
    const job = newJob();
    await crash(job);
    for (let round = 0; round < 3; round += 1) {
      const { attempt, crashes, transaction } = await bench.claimed(job);
      expect([attempt, crashes]).toEqual([2, 1]);
      await transaction.rollback();
    }
  });

  test("counts each time", async () => {
    const job = newJob();
    for (let round = 0; round < 3; round += 1) await crash(job);
    const { attempt, crashes, transaction } = await bench.claimed(job);
    expect([attempt, crashes]).toEqual([4, 3]);
    await transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", attempts: 4 });
  });

  test("counts after attempts that failed in words, and after a return from the dead", async () => {
    const job = newJob();
    await bench.fail(job, 3, "retry", "m");
    await crash(job);
    const claim = await bench.claimed(job, "m");
    expect([claim.attempt, claim.crashes]).toEqual([5, 1]);
    await claim.transaction.rollback();
    await bench.fail(job, 5, "dead", "m");
    const back = await bench.claimed(job, "another");
    expect([back.attempt, back.crashes]).toEqual([1, 0]);
    await back.transaction.rollback();
  });

  test("leaves no job that looks as if it ran", async () => {
    const job = newJob();
    await crash(job);
    expect(await bench.rowOf(job)).toBeUndefined();
    expect(await marksOf(job)).toHaveLength(1);
  });
});

describe("the mark of a start", () => {
  test("is made while the job's transaction is open, and does not wait for it", async () => {
    const job = newJob();
    await bench.fail(job, 1, "retry");
    const { transaction } = await bench.claimed(job);
    await Promise.all([1, 2, 3].map(() => bench.ledger.markStart(job.id, signal)));
    expect(await marksOf(job)).toHaveLength(3);
    await transaction.rollback();
  });

  test("goes when the job is done", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    await bench.ledger.markStart(job.id, signal);
    await transaction.commit();
    expect(await marksOf(job)).toEqual([]);
    expect(await bench.rowOf(job)).toMatchObject({ attempts: 1 });
  });

  test("goes when the failure is written down", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    await bench.ledger.markStart(job.id, signal);
    await transaction.rollback();
    await bench.fail(job, 1, "retry");
    const next = await bench.claimed(job);
    expect([next.attempt, next.crashes]).toEqual([2, 0]);
    await next.transaction.rollback();
  });

  test("counts for a failure that could not be written down", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    await bench.ledger.markStart(job.id, signal);
    await transaction.rollback();
    expect((await bench.claimed(job)).attempt).toBe(2);
  });
});

/** How a delivery goes on once its job is claimed, or that the job is sent back in another message. */
type Step = "commits" | "fails" | "dies" | "crashes unmarked" | "crashes marked" | "is redriven";
const steps: Step[] = ["commits", "fails", "dies", "crashes unmarked", "crashes marked", "is redriven"];

/** What the ledger must know of one job. */
interface Known {
  state: "new" | "retry" | "dead" | "done";
  attempts: number;
  marks: number;
  message: number;
  diedOf: number | undefined;
}

async function endAttempt(step: Step, job: WireJob, { attempt, transaction }: Claimed, known: Known): Promise<void> {
  await transaction.sql`insert into effects values (${job.id}::uuid, ${step})`;
  if (step === "crashes marked") await bench.ledger.markStart(job.id, signal);
  if (step === "commits") await transaction.commit();
  else await transaction.rollback();
  if (step === "crashes marked") known.marks += 1;
  if (step === "crashes marked" || step === "crashes unmarked") return;
  known.marks = 0;
  known.attempts = attempt;
  known.state = step === "commits" ? "done" : step === "dies" ? "dead" : "retry";
  known.diedOf = step === "dies" ? known.message : undefined;
  if (step === "commits") return;
  await bench.fail(job, attempt, step === "dies" ? "dead" : "retry", `message ${known.message}`);
}

async function deliver(step: Step, job: WireJob, known: Known): Promise<void> {
  const claim = await bench.claim(job, `message ${known.message}`);
  if (known.state === "done" || (known.state === "dead" && known.diedOf === known.message)) {
    expect(claim).toEqual({ kind: "duplicate", of: known.state, owes: false });
    return;
  }
  const attempt = (known.state === "dead" ? 0 : known.attempts) + known.marks + 1;
  expect(claim).toMatchObject({ kind: "claimed", attempt, crashes: known.marks });
  if (claim.kind === "claimed") await endAttempt(step, job, claim, known);
}

test("whatever becomes of its deliveries, a job's attempts are counted and its effects happen once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...steps), { maxLength: 12 }), async (history) => {
      const job = newJob();
      const known: Known = { state: "new", attempts: 0, marks: 0, message: 0, diedOf: undefined };
      for (const step of history) {
        if (step === "is redriven") known.message += 1;
        else await deliver(step, job, known);
      }
      expect(await bench.effectsOf(job)).toEqual(known.state === "done" ? [{ note: "commits" }] : []);
      const row = await bench.rowOf(job);
      expect(row?.state ?? "new").toBe(known.state);
      expect(row?.attempts ?? 0).toBe(known.attempts);
    }),
    { numRuns: 20 },
  );
});
