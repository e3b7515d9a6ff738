import fc from "fast-check";
import { expect, test } from "vitest";
import { createRateLimit } from "./rate-limit.ts";

test("a caller has its burst at once, then its rate", () => {
  let nowMs = 0;
  const limit = createRateLimit({ rate: 2, burst: 3, now: () => nowMs });
  expect([1, 2, 3, 4].map(() => limit.take("a"))).toEqual([0, 0, 0, 500]);
  nowMs += 499;
  expect(limit.take("a")).toBe(1);
  nowMs += 1;
  expect([limit.take("a"), limit.take("a")]).toEqual([0, 500]);
  expect(limit.take("b")).toBe(0);
});

test("no caller ever gets more than burst and rate allow, whatever the clock does", () => {
  const steps = fc.array(
    fc.record({ afterMs: fc.integer({ min: -2000, max: 2000 }), caller: fc.constantFrom("a", "b") }),
  );
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), (requests, rate, burst) => {
      let nowMs = 0;
      let forwardMs = 0;
      const limit = createRateLimit({ rate, burst, now: () => nowMs });
      const taken = { a: 0, b: 0 };
      for (const { afterMs, caller } of requests) {
        nowMs += afterMs;
        forwardMs += Math.max(0, afterMs);
        if (limit.take(caller === "a" ? "a" : "b") === 0) taken[caller === "a" ? "a" : "b"] += 1;
      }
      for (const count of Object.values(taken)) expect(count).toBeLessThanOrEqual(burst + (forwardMs * rate) / 1000);
    }),
  );
});

test("what it remembers does not grow for ever: the callers that were away longest start anew", () => {
  const limit = createRateLimit({ rate: 1, burst: 1, now: () => 0 });
  expect([limit.take("first"), limit.take("first")]).toEqual([0, 1000]);
  for (let index = 0; index < 9_999; index += 1) limit.take(`caller ${index}`);
  expect(limit.take("first")).toBe(1000);
  for (let index = 0; index < 10_000; index += 1) limit.take(`other ${index}`);
  expect(limit.take("first")).toBe(0);
});
