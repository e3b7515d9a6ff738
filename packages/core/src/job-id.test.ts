import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  followUpJobId,
  isSealed,
  type JobSeal,
  keyedJobId,
  madeAtMs,
  newJobId,
  parseJobId,
  repeatedFollowUpJobId,
  scheduledJobId,
} from "./job-id.ts";

test("a new id is a UUIDv7 that sorts by its time", () => {
  const random = new Uint8Array(16).fill(7);
  const earlier = newJobId(1_700_000_000_000, random);
  const later = newJobId(1_700_000_000_001, random);
  expect(earlier).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(earlier < later).toBe(true);
});

test("the id of a schedule's run depends on the task and the time, and on nothing else", () => {
  const time = Date.UTC(2026, 10, 20, 10);
  expect(scheduledJobId("nightly", time)).toBe(scheduledJobId("nightly", time));
  expect(scheduledJobId("nightly", time)).not.toBe(scheduledJobId("nightly", time + 60_000));
  expect(scheduledJobId("nightly", time)).not.toBe(scheduledJobId("daily", time));
  // Fixed for ever: another value here would run every schedule's last run once more after an upgrade.
  expect(scheduledJobId("nightly", time)).toBe("72e34bb3-3599-5754-8e01-0d1abe0ced83");
});

test("follow-ups of attempts that may differ are told apart by what they say, and by how many said it before", () => {
  const parent = parseJobId("01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77");
  const ids = ["a", "b"].flatMap((text) => [0, 1].map((before) => repeatedFollowUpJobId(parent, text, before)));
  expect(new Set([...ids, followUpJobId(parent, 0), followUpJobId(parent, 1)]).size).toBe(6);
  // Fixed for ever, as above.
  expect(ids[0]).toBe("5deb36dc-e9a0-5214-a90c-a79fcb59d6fb");
});

test("ids are read in any case and kept in lower case", () => {
  expect(parseJobId("01980F3A-7C2E-7CC1-9D4B-3F0D2B1C8E77")).toBe("01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77");
});

test("what is no UUID is refused without being repeated", () => {
  expect(() => parseJobId("secret-text")).toThrow("given 11 characters, allowed a UUID");
  expect(() => parseJobId("secret-text")).not.toThrow("secret-text");
});

describe("a sealed id", () => {
  const seal: JobSeal = { type: "IncrementJob", queueUrl: "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs" };
  const timeMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  const random = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const seals = fc.record({ type: fc.string({ minLength: 1 }), queueUrl: fc.webUrl() });

  test("is sealed for its job type and queue, and is a UUIDv7 of its time", () => {
    fc.assert(
      fc.property(timeMs, random, seals, (ms, bytes, mine) => {
        const id = newJobId(ms, bytes, mine);
        expect(isSealed(id, mine)).toBe(true);
        expect(madeAtMs(id)).toBe(ms);
        expect(parseJobId(id)).toBe(id);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });

  test("is not sealed for another job type or another queue", () => {
    fc.assert(
      fc.property(timeMs, random, seals, fc.string(), (ms, bytes, mine, suffix) => {
        const id = newJobId(ms, bytes, mine);
        const others = [
          { ...mine, type: `${mine.type}${suffix}2` },
          { ...mine, queueUrl: `${mine.queueUrl}${suffix}2` },
        ];
        expect(others.filter((other) => isSealed(id, other))).toEqual([]);
      }),
      // By chance one in 67 million is.
      { seed: 7 },
    );
  });

  test("is told from ids that were given for nothing, and from those with a bit changed", () => {
    fc.assert(
      fc.property(timeMs, random, fc.integer({ min: 0, max: 31 }), (ms, bytes, place) => {
        const id = newJobId(ms, bytes, seal);
        expect(
          isSealed(
            newJobId(
              ms,
              bytes.map((byte) => byte ^ 1),
            ),
            seal,
          ),
        ).toBe(false);
        const hex = id.replaceAll("-", "");
        const changed = (Number.parseInt(hex.charAt(place), 16) ^ 1).toString(16);
        const forged = `${hex.slice(0, place)}${changed}${hex.slice(place + 1)}`;
        const parts = [0, 8, 12, 16, 20].map((from, index, all) => forged.slice(from, all[index + 1]));
        if (place === 12) return;
        expect(isSealed(parseJobId(parts.join("-")), seal)).toBe(false);
      }),
      { seed: 7 },
    );
    expect(isSealed(keyedJobId("IncrementJob", "key"), seal)).toBe(false);
    expect(madeAtMs(keyedJobId("IncrementJob", "key"))).toBeUndefined();
  });

  test("is the same queue's however its host is called", () => {
    const id = newJobId(1_700_000_000_000, new Uint8Array(16).fill(7), seal);
    expect(isSealed(id, { ...seal, queueUrl: "http://127.0.0.1:9324/123456789012/jobs" })).toBe(true);
    expect(isSealed(id, { ...seal, queueUrl: "http://127.0.0.1:9324/000000000000/jobs" })).toBe(false);
  });

  test("differs from a thousand others of its millisecond", () => {
    // A generator with a seed: distinct bytes for each, and the same in every run.
    const bytes = fc.sample(random, { numRuns: 1000, seed: 7 });
    const distinct = new Set(bytes.map((each) => each.join())).size;
    const ids = new Set(bytes.map((each) => newJobId(1_700_000_000_000, each, seal)));
    expect(distinct).toBeGreaterThan(990);
    expect(ids.size).toBe(distinct);
  });

  test("keeps 47 random bits: each of them makes another id", () => {
    const idOf = (bytes: Uint8Array) => newJobId(1_700_000_000_000, bytes, seal);
    const zero = new Uint8Array(16);
    const ids = Array.from({ length: 128 }, (_, bit) =>
      idOf(zero.map((_, at) => (at === bit >> 3 ? 1 << (bit & 7) : 0))),
    );
    expect(new Set(ids.filter((id) => id !== idOf(zero))).size).toBe(47);
  });

  // Fixed for ever: with another value ids that were given before an upgrade would be unknown after it.
  test("is this one for these bytes", () => {
    expect(newJobId(1_700_000_000_000, new Uint8Array(16).fill(7), seal)).toBe("018bcfe5-6800-7070-9c1c-1f07076294ed");
  });
});
