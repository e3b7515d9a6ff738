import { toAwsExpressions } from "@tendril/core/aws-schedule";
import { type Cron, matches, parseCron } from "@tendril/core/cron";
import { nextOccurrence, parseExpression } from "@tendril/local/scheduler/expression";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expression, field, monthNames, weekdayNames } from "./support/cron/expressions.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** Whole days whose minutes are compared: a leap day, ends of years and months, and any from 2026 to 2033. */
const day = fc.oneof(
  fc.constantFrom("2028-02-28", "2028-02-29", "2027-02-28", "2026-12-31", "2027-01-01", "2027-04-30").map(Date.parse),
  fc.integer({ min: 0, max: 8 * 365 }).map((days) => Date.parse("2026-01-01") + days * dayMs),
);

const cron = expression
  .map((text) => parseCron(text))
  .filter((parsed) => parsed.kind === "cron")
  .map((parsed) => parsed.cron);

/** The minutes of a day at which AWS would run what the schedule is translated to. */
function awsMinutes(schedule: Cron, dayStartMs: number): Set<number> {
  const runs = new Set<number>();
  for (const text of toAwsExpressions(schedule)) {
    const expression = parseExpression(text);
    if (!expression) throw new Error(`The local Scheduler refuses ${text}.`);
    const next = (afterMs: number) => nextOccurrence(expression, { timezone: "UTC", anchorMs: 0 }, afterMs);
    const endMs = dayStartMs + dayMs;
    for (let run = next(dayStartMs - 1); run !== undefined && run < endMs; run = next(run)) runs.add(run);
  }
  return runs;
}

function beanstalkMinutes(schedule: Cron, dayStartMs: number): Set<number> {
  const runs = new Set<number>();
  for (let time = dayStartMs; time < dayStartMs + dayMs; time += minuteMs) if (matches(schedule, time)) runs.add(time);
  return runs;
}

test("the AWS schedules together run exactly when Elastic Beanstalk would", () => {
  fc.assert(
    fc.property(cron, fc.array(day, { minLength: 3, maxLength: 6 }), (schedule, days) => {
      for (const dayStartMs of days) {
        const expected = beanstalkMinutes(schedule, dayStartMs);
        expect(awsMinutes(schedule, dayStartMs), toAwsExpressions(schedule).join(" + ")).toEqual(expected);
      }
    }),
    { numRuns: 250 },
  );
});

test("over a whole leap year the days agree, with one run a day", () => {
  const dates = fc
    .tuple(field(1, 31), field(1, 12, monthNames), field(0, 7, weekdayNames))
    .map((fields) => `0 12 ${fields.join(" ")}`);
  const yearStartMs = Date.parse("2028-01-01");
  fc.assert(
    fc.property(dates, (text) => {
      const parsed = parseCron(text);
      fc.pre(parsed.kind === "cron");
      if (parsed.kind !== "cron") return;
      const aws = new Set<number>();
      for (const each of toAwsExpressions(parsed.cron)) {
        const expression = parseExpression(each);
        if (!expression) throw new Error(`The local Scheduler refuses ${each}.`);
        const next = (afterMs: number) => nextOccurrence(expression, { timezone: "UTC", anchorMs: 0 }, afterMs);
        const endMs = yearStartMs + 366 * dayMs;
        for (let run = next(yearStartMs); run !== undefined && run < endMs; run = next(run)) aws.add(run);
      }
      const noons = Array.from({ length: 366 }, (_, index) => yearStartMs + index * dayMs + dayMs / 2);
      expect(
        [...aws].sort((a, b) => a - b),
        text,
      ).toEqual(noons.filter((noon) => matches(parsed.cron, noon)));
    }),
    { numRuns: 300 },
  );
});
