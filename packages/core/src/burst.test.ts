import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Burst, simulateBurst, sqsScaling } from "./burst.ts";

const burst = (given: Partial<Burst>): Burst => ({
  jobs: 1_000_000,
  jobMs: 200,
  batchSize: 10,
  jobsAtOnce: 10,
  accountConcurrency: 100_000,
  ...given,
});

describe("AWS's published numbers", () => {
  test("five batches at once at first", () => {
    expect(simulateBurst(burst({ jobs: 50, jobMs: 1 })).peakConcurrency).toBe(5);
    expect(simulateBurst(burst({ jobs: 40, jobMs: 1 })).peakConcurrency).toBe(4);
  });

  test("300 more each minute", () => {
    const { curve } = simulateBurst(burst({ jobs: 4_000_000, jobMs: 1000 }));
    for (const { atMs, concurrency } of curve.filter((point) => point.atMs < 240_000)) {
      expect(Math.abs(concurrency - (5 + atMs / 200))).toBeLessThanOrEqual(6);
    }
    expect(curve.filter((point) => point.atMs < 240_000).length).toBeGreaterThan(2);
  });

  test("1,250 at most, after four minutes and nine seconds", () => {
    const { peakConcurrency, limit, curve } = simulateBurst(burst({ jobs: 10_000_000, jobMs: 1000 }));
    expect(peakConcurrency).toBe(1250);
    expect(limit).toBe("maximum concurrency");
    const before = curve.filter((point) => point.atMs < 249_000 - 1016);
    expect(before.every((point) => point.concurrency < 1250)).toBe(true);
    expect(curve.some((point) => point.concurrency === 1250)).toBe(true);
  });

  test("provisioned pollers: ten batches each, 1,000 more each minute, 20,000 at most", () => {
    const of = (from: number, to: number, jobs = 3_000_000) =>
      simulateBurst(burst({ jobs, jobMs: 10_000, pollers: { from, to } }));
    expect(of(2, 2).peakConcurrency).toBe(20);
    expect(of(2, 200).peakConcurrency).toBe(2000);
    const { curve } = of(2, 200);
    const firstMinutes = curve.filter((point) => point.atMs < 110_000);
    for (const { atMs, concurrency } of firstMinutes) {
      expect(concurrency).toBeGreaterThanOrEqual(20 + atMs / 60 - 180);
      expect(concurrency).toBeLessThanOrEqual(20 + atMs / 60 + 1);
    }
    expect(of(200, 10_000, 30_000_000).peakConcurrency).toBeLessThanOrEqual(12_000);
    expect(of(200, 10_000, 30_000_000).limit).not.toBe("pollers");
  });

  test("120,000 messages in flight", () => {
    const { peakConcurrency, limit } = simulateBurst(burst({ batchSize: 1000, jobsAtOnce: 10, jobs: 5_000_000 }));
    expect(peakConcurrency).toBe(120);
    expect(limit).toBe("messages in flight");
  });

  test("1,000 functions at once in an account that has not asked for more", () => {
    const { accountConcurrency: _, ...standard } = burst({ jobs: 10_000_000, jobMs: 1000 });
    expect(simulateBurst(standard)).toMatchObject({
      peakConcurrency: sqsScaling.accountConcurrency,
      limit: "the account",
    });
  });
});

test("a maximum concurrency bounds what a burst takes of the database, and decides how long it lasts", () => {
  const { drainedMs, peakConcurrency, limit } = simulateBurst(burst({ maximumConcurrency: 10 }));
  expect(peakConcurrency).toBe(10);
  expect(limit).toBe("maximum concurrency");
  // Ten at a time, each 216 ms: 100,000 batches; the fifth of a second in which it grows from five is all that is added.
  expect(drainedMs).toBeGreaterThanOrEqual(2_160_000);
  expect(drainedMs).toBeLessThan(2_161_500);
});

test("jobs of a batch that run one after the other add up", () => {
  const one = simulateBurst(burst({ jobs: 10, jobsAtOnce: 1 }));
  expect(one.drainedMs).toBe(sqsScaling.pickUpMs + 2000);
  expect(one).toMatchObject({ peakConcurrency: 1, limit: "jobs" });
});

test("no job is lost or done twice, more concurrency is never slower, and no bound is passed", () => {
  const given = fc.record({
    jobs: fc.integer({ min: 1, max: 50_000 }),
    jobMs: fc.integer({ min: 1, max: 5000 }),
    batchSize: fc.integer({ min: 1, max: 100 }),
    jobsAtOnce: fc.integer({ min: 1, max: 100 }),
    maximumConcurrency: fc.integer({ min: 2, max: 1000 }),
  });
  fc.assert(
    fc.property(given, (each) => {
      const course = simulateBurst(each);
      expect(course.curve.at(-1)?.done).toBe(each.jobs);
      expect(course.peakConcurrency).toBeLessThanOrEqual(each.maximumConcurrency);
      const faster = simulateBurst({ ...each, maximumConcurrency: each.maximumConcurrency + 1 });
      expect(faster.drainedMs).toBeLessThanOrEqual(course.drainedMs + 1e-6);
    }),
    { numRuns: 100 },
  );
});
