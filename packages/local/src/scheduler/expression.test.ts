import { describe, expect, test } from "vitest";
import { nextOccurrence, parseExpression } from "./expression.ts";

const utc = (text: string): number => Date.parse(`${text}Z`);

function runsOf(text: string, after: string, count: number, timezone = "UTC"): string[] {
  const expression = parseExpression(text);
  if (!expression) throw new Error(`${text} was refused`);
  const runs: string[] = [];
  let time: number | undefined = utc(after);
  for (let run = 0; run < count; run++) {
    time = nextOccurrence(expression, { timezone, anchorMs: utc("2026-11-20T00:00") }, time);
    if (time === undefined) break;
    runs.push(new Date(time).toISOString().slice(0, 16));
  }
  return runs;
}

describe("cron", () => {
  // AWS's examples: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
  test.each([
    ["cron(0 10 * * ? *)", ["2026-11-20T10:00", "2026-11-21T10:00"]],
    ["cron(15 12 * * ? *)", ["2026-11-20T12:15", "2026-11-21T12:15"]],
    ["cron(0 18 ? * MON-FRI *)", ["2026-11-20T18:00", "2026-11-23T18:00"]],
    ["cron(0 8 1 * ? *)", ["2026-12-01T08:00", "2027-01-01T08:00"]],
    ["cron(0/15 * * * ? *)", ["2026-11-20T00:15", "2026-11-20T00:30"]],
    ["cron(0/10 * ? * MON-FRI *)", ["2026-11-20T00:10", "2026-11-20T00:20"]],
    ["cron(0/5 8-17 ? * MON-FRI *)", ["2026-11-20T08:00", "2026-11-20T08:05"]],
    ["cron(15 10 ? * 6L 2022-2023)", []],
    ["cron(15 10 ? * 6L 2026-2027)", ["2026-11-27T10:15", "2026-12-25T10:15", "2027-01-29T10:15"]],
    ["cron(0 10 L * ? *)", ["2026-11-30T10:00", "2026-12-31T10:00"]],
    ["cron(0 10 LW * ? *)", ["2026-11-30T10:00", "2026-12-31T10:00", "2027-01-29T10:00"]],
    [
      "cron(0 10 15W * ? *)",
      [
        "2026-12-15T10:00",
        "2027-01-15T10:00",
        "2027-02-15T10:00",
        "2027-03-15T10:00",
        "2027-04-15T10:00",
        "2027-05-14T10:00",
      ],
    ],
    ["cron(0 10 ? * 3#2 *)", ["2026-12-08T10:00", "2027-01-12T10:00"]],
    ["cron(0 10 ? * MON#1 *)", ["2026-12-07T10:00", "2027-01-04T10:00"]],
    ["cron(0 10 ? * L *)", ["2026-11-21T10:00", "2026-11-28T10:00"]],
    ["cron(0 10 ? * 1 *)", ["2026-11-22T10:00"]],
    ["cron(0 10 1/10 * ? *)", ["2026-11-21T10:00", "2026-12-01T10:00", "2026-12-11T10:00"]],
    ["cron(0 0 29 2 ? *)", ["2028-02-29T00:00", "2032-02-29T00:00"]],
    ["cron(0 0 1 JAN,jul ? 2027/2)", ["2027-01-01T00:00", "2027-07-01T00:00", "2029-01-01T00:00"]],
    // Accepted by AWS: recorded 2026.
    ["cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)", ["2026-11-20T08:00", "2026-11-20T08:01"]],
    ["cron(30-30 13-13 ? * 2,4,6 *)", ["2026-11-20T13:30", "2026-11-23T13:30"]],
    ["cron(1-31/30 1-1 ? * 1,7 *)", ["2026-11-21T01:01", "2026-11-21T01:31", "2026-11-22T01:01"]],
    ["cron(*/15 * * * ? *)", ["2026-11-20T00:15", "2026-11-20T00:30"]],
    ["cron(0-59/10 0-23/2 ? * * *)", ["2026-11-20T00:10", "2026-11-20T00:20"]],
  ])("%s", (text, expected) => {
    expect(runsOf(text, "2026-11-20T00:00", Math.max(1, expected.length))).toEqual(expected);
  });

  test("a time that the clocks skip in spring is no run", () => {
    expect(runsOf("cron(30 2 * * ? *)", "2026-03-28T00:00", 3, "Europe/Berlin")).toEqual([
      "2026-03-28T01:30",
      "2026-03-30T00:30",
      "2026-03-31T00:30",
    ]);
    expect(runsOf("cron(30 2 * * ? *)", "2026-03-07T06:00", 3, "America/New_York")).toEqual([
      "2026-03-07T07:30",
      "2026-03-09T06:30",
      "2026-03-10T06:30",
    ]);
    expect(runsOf("cron(0/30 * * * ? *)", "2026-03-29T00:20", 3, "Europe/Berlin")).toEqual([
      "2026-03-29T00:30",
      "2026-03-29T01:00",
      "2026-03-29T01:30",
    ]);
  });

  test("a time that the clocks show twice in autumn is one run, the first", () => {
    expect(runsOf("cron(30 2 * * ? *)", "2026-10-24T12:00", 2, "Europe/Berlin")).toEqual([
      "2026-10-25T00:30",
      "2026-10-26T01:30",
    ]);
    expect(runsOf("cron(0/30 1-2 * * ? *)", "2026-11-01T04:00", 5, "America/New_York")).toEqual([
      "2026-11-01T05:00",
      "2026-11-01T05:30",
      "2026-11-01T07:00",
      "2026-11-01T07:30",
      "2026-11-02T06:00",
    ]);
  });

  test("asked in the second of two equal hours, the first hour's runs are over", () => {
    expect(runsOf("cron(0/30 * * * ? *)", "2026-10-25T01:10", 2, "Europe/Berlin")).toEqual([
      "2026-10-25T02:00",
      "2026-10-25T02:30",
    ]);
  });
});

