import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Cron, matches, nextRun, parseCron } from "./cron.ts";

const utc = (iso: string): number => Date.parse(`${iso}Z`);

function read(expression: string): Cron {
  const parsed = parseCron(expression);
  if (parsed.kind === "errors") throw new Error(JSON.stringify(parsed.errors));
  return parsed.cron;
}

function problemsOf(expression: string) {
  const parsed = parseCron(expression);
  return parsed.kind === "errors" ? parsed.errors : [];
}

function runsOf(expression: string, after: string, count: number): string[] {
  const runs: string[] = [];
  for (let time = utc(after); runs.length < count; ) {
    time = nextRun(read(expression), time);
    runs.push(new Date(time).toISOString().slice(0, 16));
  }
  return runs;
}

describe("the dialect", () => {
  test.each([
    ["*/20 * * * *", { minutes: [0, 20, 40] }],
    ["10-40/15 * * * *", { minutes: [10, 25, 40] }],
    ["5,1-3,2 * * * *", { minutes: [1, 2, 3, 5] }],
    ["0 * * JAN,Mar-may *", { months: [1, 3, 4, 5] }],
    ["0 * * * SUN,fri", { daysOfWeek: [0, 5] }],
    ["0 * * * 5-7", { daysOfWeek: [0, 5, 6] }],
    ["0 * * * 0-7", { daysOfWeek: [0, 1, 2, 3, 4, 5, 6] }],
    ["0 * * * */2", { daysOfWeek: [0, 2, 4, 6] }],
    ["0 * * * *", { daysOfMonth: "any", daysOfWeek: "any" }],
    ["0 * */1 * *", { daysOfWeek: "any" }],
    [" 0\t* * * * ", { minutes: [0] }],
  ])("%s", (expression, fields) => {
    expect(read(expression)).toMatchObject(fields);
  });

  test.each([
    ["@yearly", "0 0 1 1 *"],
    ["@annually", "0 0 1 1 *"],
    ["@monthly", "0 0 1 * *"],
    ["@weekly", "0 0 * * 0"],
    ["@daily", "0 0 * * *"],
    ["@midnight", "0 0 * * *"],
    ["@hourly", "0 * * * *"],
  ])("%s is %s", (macro, expression) => {
    expect(read(macro)).toEqual(read(expression));
  });
});

