import fc from "fast-check";
import { expect, test } from "vitest";
import { firstInstantOf, isTimeZone, wallTimeOf } from "./time-zone.ts";

const zone = fc.constantFrom(
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Pacific/Kiritimati",
);
const minuteMs = 60_000;
const minute = (from: string, to: string) =>
  fc.integer({ min: Date.parse(from) / minuteMs, max: Date.parse(to) / minuteMs }).map((minutes) => minutes * minuteMs);

test("the first instant of what a clock shows is this instant, or up to two hours earlier and shown before", () => {
  fc.assert(
    fc.property(zone, minute("2012-01-01", "2040-01-01"), (timezone, instantMs) => {
      const wallMs = wallTimeOf(instantMs, timezone);
      const firstMs = firstInstantOf(wallMs, timezone) ?? Number.NaN;
      expect(wallTimeOf(firstMs, timezone)).toBe(wallMs);
      expect(firstMs).toBeLessThanOrEqual(instantMs);
      expect(instantMs - firstMs).toBeLessThanOrEqual(120 * minuteMs);
    }),
    { numRuns: 500 },
  );
});

test("clocks that are set by half an hour skip half an hour, and show half an hour twice", () => {
  const instant = (wall: string) => firstInstantOf(Date.parse(`${wall}Z`), "Australia/Lord_Howe");
  expect(instant("2026-10-04T01:59")).toBe(Date.parse("2026-10-03T15:29Z"));
  expect(instant("2026-10-04T02:15")).toBeUndefined();
  expect(instant("2026-10-04T02:30")).toBe(Date.parse("2026-10-03T15:30Z"));
  expect(instant("2026-04-05T01:45")).toBe(Date.parse("2026-04-04T14:45Z"));
});

test.each([
  ["Europe/Berlin", true],
  ["UTC", true],
  ["Asia/Calcutta", true],
  ["europe/berlin", false],
  ["Mars/Base", false],
  ["+01:00", false],
  ["", false],
])("%s is a time zone: %s", (name, expected) => {
  expect(isTimeZone(name)).toBe(expected);
});
