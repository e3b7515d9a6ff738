import { followUpJobId, keyedJobId } from "@tendril/core/job-id";
import type { OutgoingMessage, WireJob } from "@tendril/core/message";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type LedgerBench, newJob, openLedgerBench, signal } from "./support/ledger-bench.ts";

let bench: LedgerBench;

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterEach(() => bench.local.wire.decide(() => "pass"));
afterAll(() => bench.close());

/** A follow-up of a job by its position. */
const followUp = (job: WireJob, position: number, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  id: followUpJobId(job.id, position),
  queue: "jobs",
  body: `{"job_type":"Next","data":${position}}`,
  attributes: { "tendril.job_id": followUpJobId(job.id, position) },
  ...more,
});

async function finished(job: WireJob, followUps: readonly OutgoingMessage[], result?: string): Promise<void> {
  const { transaction } = await bench.claimed(job);
  await bench.ledger.finish(transaction, { jobId: job.id, followUps, ...(result === undefined ? {} : { result }) });
  await transaction.commit();
}

async function pagesOf(job: WireJob): Promise<(readonly OutgoingMessage[])[]> {
  const pages: (readonly OutgoingMessage[])[] = [];
  for await (const page of bench.ledger.followUpsOf(job.id, signal)) pages.push(page);
  return pages;
}

const followUpsOf = async (job: WireJob): Promise<OutgoingMessage[]> => (await pagesOf(job)).flat();
const idsOf = (followUps: readonly OutgoingMessage[]) => followUps.map(({ id }) => id);

