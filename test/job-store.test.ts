import { createHash, randomBytes } from "node:crypto";
import { keyedJobId, newJobId } from "@tendril/core/job-id";
import type { JobStore, KeyedJob } from "@tendril/core/job-record";
import type { WireJob } from "@tendril/core/message";
import { createJobStore } from "@tendril/ledger/job-store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LedgerBench, newJob, openLedgerBench, signal } from "./support/ledger-bench.ts";

let bench: LedgerBench;
let store: JobStore;

beforeAll(async () => {
  bench = await openLedgerBench();
  store = createJobStore(bench.database);
});
afterAll(() => bench.close());

const read = (job: Pick<WireJob, "id">) => store.read(job.id, signal);
const cancel = ({ id, type }: Pick<WireJob, "id" | "type">) => store.cancel({ id, type, queue: "jobs" }, signal);
const note = (...jobs: KeyedJob[]) => store.note(jobs, signal);

function keyedJob(input = "some data", key = randomBytes(8).toString("hex")): KeyedJob {
  const inputHash = createHash("sha256").update(JSON.stringify(input)).digest("hex");
  return { id: keyedJobId("TestJob", key), type: "TestJob", queue: "jobs", inputHash };
}

const asWireJob = ({ id, type }: Pick<KeyedJob, "id" | "type">): WireJob => ({ id, type, input: null });

const cancelled = { kind: "skipped", reason: "cancelled before it began" };

describe("a job that is asked for", () => {
  test("is not known before it has begun, unless it was noted", async () => {
    expect(await read(newJob())).toBeUndefined();
    const job = keyedJob();
    await note(job);
    expect(await read(job)).toEqual({
      id: job.id,
      type: "TestJob",
      queue: "jobs",
      state: "queued",
      attempts: 0,
      enqueuedAt: expect.any(Date),
    });
  });

  test("is running while its claim is open, before anything of it is committed", async () => {
    const [job, keyed] = [newJob(), keyedJob()];
    await note(keyed);
    const [first, second] = [await bench.claimed(job), await bench.claimed(asWireJob(keyed))];
    expect(await read(job)).toMatchObject({ state: "running", attempts: 0, type: "unknown", queue: "unknown" });
    expect(await read(keyed)).toMatchObject({ state: "running", attempts: 0, type: "TestJob", queue: "jobs" });
    await first.transaction.rollback();
    await second.transaction.rollback();
    expect(await read(job)).toBeUndefined();
    expect(await read(keyed)).toMatchObject({ state: "queued" });
  });

  test("is running in a later attempt too, although its row says how the attempt before ended", async () => {
    const job = newJob();
    await bench.fail(job, 1, "retry");
    expect(await read(job)).toMatchObject({ state: "retry", attempts: 1, lastError: "Error: number 1" });
    const { transaction } = await bench.claimed(job);
    expect(await read(job)).toMatchObject({ state: "running", attempts: 1, type: "TestJob" });
    await transaction.commit();
    expect(await read(job)).toMatchObject({ state: "done", attempts: 2 });
  });

  test("never falls back while it is looked at again and again", async () => {
    const falls: string[] = [];
    const watch = async (job: KeyedJob): Promise<void> => {
      const order = ["queued", "running", "done"];
      let last = "queued";
      while (last !== "done") {
        const state = (await read(job))?.state ?? "unknown";
        if (order.indexOf(state) < order.indexOf(last)) falls.push(`${last} ${state}`);
        last = state;
      }
    };
    const jobs = Array.from({ length: 20 }, () => keyedJob());
    await note(...jobs);
    await Promise.all(
      jobs.map(async (job) => {
        const watched = watch(job);
        await (await bench.claimed(asWireJob(job))).transaction.commit();
        await watched;
      }),
    );
    expect(falls).toEqual([]);
  });

  test("is running when it was dead and was sent back", async () => {
    const job = newJob();
    await bench.fail(job, 5, "dead", "m1");
    expect(await read(job)).toMatchObject({ state: "dead", attempts: 5 });
    const { transaction } = await bench.claimed(job, "m2");
    expect(await read(job)).toMatchObject({ state: "running" });
    await transaction.rollback();
    expect(await read(job)).toMatchObject({ state: "dead" });
  });

  test("is done with its result and its times", async () => {
    const madeAt = new Date("2026-11-20T10:00:00.123Z");
    const scheduledAt = new Date("2026-11-20T10:00:00Z");
    const id = newJobId(madeAt.getTime(), randomBytes(16));
    const job: WireJob = { id, type: "TestJob", input: null, schedule: { name: "nightly", scheduledAt } };
    const { transaction } = await bench.claimed(job);
    await bench.ledger.finish(transaction, { jobId: id, result: '{"rows": [1, "ä"]}', followUps: [] });
    await transaction.commit();
    const record = await read(job);
    expect(record).toEqual({
      id,
      type: "TestJob",
      queue: "jobs",
      state: "done",
      attempts: 1,
      enqueuedAt: madeAt,
      firstStartedAt: expect.any(Date),
      startedAt: expect.any(Date),
      finishedAt: expect.any(Date),
      result: { rows: [1, "ä"] },
      schedule: { name: "nightly", scheduledAt },
    });
    const [row] = await bench.query("select started_at, finished_at from tendril.jobs where id = $1", [id]);
    expect([record?.startedAt, record?.finishedAt]).toEqual([row?.started_at, row?.finished_at]);
  });

  test("gives a result that is longer in the database than a row of the Data API", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const result = Array.from({ length: 25_000 }, (_, index) => index % 10);
    await bench.ledger.finish(transaction, { jobId: job.id, result: JSON.stringify(result), followUps: [] });
    await transaction.commit();
    expect((await read(job))?.result).toEqual(result);
  });

  test("that returned null has that result, and one that returned nothing has none", async () => {
    const [withNull, without] = [newJob(), newJob()];
    const { transaction } = await bench.claimed(withNull);
    await bench.ledger.finish(transaction, { jobId: withNull.id, result: "null", followUps: [] });
    await transaction.commit();
    await (await bench.claimed(without)).transaction.commit();
    expect(await read(withNull)).toHaveProperty("result", null);
    expect(await read(without)).not.toHaveProperty("result");
  });

  test("is queued while it waits in another job's outbox", async () => {
    const parent = newJob();
    const id = keyedJobId("MailJob", parent.id);
    const { transaction } = await bench.claimed(parent);
    const body = JSON.stringify({ job_type: "MailJob", data: 1 });
    const followUps = [{ id, queue: "mail", body, attributes: {} }];
    await bench.ledger.finish(transaction, { jobId: parent.id, followUps });
    expect(await read({ id })).toBeUndefined();
    await transaction.commit();
    expect(await read({ id })).toEqual({ id, type: "MailJob", queue: "mail", state: "queued", attempts: 0 });
  });

  test("that was skipped has ended and never started", async () => {
    const scheduledAt = new Date("2026-11-20T10:00:00Z");
    const run = (minutes: number): WireJob => ({
      ...newJob(),
      schedule: { name: "overlapping", scheduledAt: new Date(scheduledAt.getTime() + minutes * 60_000) },
      overlap: "skip",
    });
    const [first, second] = [run(0), run(1)];
    const { transaction } = await bench.claimed(first);
    await bench.claim(second);
    await transaction.commit();
    const record = await read(second);
    expect(record).toMatchObject({ state: "skipped", attempts: 0, finishedAt: expect.any(Date) });
    expect(record).not.toHaveProperty("startedAt");
  });
});

