import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCron } from "./cron.ts";
import { wordCron } from "./cron-words.ts";

function words(expression: string): string {
  const parsed = parseCron(expression);
  if (parsed.kind === "errors") throw new Error(expression);
  return wordCron(parsed.cron);
}

test.each([
  ["* * * * *", "every minute"],
  ["*/5 * * * *", "every 5 minutes"],
  ["2-59/5 * * * *", "every 5 minutes from minute 2"],
  ["@hourly", "every hour"],
  ["15 * * * *", "at minute 15 of every hour"],
  ["0,30,40 * * * *", "at minutes 0, 30 and 40 of every hour"],
  ["0 */2 * * *", "every 2 hours"],
  ["30 1-23/2 * * *", "every 2 hours from 01:30"],
  ["0 */12 * * *", "at 00:00 and 12:00 every day"],
  ["@daily", "at 00:00 every day"],
  ["0 12 1-31 * 1", "at 12:00 every day"],
  ["0 12 15 * 0-6", "at 12:00 every day"],
  ["0 3 * * mon-fri", "at 03:00 on Monday to Friday"],
  ["*/10 8-17 * * sat,sun", "every 10 minutes in the hours 8 to 17 on Sunday and Saturday"],
  ["0 0 1,15 * mon", "at 00:00 on day 1 and 15 of the month and on Monday"],
  ["@yearly", "at 00:00 on day 1 of the month in January"],
  ["* * * jan-mar,dec *", "every minute in January to March and December"],
])("%s: %s", (expression, expected) => {
  expect(words(expression)).toBe(expected);
});

test("different schedules of one run a day have different words", () => {
  const time = fc.tuple(
    fc.integer({ min: 0, max: 59 }),
    fc.integer({ min: 0, max: 23 }),
    fc.integer({ min: 0, max: 6 }),
  );
  fc.assert(
    fc.property(time, time, (a, b) => {
      const [first, second] = [a, b].map(([minute, hour, day]) => words(`${minute} ${hour} * * ${day}`));
      expect(first === second).toBe(a.join() === b.join());
    }),
  );
});
