import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration, wordDuration } from "./duration.ts";

describe("parseDuration", () => {
  test.each([
    ["0 seconds", 0],
    ["1 second", 1000],
    ["1.5 minutes", 90_000],
    ["1.1 minutes", 66_000],
    ["2 hours", 7_200_000],
    ["1 day", 86_400_000],
    ["250 milliseconds", 250],
  ])("%s is %i milliseconds", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each([
    "",
    "30",
    "30s",
    "-1 seconds",
    "1e3 seconds",
    "1 fortnight",
    "1  second",
    " 1 second",
    "0.5 milliseconds",
    "NaN seconds",
  ])("refuses %j instead of guessing", (text) => {
    expect(() => parseDuration(text, "retry.to")).toThrow(expect.objectContaining({ code: "duration_invalid" }));
  });

  test("whatever it accepts is a whole, non-negative number of milliseconds", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.constantFrom("second", "minutes", "hours", "day"),
        (count, unit) => {
          try {
            const milliseconds = parseDuration(`${count} ${unit}`);
            return Number.isSafeInteger(milliseconds) && milliseconds >= 0;
          } catch (error) {
            return error instanceof Error && "code" in error && error.code === "duration_invalid";
          }
        },
      ),
    );
  });
});

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1500, "1.5 s"],
  [240_000, "4 min"],
  [7_500_000, "2 h 5 min"],
  [1_209_600_000, "14 d"],
])("%i milliseconds are %s for people", (milliseconds, words) => {
  expect(wordDuration(milliseconds)).toBe(words);
});
