import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toAwsExpressions } from "./aws-schedule.ts";
import { parseCron } from "./cron.ts";

function translate(expression: string): string[] {
  const parsed = parseCron(expression);
  if (parsed.kind === "errors") throw new Error(JSON.stringify(parsed.errors));
  return toAwsExpressions(parsed.cron);
}

describe("one schedule", () => {
  test.each([
    ["* * * * *", "cron(* * * * ? *)"],
    ["*/5 * * * *", "cron(0/5 * * * ? *)"],
    ["5-59/15 * * * *", "cron(5/15 * * * ? *)"],
    ["10-40/10 * * * *", "cron(10,20,30,40 * * * ? *)"],
    ["*/30 9-17 * * *", "cron(0,30 9-17 * * ? *)"],
    ["0 0 */10 * *", "cron(0 0 1/10 * ? *)"],
    ["0 0 1 jan,mar-may *", "cron(0 0 1 1,3-5 ? *)"],
    ["@weekly", "cron(0 0 ? * SUN *)"],
    ["0 0 * * 7", "cron(0 0 ? * SUN *)"],
    ["0 0 * * 1-5", "cron(0 0 ? * MON-FRI *)"],
    ["0 0 * * 5-7", "cron(0 0 ? * SUN,FRI,SAT *)"],
    ["0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"],
    ["0 0 * * 0-6", "cron(0 0 * * ? *)"],
    ["0 0 15 * 0-6", "cron(0 0 * * ? *)"],
    ["0 0 1-31 * 1", "cron(0 0 * * ? *)"],
    ["0 0 31 2 1", "cron(0 0 ? 2 MON *)"],
  ])("%s is %s", (expression, expected) => {
    expect(translate(expression)).toEqual([expected]);
  });
});

test("days of month or of week are two schedules", () => {
  expect(translate("0 9 1,15 * mon-fri")).toEqual(["cron(0 9 1,15 * ? *)", "cron(0 9 ? * MON-FRI *)"]);
  expect(translate("0 9 */2 * 0")).toEqual(["cron(0 9 1/2 * ? *)", "cron(0 9 ? * SUN *)"]);
});

test("no expression is longer than 256 characters", () => {
  const list = (min: number, max: number) =>
    fc
      .uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: max - min + 1 })
      .map((values) => values.join(","));
  const expression = fc.tuple(list(0, 59), list(0, 23), list(1, 31), list(1, 12), list(0, 6));
  const pairs = (min: number, max: number): string =>
    Array.from({ length: max - min + 1 }, (_, index) => index + min)
      .filter((value) => (value - min) % 3 < 2)
      .join(",");
  const longest = [pairs(0, 59), pairs(0, 23), pairs(1, 31), pairs(1, 12), "*"].join(" ");
  const lengths = (text: string) => translate(text).map((each) => each.length);
  expect(Math.max(...lengths(longest))).toBeGreaterThan(220);
  expect(Math.max(...lengths(longest))).toBeLessThanOrEqual(256);
  fc.assert(
    fc.property(expression, (fields) => {
      // Days such as 30 and 31 of February alone are refused before they come here.
      fc.pre(parseCron(fields.join(" ")).kind === "cron");
      expect(Math.max(...lengths(fields.join(" ")))).toBeLessThanOrEqual(256);
    }),
  );
});
