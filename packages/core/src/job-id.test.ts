import { expect, test } from "vitest";
import { newJobId, parseJobId, scheduledJobId } from "./job-id.ts";

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

test("ids are read in any case and kept in lower case", () => {
  expect(parseJobId("01980F3A-7C2E-7CC1-9D4B-3F0D2B1C8E77")).toBe("01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77");
});

test("what is no UUID is refused without being repeated", () => {
  expect(() => parseJobId("secret-text")).toThrow("given 11 characters, allowed a UUID");
  expect(() => parseJobId("secret-text")).not.toThrow("secret-text");
});