describe("runs", () => {
  test.each([
    ["0 12 * * mon", "2026-11-20T00:00", ["2026-11-23T12:00", "2026-11-30T12:00"]],
    ["*/7 * * * *", "2026-11-20T00:50", ["2026-11-20T00:56", "2026-11-20T01:00"]],
    ["0 0 29 2 *", "2096-03-01T00:00", ["2104-02-29T00:00", "2108-02-29T00:00"]],
    ["0 0 31 * *", "2026-11-20T00:00", ["2026-12-31T00:00", "2027-01-31T00:00", "2027-03-31T00:00"]],
    ["59 23 31 12 *", "2026-12-31T23:59", ["2027-12-31T23:59"]],
  ])("of %s after %s", (expression, after, expected) => {
    expect(runsOf(expression, after, expected.length)).toEqual(expected);
  });

  test("restricted days of month and of week are alternatives", () => {
    expect(runsOf("0 0 15 * 1", "2026-11-09T00:00", 3)).toEqual([
      "2026-11-15T00:00",
      "2026-11-16T00:00",
      "2026-11-23T00:00",
    ]);
  });

  test("only a literal * is unrestricted: with 0-6 every day runs, with */2 every second day or Sunday", () => {
    expect(runsOf("0 0 15 * 0-6", "2026-11-20T00:00", 2)).toEqual(["2026-11-21T00:00", "2026-11-22T00:00"]);
    expect(runsOf("0 0 */2 * 0", "2026-11-20T00:00", 3)).toEqual([
      "2026-11-21T00:00",
      "2026-11-22T00:00",
      "2026-11-23T00:00",
    ]);
  });

  test("a run is strictly after the time given, whatever its seconds", () => {
    expect(nextRun(read("* * * * *"), utc("2026-11-20T10:00:00"))).toBe(utc("2026-11-20T10:01:00"));
    expect(nextRun(read("* * * * *"), utc("2026-11-20T10:00:59.999"))).toBe(utc("2026-11-20T10:01:00"));
    expect(nextRun(read("* * * * *"), utc("2026-11-20T09:59:59.999"))).toBe(utc("2026-11-20T10:00:00"));
  });

  test("what is no time has no next run", () => {
    expect(() => nextRun(read("* * * * *"), Number.NaN)).toThrow(RangeError);
  });

  test("the next run matches, and no minute before it does", () => {
    const expression = fc.constantFrom(
      "*/7 3 * * *",
      "0 */5 1,30 * 2",
      "11-40/9 * 29 2 1",
      "59 23 31 12 *",
      "0 0 * * 7",
    );
    const after = fc.integer({ min: utc("2026-11-20T00:00"), max: utc("2029-11-20T00:00") });
    fc.assert(
      fc.property(expression, after, (text, afterMs) => {
        const cron = read(text);
        const runMs = nextRun(cron, afterMs);
        expect(runMs).toBeGreaterThan(afterMs);
        expect(matches(cron, runMs)).toBe(true);
        const startMs = Math.floor(afterMs / 60_000) * 60_000 + 60_000;
        for (let time = startMs; time < Math.min(runMs, startMs + 86_400_000); time += 60_000) {
          if (matches(cron, time)) throw new Error(`${new Date(time).toISOString()} was left out`);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("problems", () => {
  test.each([
    ["six fields", "*/30 * * * * *", 13, "*", 'write "*/30 * * * *"'],
    ["too few fields", "0 0 *", 0, "0 0 *", "add the 2 missing"],
    ["nothing", "  ", 0, "  ", "write an expression"],
    ["a step without a range", "0 5/15 * * *", 2, "5/15", "write 5-23/15"],
    ["a last day", "0 0 L * *", 4, "L", "28-31"],
    ["a nearest weekday", "0 0 15W * *", 4, "15W", "let the job look at the weekday"],
    ["an n-th weekday", "0 0 * * 1#2", 8, "1#2", "let the job look at the date"],
    ["a question mark", "0 0 ? * mon", 4, "?", "write *"],
    ["a wrapped range of names", "0 0 * * fri-mon", 8, "fri-mon", "write fri-sat,sun-mon"],
    ["a wrapped range to one Sunday", "0 0 * * sat-sun", 8, "sat-sun", "write sat,sun"],
    ["a wrapped range of hours", "0 22-5 * * *", 2, "22-5", "write 22-23,0-5"],
    ["a wrapped range with a step", "0 22-5/3 * * *", 2, "22-5/3", "write 22,1,4"],
    ["a wrapped range of months", "0 0 1 nov-feb *", 6, "nov-feb", "write nov-dec,jan-feb"],
    ["a range from Sunday as 7", "0 0 * * 7-2", 8, "7-2", "write 0-2"],
    ["a star run into its step", "*15 * * * *", 0, "*15", "write */15"],
    ["minute 60", "60 * * * *", 0, "60", "0 to 59"],
    ["hour 24", "0 24 * * *", 2, "24", "midnight is hour 0"],
    ["day 0", "0 0 0 * *", 4, "0", "1 to 31"],
    ["month 13", "0 0 1 1-13 *", 8, "13", "1 to 12"],
    ["weekday 8", "0 0 * * 1,8", 10, "8", "0 to 7"],
    ["step 0", "*/0 * * * *", 2, "0", "leave the step away"],
    ["a step as long as its field", "*/90 * * * *", 2, "90", "start again with every hour"],
    ["a date that never comes", "0 0 31 2 *", 4, "day 31 of month 2", "no month given has such a day"],
    ["dates that never come", "0 0 31 4,jun,9-9 *", 4, "day 31 of month 4,jun,9-9", "no month given has such a day"],
    ["@reboot", "@reboot", 0, "@reboot", "run it once at deploy"],
    ["a macro in capitals", "@Daily", 0, "@Daily", "write @daily"],
    ["a macro and more", "@daily 5", 0, "@daily", "write @daily alone"],
    ["an unknown macro", "@every 5m", 0, "@every", "write five fields"],
    ["a full month name", "0 0 1 january *", 6, "january", "write jan"],
    ["a full day name", "0 0 * * Monday", 8, "Monday", "write mon"],
    ["a name in another's field", "0 0 mon * *", 4, "mon", "mon is a day of week"],
    ["an unknown name", "0 0 * foo *", 6, "foo", "write a month"],
    ["an empty element", "1,,2 * * * *", 1, ",", "take the extra comma away"],
    ["a comma at the end", "0 0 1, * *", 5, ",", "take the extra comma away"],
    ["a random minute", "H * * * *", 0, "H", "write a minute"],
    ["a tilde", "0~5 * * * *", 0, "0~5", "write a minute"],
  ])("%s: %s", (_, expression, offset, given, fix) => {
    expect(problemsOf(expression)).toEqual([
      { offset, given, allowed: expect.stringMatching(/\w/), fix: expect.stringContaining(fix) },
    ]);
  });

  test("all are reported at once, in their order", () => {
    const found = problemsOf("60,5/15 24 L,0 fri mon-sun 2026");
    expect(found.map((problem) => [problem.offset, problem.given])).toEqual([
      [0, "60"],
      [3, "5/15"],
      [8, "24"],
      [11, "L"],
      [13, "0"],
      [15, "fri"],
      [19, "mon-sun"],
      [27, "2026"],
    ]);
  });

  test("a date that never comes is none when a day of week may stand in", () => {
    expect(runsOf("0 0 31 2 1", "2026-11-20T00:00", 1)).toEqual(["2027-02-01T00:00"]);
  });

  test("any text is a cron or problems that lie in it, and is never thrown at", () => {
    const word = fc.constantFrom(
      "*",
      "*/5",
      "1-5",
      "7",
      "fri-mon",
      "L",
      "?",
      ",",
      "@daily",
      "-1",
      "1/2",
      "99999999999999999999",
    );
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.array(word).map((words) => words.join(" ")),
    );
    fc.assert(
      fc.property(text, (expression) => {
        const parsed = parseCron(expression);
        if (parsed.kind === "cron") expect(parsed.cron.minutes.length).toBeGreaterThan(0);
        else expect(parsed.errors.length).toBeGreaterThan(0);
        for (const problem of problemsOf(expression)) {
          expect(problem.offset).toBeGreaterThanOrEqual(0);
          expect(problem.offset).toBeLessThanOrEqual(expression.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});