describe("rate", () => {
  test.each([
    ["rate(5 minutes)", "2026-11-20T00:07", ["2026-11-20T00:10", "2026-11-20T00:15"]],
    ["rate(1 hour)", "2026-11-20T00:07", ["2026-11-20T01:00", "2026-11-20T02:00"]],
    ["rate(2 days)", "2026-11-20T00:07", ["2026-11-22T00:00", "2026-11-24T00:00"]],
    ["rate(5 minutes)", "2026-11-19T00:00", ["2026-11-20T00:00", "2026-11-20T00:05"]],
  ])("%s after %s", (text, after, expected) => {
    expect(runsOf(text, after, expected.length)).toEqual(expected);
  });

  test("days are 24 hours, whatever the clocks do", () => {
    const rate = parseExpression("rate(1 days)");
    const timing = { timezone: "Europe/Berlin", anchorMs: utc("2026-03-28T10:00") };
    expect(rate && nextOccurrence(rate, timing, utc("2026-03-28T10:00"))).toBe(utc("2026-03-29T10:00"));
  });
});

describe("at", () => {
  test("runs once, in its time zone", () => {
    expect(runsOf("at(2026-11-20T13:00:00)", "2026-11-20T00:00", 2)).toEqual(["2026-11-20T13:00"]);
    expect(runsOf("at(2026-11-20T13:00:00)", "2026-11-20T00:00", 2, "Asia/Kolkata")).toEqual(["2026-11-20T07:30"]);
  });

  test("runs at the first of two equal times, and never at one that is skipped", () => {
    expect(runsOf("at(2026-10-25T02:30:00)", "2026-10-24T00:00", 1, "Europe/Berlin")).toEqual(["2026-10-25T00:30"]);
    expect(runsOf("at(2026-03-29T02:30:00)", "2026-03-28T00:00", 1, "Europe/Berlin")).toEqual([]);
  });
});

test.each([
  // Refused by AWS: recorded 2025.
  "cron(0 1 * * * *)",
  "cron(7 20 * * NOT *)",
  "cron(INVALID)",
  "cron(0 dummy ? * MON-FRI *)",
  "cron(71 8 1 * ? *)",
  "cron()",
  "rate(10 seconds)",
  "rate(10 years)",
  "rate()",
  "rate(10)",
  "rate(10 minutess)",
  "rate(foo minutes)",
  "rate(-10 minutes)",
  "rate( 10 minutes )",
  " rate(10 minutes)",
  "at(2021-12-31T23:59:59Z)",
  "at(2021-12-31)",
  // Refused here, where AWS's documentation is silent or says so.
  "cron(0 1 ? * ? *)",
  "cron(0/30 20-2 ? * MON-FRI *)",
  "cron(0 10 * * ?)",
  "cron(0 10 * * ? * *)",
  "cron(0 10 ? * 1/2 *)",
  "cron(0 10 ? * 3#1,6#3 *)",
  "cron(0 10 ? * 3#6 *)",
  "cron(0 10 ? * 0 *)",
  "cron(0 10 ? * 8 *)",
  "cron(0 10 ? * FRI-MON *)",
  "cron(0 10 1,L * ? *)",
  "cron(0 10 32W * ? *)",
  "cron(0 24 * * ? *)",
  "cron(*/0 * * * ? *)",
  "cron(0/60 * * * ? *)",
  "cron(0 0 30 FEB ? *)",
  "cron(0 0 1 1 ? 1969)",
  "cron(0 0 1 1 ? 2200)",
  "cron(0 0 1 13 ? *)",
  "cron(L * * * ? *)",
  "cron(? * * * ? *)",
  "rate(0 minutes)",
  "at(2026-02-30T00:00:00)",
  "at(2026-11-20T24:00:00)",
  "AT(2026-11-20T13:00:00)",
  "0 10 * * ? *",
  "",
])("%s is refused", (text) => {
  expect(parseExpression(text)).toBeUndefined();
});
