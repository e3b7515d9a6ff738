import fc from "fast-check";
import { expect, test } from "vitest";
import { type BatchEnd, batchCalls, callsOfBatch, callsPerJob, type Way, wayOf } from "./call-budget.ts";

const cases = Object.entries(batchCalls).flatMap(([way, ends]) => Object.keys(ends).map((end) => [way, end]));
const isCase = (names: readonly string[]): names is [Way, BatchEnd] => names.length === 2;

test("what a job costs on average is its share of a full batch", () => {
  for (const names of cases) {
    if (!isCase(names)) throw new Error(names.join());
    for (const jobs of [10, 20, 50]) {
      const perJob = callsPerJob(...names, jobs);
      const ofBatch = callsOfBatch(...names, jobs);
      expect(perJob.database * jobs, names.join()).toBeCloseTo(ofBatch.database, 6);
      expect(perJob.sqs * jobs, names.join()).toBeCloseTo(ofBatch.sqs, 6);
    }
  }
});

test("a larger batch never costs less, and its jobs never more", () => {
  const anyCase = fc.constantFrom(...cases).filter(isCase);
  fc.assert(
    fc.property(anyCase, fc.integer({ min: 1, max: 1000 }), fc.nat(1000), (names, jobs, more) => {
      const [less, all] = [callsOfBatch(...names, jobs), callsOfBatch(...names, jobs + more)];
      expect(all.database).toBeGreaterThanOrEqual(less.database);
      expect(all.sqs).toBeGreaterThanOrEqual(less.sqs);
      expect(callsPerJob(...names, jobs + more).database).toBeLessThanOrEqual(callsPerJob(...names, jobs).database);
    }),
  );
});

test("on a FIFO queue no job is committed with others", () => {
  const grouped = { effects: "exactly-once", commit: "grouped" } as const;
  expect([wayOf(grouped, false), wayOf(grouped, true)]).toEqual(["grouped", "exactly-once"]);
  expect(wayOf({ effects: "at-least-once", commit: "alone" }, false)).toBe("at-least-once");
});
