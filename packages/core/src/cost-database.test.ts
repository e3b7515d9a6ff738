import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DatabaseCapacity, databaseOf, databaseUse, hoursPerMonth, minutesOfYear } from "./cost-database.ts";
import { type Cron, parseCron } from "./cron.ts";

const sleeping: DatabaseCapacity = { minimumAcu: 0, maximumAcu: 4, pauseAfterSeconds: 300 };
const idle = { jobsPerMonth: 0, secondsPerJob: 1, callsPerMonth: 0, scheduledMinutes: [] as number[] };

function cronOf(expression: string): Cron {
  const parsed = parseCron(expression);
  if (parsed.kind === "cron") return parsed.cron;
  throw new Error(expression);
}

const runs = (expression: string, timezone = "UTC"): number[] => minutesOfYear({ cron: cronOf(expression), timezone });

test("only production's database never sleeps", () => {
  expect(databaseOf("production").minimumAcu).toBe(0.5);
  expect(databaseOf("someone").minimumAcu).toBe(0);
});

describe("the runs of a year", () => {
  test.each([
    ["* * * * *", "UTC", 525_600],
    ["*/5 * * * *", "UTC", 105_120],
    ["47 3 * * *", "Asia/Kathmandu", 365],
    ["0 0 1 * *", "UTC", 12],
    ["0 0 1 1 *", "America/New_York", 1],
    ["0 3 * * mon-fri", "UTC", 261],
    ["0 0 29 2 *", "UTC", 0],
  ])("of %s in %s are %i", (expression, timezone, expected) => {
    const minutes = runs(expression, timezone);
    expect(new Set(minutes).size).toBe(expected);
    expect(minutes.filter((minute) => minute < 0 || minute >= 525_600)).toEqual([]);
  });
});

describe("how long a database is awake", () => {
  const awakeHours = (load: Partial<typeof idle>): number => databaseUse(sleeping, { ...idle, ...load }).awakeHours;

  test("without use it sleeps all month; with a minimum it never does", () => {
    expect(awakeHours({})).toBe(0);
    expect(databaseUse({ ...sleeping, minimumAcu: 0.5 }, idle)).toEqual({ awakeHours: 730, acuHours: 365 });
  });

  test.each([
    ["* * * * *", 730],
    ["*/5 * * * *", 730],
    ["0 * * * *", 73], // six minutes: five, and the job's own
    ["0 3 * * *", (365 * 0.1) / 12],
  ])("a schedule of %s keeps it awake for %f hours", (expression, expected) => {
    expect(awakeHours({ scheduledMinutes: runs(expression) })).toBeCloseTo(expected, 6);
  });

  test("two schedules of the same minute wake it once", () => {
    const scheduledMinutes = [...runs("0 3 * * *"), ...runs("0 3 * * *")];
    expect(awakeHours({ scheduledMinutes })).toBe(awakeHours({ scheduledMinutes: runs("0 3 * * *") }));
  });

  test("a run at the end of the year keeps it awake into the next", () => {
    expect(awakeHours({ scheduledMinutes: runs("59 23 31 12 *") })).toBeCloseTo(0.1 / 12, 6);
  });

  test("few jobs wake it one by one, many keep it awake", () => {
    expect(awakeHours({ jobsPerMonth: 1 })).toBeCloseTo(301 / 3600, 3);
    expect(awakeHours({ jobsPerMonth: 100_000 })).toBeCloseTo(730, 1);
  });

  test("more jobs, longer jobs and more schedules never let it sleep longer, and it is never awake for more than the month", () => {
    const load = fc.record({ jobsPerMonth: fc.nat(1_000_000), secondsPerJob: fc.integer({ min: 1, max: 900 }) });
    fc.assert(
      fc.property(load, fc.nat(100_000), fc.nat(100), (given, jobs, seconds) => {
        const hours = awakeHours(given);
        expect(awakeHours({ ...given, jobsPerMonth: given.jobsPerMonth + jobs })).toBeGreaterThanOrEqual(hours);
        expect(awakeHours({ ...given, secondsPerJob: given.secondsPerJob + seconds })).toBeGreaterThanOrEqual(hours);
        expect(hours).toBeLessThanOrEqual(hoursPerMonth);
      }),
      { numRuns: 20 },
    );
  });
});

test("capacity grows by half an ACU for each 100 calls a second, up to the maximum", () => {
  const acu = (callsPerSecond: number): number => {
    const load = { ...idle, callsPerMonth: callsPerSecond * hoursPerMonth * 3600 };
    return databaseUse({ ...sleeping, minimumAcu: 0.5 }, load).acuHours / hoursPerMonth;
  };
  expect([0, 100, 101, 250, 10_000].map(acu)).toEqual([0.5, 0.5, 1, 1.5, 4]);
});
