import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseArray } from "./array-text.ts";
import { inUtc, isInteger } from "./fields.ts";

describe("inUtc", () => {
  test.each([
    ["2026-01-02 03:04:05+00", "2026-01-02 03:04:05"],
    ["2026-01-02 03:04:05.123456+00", "2026-01-02 03:04:05.123456"],
    ["2026-01-01 00:30:00.5+01", "2025-12-31 23:30:00.5"],
    ["2026-12-31 22:00:00-03:30", "2027-01-01 01:30:00"],
    ["0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00 BC"],
    ["infinity", "infinity"],
  ])("makes of %s %s", (given, utc) => {
    expect(inUtc(given)).toBe(utc);
  });
});

describe("parseArray", () => {
  test("reads back any list as Postgres writes it", () => {
    const item = fc.option(fc.string({ unit: fc.constantFrom('"', "\\", ",", "{", "}", " ", "a", "é") }));
    const written = (text: string | null) => (text === null ? "NULL" : `"${text.replaceAll(/["\\]/g, "\\$&")}"`);
    const property = fc.property(fc.array(item), (items) => {
      expect(parseArray(`{${items.map(written).join()}}`)).toEqual(items);
    });
    fc.assert(property);
  });

  test("passes over a lower bound", () => {
    expect(parseArray("[2:3]={1,2}")).toEqual(["1", "2"]);
  });

  test("refuses more dimensions", () => {
    expect(() => parseArray("{{1},{2}}")).toThrow("MULTIDIMENSIONAL ARRAY");
  });
});

test.each([["1"], ["-12345678901234567890"]])("%s is an integer", (text) => expect(isInteger(text)).toBe(true));
test.each([["1.0"], ["NaN"], ["-Infinity"]])("%s is no integer", (text) => expect(isInteger(text)).toBe(false));