describe("a job that is cancelled", () => {
  test("is skipped by its deliveries, for good", async () => {
    const job = newJob();
    expect(await cancel(job)).toEqual({ kind: "cancelled" });
    expect(await bench.claim(job)).toEqual(cancelled);
    expect(await bench.claim(job, "another message")).toEqual(cancelled);
    await bench.fail(job, 1, "retry");
    await bench.fail(job, 5, "dead");
    expect(await bench.rowOf(job)).toMatchObject({ state: "cancelled", attempts: 0, last_error: null });
    const record = await read(job);
    expect(record).toMatchObject({ state: "cancelled", attempts: 0, queue: "jobs", finishedAt: expect.any(Date) });
    expect(record).not.toHaveProperty("startedAt");
    expect(record).not.toHaveProperty("firstStartedAt");
  });

  test("is cancelled however often, also at once", async () => {
    const job = newJob();
    const ends = await Promise.all(Array.from({ length: 5 }, () => cancel(job)));
    expect(new Set(ends.map(({ kind }) => kind))).toEqual(new Set(["cancelled"]));
    expect(await cancel(job)).toEqual({ kind: "cancelled" });
  });

  test("was not: it is running", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    expect(await cancel(job)).toEqual({ kind: "begun", state: "running" });
    await transaction.commit();
    expect(await cancel(job)).toEqual({ kind: "begun", state: "done" });
    expect(await read(job)).toMatchObject({ state: "done" });
  });

  test("was not: it has failed and waits for another attempt, or has it, or is dead", async () => {
    const job = newJob();
    await bench.fail(job, 1, "retry");
    expect(await cancel(job)).toEqual({ kind: "begun", state: "retry" });
    const { transaction } = await bench.claimed(job);
    expect(await cancel(job)).toEqual({ kind: "begun", state: "running" });
    await transaction.rollback();
    await bench.fail(job, 2, "dead");
    expect(await cancel(job)).toEqual({ kind: "begun", state: "dead" });
  });

  test("may be one whose claim was rolled back", async () => {
    const job = newJob();
    await (await bench.claimed(job)).transaction.rollback();
    expect(await cancel(job)).toEqual({ kind: "cancelled" });
    expect(await bench.claim(job)).toEqual(cancelled);
  });

  test("is not one whose claim holds the row before its lock can be seen", async () => {
    const job = newJob();
    const transactionId = await bench.database.begin();
    const sql = `insert into tendril.jobs (id, type, queue, state, attempts, first_started_at, started_at)
      values (:p1::uuid, 'TestJob', 'jobs', 'done', 1, now(), now())`;
    await bench.database.execute(sql, [job.id], { transactionId });
    expect(await cancel(job)).toEqual({ kind: "begun", state: "running" });
    await bench.database.rollback(transactionId);
    expect(await cancel(job)).toEqual({ kind: "cancelled" });
  });

  test("either runs or is cancelled when both are wanted at once", async () => {
    const jobs = Array.from({ length: 30 }, newJob);
    const ends = await Promise.all(
      jobs.map(async (job) => {
        const [claim, cancellation] = await Promise.all([bench.claim(job), cancel(job)]);
        if (claim.kind === "claimed") await claim.transaction.commit();
        return `${claim.kind} ${cancellation.kind} ${(await bench.rowOf(job))?.state}`;
      }),
    );
    const allowed = ["claimed begun done", "skipped cancelled cancelled"];
    expect(ends.filter((end) => !allowed.includes(end))).toEqual([]);
  });

  test("is remembered a year longer than others, since it may wait in a schedule", async () => {
    const job = newJob();
    await cancel(job);
    const age = (days: number) =>
      bench.query("update tendril.jobs set started_at = now() - $2 * interval '1 day' where id = $1", [job.id, days]);
    const purge = () => bench.ledger.purge({ olderThanMs: 30 * 86_400_000, most: 100 });
    await age(390);
    await purge();
    expect(await bench.claim(job)).toEqual(cancelled);
    await age(397);
    await purge();
    expect(await bench.rowOf(job)).toBeUndefined();
  });
});

