import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs, longestVisibilityMs, outcomeOfFailure, RetryAfter, Unrecoverable } from "./outcome.ts";

const policy = { attempts: 5, fromMs: 2000, toMs: 900_000 };

test.each([
  [1, 0, 2000],
  [1, 0.999999, 4000],
  [2, 0.999999, 8000],
  [3, 0.999999, 16_000],
  [20, 0.999999, 900_000],
])("after attempt %i, with the dice at %d, the delay is %i ms", (attempt, random, delayMs) => {
  expect(backoffMs(policy, attempt, random)).toBeCloseTo(delayMs, -1);
});

test("a delay lies between the policy's bounds and never beyond what SQS can hide", () => {
  const policies = fc.record({ attempts: fc.constant(5), fromMs: fc.nat(1e8), toMs: fc.nat(1e9) });
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (any, attempt, random) => {
        const delayMs = backoffMs(any, attempt, random);
        expect(delayMs).toBeLessThanOrEqual(Math.min(any.toMs, longestVisibilityMs));
        expect(delayMs).toBeGreaterThanOrEqual(Math.min(any.fromMs, any.toMs, longestVisibilityMs));
      },
    ),
  );
});

function fail(thrown: unknown, attempt: number) {
  return outcomeOfFailure({ policy, attempt, thrown, error: "Error: no", random: 0 });
}

test("a failure is tried again while attempts are left, then it is dead", () => {
  expect(fail(new Error("no"), 4)).toEqual({ kind: "retry", attempt: 4, delayMs: 2000, error: "Error: no" });
  expect(fail(new Error("no"), 5)).toEqual({ kind: "dead", attempt: 5, error: "Error: no" });
});

test("RetryAfter says the delay, but takes no attempt more than there are", () => {
  expect(fail(new RetryAfter("10 minutes"), 1)).toMatchObject({ kind: "retry", delayMs: 600_000 });
  expect(fail(new RetryAfter("2 days"), 1)).toMatchObject({ delayMs: longestVisibilityMs });
  expect(fail(new RetryAfter("10 minutes"), 5)).toMatchObject({ kind: "dead" });
});

test("Unrecoverable is dead at once", () => {
  expect(fail(new Unrecoverable("gone"), 1)).toMatchObject({ kind: "dead", attempt: 1 });
});