describe("follow-ups", () => {
  test("commit with the job, come back in order as they were, and are forgotten when they are sent", async () => {
    const job = newJob();
    const given = [
      followUp(job, 0),
      followUp(job, 1, { queue: "mail.fifo", group: "customer 7" }),
      followUp(job, 2, { notBeforeMs: Date.UTC(2027, 1, 2, 3, 4, 5, 678) }),
      followUp(job, 3, { body: '{"data":"it\'s \\"quoted\\" \\u0000 ✂ 🌱"}', attributes: {} }),
    ];
    await finished(job, given);
    expect(await bench.claim(job)).toEqual({ kind: "duplicate", of: "done", owes: true });
    expect(await followUpsOf(job)).toEqual(given);
    await bench.ledger.clearFollowUps(idsOf(given.slice(0, 3)), signal);
    expect(await followUpsOf(job)).toEqual(given.slice(3));
    await bench.ledger.clearFollowUps(idsOf(given), signal);
    expect(await followUpsOf(job)).toEqual([]);
    expect(await bench.claim(job)).toEqual({ kind: "duplicate", of: "done", owes: false });
  });

  test("vanish with a job that is rolled back", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    await bench.ledger.finish(transaction, { jobId: job.id, followUps: [followUp(job, 0)], result: "1" });
    await transaction.rollback();
    expect(await followUpsOf(job)).toEqual([]);
    expect(await bench.rowOf(job)).toBeUndefined();
  });

  test("are another job's no more than another job is theirs", async () => {
    const [job, other] = [newJob(), newJob()];
    await finished(job, [followUp(job, 0)]);
    await finished(other, []);
    expect(await followUpsOf(other)).toEqual([]);
    expect(await bench.claim(other)).toMatchObject({ owes: false });
  });

  test("of one job may be ten thousand", { timeout: 120_000 }, async () => {
    const job = newJob();
    const given = Array.from({ length: 10_000 }, (_, position) => followUp(job, position));
    const before = bench.local.wire.calls.length;
    await finished(job, given);
    expect(bench.local.wire.calls.length - before).toBeLessThan(10);
    const pages = await pagesOf(job);
    expect(pages.length).toBeGreaterThan(1);
    expect(idsOf(pages.flat())).toEqual(idsOf(given));
    expect(pages.flat()).toEqual(given);
    await bench.ledger.clearFollowUps(idsOf(given), signal);
    expect(await followUpsOf(job)).toEqual([]);
  });

  test.each([
    ["of one-byte characters", "x", 1_048_000],
    ["of quotes", '"', 1_048_000],
    ["of four-byte characters", "🌱", 262_000],
  ])("may be as long as SQS takes: %s", async (_, character, length) => {
    const job = newJob();
    const given = [followUp(job, 0), followUp(job, 1, { body: character.repeat(length) }), followUp(job, 2)];
    await finished(job, given);
    const found = await followUpsOf(job);
    expect(idsOf(found)).toEqual(idsOf(given));
    expect(found[1]?.body === given[1]?.body).toBe(true);
  });

  test("come back as they were, whatever they are", async () => {
    const text = fc.string({ unit: "binary" }).map((each) => each.replaceAll("\u0000", ""));
    const message = fc.record(
      {
        body: fc.oneof(
          text,
          fc.nat(40_000).map((length) => "✂".repeat(length)),
        ),
        queue: text,
        attributes: fc.dictionary(text, text),
        notBeforeMs: fc.nat({ max: 4e12 }),
        group: text,
      },
      { requiredKeys: ["body", "queue", "attributes"] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 8 }), async (messages) => {
        const job = newJob();
        const given = messages.map((each, position) => ({ ...each, id: followUpJobId(job.id, position) }));
        await finished(job, given);
        expect(await followUpsOf(job)).toEqual(given);
      }),
      { numRuns: 15 },
    );
  });

  test("that two jobs have in common are owed by both until one has sent them, and neither job waits in a circle", async () => {
    const keyed = (job: WireJob, keys: readonly string[]) =>
      keys.map((key) => followUp(job, 0, { id: keyedJobId("Next", key) }));
    const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`);
    const [one, other] = [newJob(), newJob()];
    await Promise.all([finished(one, keyed(one, keys)), finished(other, keyed(other, keys.toReversed()))]);
    const ids = idsOf(await followUpsOf(one));
    expect(new Set(ids).size).toBe(50);
    expect(idsOf(await followUpsOf(other)).sort()).toEqual([...ids].sort());
    await bench.ledger.clearFollowUps(ids.slice(1), signal);
    expect([await followUpsOf(one), await followUpsOf(other)].map((left) => left.length)).toEqual([1, 1]);
  });

  test("that a job enqueues twice by one key stand there once", async () => {
    const job = newJob();
    const twice = [0, 1].map((number) => followUp(job, number, { id: keyedJobId("Twice", job.id) }));
    await finished(job, [...twice, followUp(job, 2)]);
    expect(await followUpsOf(job)).toEqual([twice[0], followUp(job, 2)]);
  });

  test("that somebody else clears while they are read are left out", async () => {
    const job = newJob();
    const long = (position: number) => followUp(job, position, { body: "x".repeat(400_000) });
    await finished(job, [followUp(job, 0), long(1), long(2), followUp(job, 3)]);
    const found: OutgoingMessage[] = [];
    for await (const page of bench.ledger.followUpsOf(job.id, signal)) {
      found.push(...page);
      await bench.ledger.clearFollowUps([followUpJobId(job.id, 1)], signal);
    }
    expect(idsOf(found)).toEqual(idsOf([followUp(job, 0), followUp(job, 2), followUp(job, 3)]));
  });
});

describe("a result", () => {
  test("is kept with the job", async () => {
    const job = newJob();
    await finished(job, [], '{"sum": 3, "list": [null, "✂"]}');
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", result: { sum: 3, list: [null, "✂"] } });
  });

  test("is kept together with follow-ups in one call, and costs none when there is neither", async () => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const before = bench.local.wire.calls.length;
    await bench.ledger.finish(transaction, { jobId: job.id, followUps: [] });
    expect(bench.local.wire.calls).toHaveLength(before);
    await bench.ledger.finish(transaction, { jobId: job.id, followUps: [followUp(job, 0)], result: '"both"' });
    expect(bench.local.wire.calls).toHaveLength(before + 1);
    await transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ result: "both" });
    expect(await followUpsOf(job)).toHaveLength(1);
  });

  test("may be longer than a row of the Data API", async () => {
    const job = newJob();
    await finished(job, [], JSON.stringify("x".repeat(200_000)));
    const [row] = await bench.query("select length(result #>> '{}') as length from tendril.jobs where id = $1", [
      job.id,
    ]);
    expect(row).toEqual({ length: 200_000 });
  });

  test.each(['"\\u0000"', '{"half": "\\ud83c"}'])("that Postgres has no text for is refused: %s", async (result) => {
    const job = newJob();
    const { transaction } = await bench.claimed(job);
    const finish = bench.ledger.finish(transaction, { jobId: job.id, followUps: [], result });
    await expect(finish).rejects.toMatchObject({ code: "result_invalid" });
    await transaction.rollback();
  });
});