describe("a key", () => {
  test("is good for its own input, and refuses another, also when the job is done", async () => {
    const key = randomBytes(8).toString("hex");
    const [job, other] = [keyedJob("a", key), keyedJob("b", key)];
    expect(await note(job)).toEqual([true]);
    expect(await note(job)).toEqual([true]);
    expect(await note(other)).toEqual([false]);
    await (await bench.claimed(asWireJob(job))).transaction.commit();
    expect(await note(job, other, keyedJob())).toEqual([true, false, true]);
    expect(await read(job)).toMatchObject({ state: "done", enqueuedAt: expect.any(Date) });
  });

  test("belongs to the first of one request", async () => {
    const key = randomBytes(8).toString("hex");
    expect(await note(keyedJob("a", key), keyedJob("b", key), keyedJob("a", key))).toEqual([true, false, true]);
  });

  test("is given to one alone when several ask at once", async () => {
    const keys = Array.from({ length: 20 }, () => randomBytes(8).toString("hex"));
    const ask = (input: string, order: readonly string[]) => note(...order.map((key) => keyedJob(input, key)));
    const [a, b] = await Promise.all([ask("a", keys), ask("b", keys.toReversed())]);
    expect(a.map((mine, index) => mine !== b.toReversed()[index])).toEqual(keys.map(() => true));
  });

  test("is noted with a thousand others in one call", async () => {
    const before = bench.local.wire.calls.length;
    const answers = await note(...Array.from({ length: 1000 }, () => keyedJob()));
    expect(answers).toEqual(answers.map(() => true));
    expect(bench.local.wire.calls.length).toBe(before + 1);
    expect(await note()).toEqual([]);
    expect(bench.local.wire.calls.length).toBe(before + 1);
  });

  test("of a job that was cancelled says so", async () => {
    const job = keyedJob();
    await note(job);
    expect(await cancel(job)).toEqual({ kind: "cancelled" });
    expect(await read(job)).toMatchObject({ state: "cancelled" });
  });

  test("is forgotten with age", async () => {
    const key = randomBytes(8).toString("hex");
    const job = keyedJob("a", key);
    await note(job);
    const purge = () => bench.ledger.purge({ olderThanMs: 30 * 86_400_000, most: 100 });
    await purge();
    expect(await note(keyedJob("b", key))).toEqual([false]);
    await bench.query("update tendril.keys set noted_at = now() - interval '31 days' where id = $1", [job.id]);
    await purge();
    expect(await note(keyedJob("b", key))).toEqual([true]);
  });
});

describe("a lost answer", () => {
  test.each([
    ["of a note", () => note(keyedJob()), [true]],
    ["of a cancellation", () => cancel(newJob()), { kind: "cancelled" }],
  ])("%s changes nothing", async (_, ask, answer) => {
    bench.local.wire.loseAnswerOf(({ path }) => path === "/Execute");
    expect(await ask()).toEqual(answer);
    bench.local.wire.decide(() => "pass");
  });
});
