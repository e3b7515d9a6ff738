// Whole years, minute by minute: what AWS runs for a schedule is what Elastic Beanstalk ran.
import { parseCron } from "@tendril/core/cron";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { awsRuns, compareMinutes, cronOf, minuteMs, type Period, toldRuns } from "./support/cron/compare.ts";
import { expression } from "./support/cron/expressions.ts";

const period = (from: string, to: string): Period => ({ fromMs: Date.parse(from), toMs: Date.parse(to) });

/** Four years with a leap day in the middle. */
const fourYears = period("2026-01-01", "2030-01-01");

describe("every minute of four years", () => {
  // One for each way that the days are chosen, on each path of the translation.
  test.each(["*/7 3-20/4 * * *", "0 0 29 2 *", "15,45 */5 1,15 * mon", "5 4 13 feb-oct/2 fri", "0-30/10 8 * 1,12 5-7"])(
    "of %s",
    (text) => {
      const { minutes, runs, differences } = compareMinutes(cronOf(text), "UTC", fourYears);
      expect(differences).toEqual([]);
      expect(minutes).toBe(1461 * 1440);
      expect(runs).toBeGreaterThan(0);
    },
  );
});

test("every minute of four years agrees for generated schedules with a few runs a day", () => {
  fc.assert(
    fc.property(expression, (text) => {
      const parsed = parseCron(text);
      fc.pre(parsed.kind === "cron" && parsed.cron.minutes.length * parsed.cron.hours.length <= 24);
      expect(compareMinutes(cronOf(text), "UTC", fourYears).differences, text).toEqual([]);
    }),
    { numRuns: 6 },
  );
});

/** Zones whose clocks change by an hour in either half of the world, by half an hour, at midnight, and never. */
const zones = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Africa/Cairo",
  "America/St_Johns",
  "Asia/Kolkata",
];

/** Three days around each change of 2027 and 2028 in the northern half of the world, and in the southern one. */
const changes: readonly Period[] = [
  ["2027-03-13", "2027-03-16"],
  ["2027-03-27", "2027-03-30"],
  ["2027-04-03", "2027-04-06"],
  ["2027-04-29", "2027-05-02"],
  ["2027-09-04", "2027-09-07"],
  ["2027-10-02", "2027-10-05"],
  ["2027-10-28", "2027-11-01"],
  ["2027-11-06", "2027-11-09"],
  ["2028-02-27", "2028-03-02"],
].map(([from = "", to = ""]) => period(from, to));

describe("in time zones", () => {
  test.each(zones)("the runs around clock changes agree: %s", (timezone) => {
    fc.assert(
      fc.property(expression, fc.constantFrom(...changes), (text, days) => {
        const parsed = parseCron(text);
        fc.pre(parsed.kind === "cron");
        const { differences } = compareMinutes(cronOf(text), timezone, days);
        expect(differences, `${text} in ${timezone}`).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  test.each(zones)("every minute of a year agrees, and what the command tells: %s", (timezone) => {
    const year = period("2027-01-01", "2028-01-01");
    const cron = cronOf("*/30 0-3 * * *");
    expect(compareMinutes(cron, timezone, year).differences).toEqual([]);
    expect(toldRuns(cron, timezone, year)).toEqual(awsRuns(cron, timezone, year));
  });

  test("a comparison notices when the zones are not the same", () => {
    const cron = cronOf("30 2 * * *");
    const around = period("2027-03-27", "2027-03-30");
    const other = awsRuns(cron, "Europe/London", around);
    expect(other).not.toEqual(awsRuns(cron, "Europe/Berlin", around));
    expect([...other].every((run) => run % minuteMs === 0)).toBe(true);
  });
});
