import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readEventPattern } from "./event-pattern.ts";

const matches = (pattern: unknown, record: unknown): boolean => readEventPattern(JSON.stringify(pattern))(record);

describe("a pattern", () => {
  test.each<[string, unknown, readonly unknown[], readonly unknown[]]>([
    ["equals", ["a", 5, true], ["a", 5, true], ["A", "5", 1, "true", null, "", undefined, {}]],
    ["null", [null], [null], ["", "null", 0, undefined]],
    ["empty", [""], [""], [null, " ", undefined]],
    ["equals ignoring case", [{ "equals-ignore-case": "Ab" }], ["aB", "AB"], ["a", "abc", 1]],
    ["begins with", [{ prefix: "ab" }], ["ab", "abc"], ["Ab", "cab", 1, null]],
    ["ends with", [{ suffix: ".png" }], [".png", "a.png"], ["a.PNG", "png"]],
    ["not", [{ "anything-but": ["a", 1] }], ["b", 2, null], ["a", 1, undefined]],
    ["not one", [{ "anything-but": "a" }], ["b"], ["a"]],
    ["not a prefix", [{ "anything-but": { prefix: "a" } }], ["b", 1], ["a", "ab"]],
    ["numeric equals", [{ numeric: ["=", 100] }], [100, 1e2], ["100", 101]],
    ["numeric range", [{ numeric: [">", 10, "<=", 20] }], [10.5, 20], [10, 20.1, "15", null]],
    ["exists", [{ exists: true }], ["", null, 0, [1]], [undefined, { a: 1 }]],
    ["does not exist", [{ exists: false }], [undefined, { a: 1 }], ["", null]],
    ["any of several rules", ["a", { prefix: "b" }], ["a", "bc"], ["ab"]],
    ["a value in a list", ["a"], [["a", "b"]], [["b"], [["a"]], []]],
  ])("%s", (_, rules, letThrough, dropped) => {
    const record = (value: unknown): object => (value === undefined ? {} : { field: value });
    expect(letThrough.filter((value) => !matches({ field: rules }, record(value)))).toEqual([]);
    expect(dropped.filter((value) => matches({ field: rules }, record(value)))).toEqual([]);
  });

  test("matches every field, in objects and in lists of objects", () => {
    const pattern = { a: { b: ["x"], c: [1] }, d: ["y"] };
    expect(matches(pattern, { a: { b: "x", c: 1, more: 2 }, d: "y", e: 3 })).toBe(true);
    expect(matches(pattern, { a: { b: "x", c: 2 }, d: "y" })).toBe(false);
    expect(matches(pattern, { a: [{}, { b: "x", c: 1 }], d: "y" })).toBe(true);
    expect(matches(pattern, { a: [{ b: "x" }, { c: 1 }], d: "y" })).toBe(false);
    expect(matches({ a: { b: [{ exists: false }] } }, {})).toBe(true);
  });

  test("matches either field with $or, beside the others", () => {
    const pattern = { d: ["y"], $or: [{ a: ["x"] }, { b: { c: [{ numeric: [">", 1] }] } }] };
    expect(matches(pattern, { d: "y", a: "x" })).toBe(true);
    expect(matches(pattern, { d: "y", b: { c: 2 } })).toBe(true);
    expect(matches(pattern, { d: "y", b: { c: 1 } })).toBe(false);
    expect(matches(pattern, { a: "x" })).toBe(false);
  });

  test("of a record's own values matches the record", () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
    const record = fc.dictionary(
      fc.string().filter((name) => name !== "$or" && name !== "__proto__"),
      leaf,
      { minKeys: 1 },
    );
    fc.assert(
      fc.property(record, (given) => {
        const pattern = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value]]));
        expect(matches(pattern, given)).toBe(true);
      }),
    );
  });
});

test.each<[unknown, string]>([
  ["{", "it is not JSON"],
  ["[]", "it must be a JSON object"],
  [{}, "an object must name a field"],
  [{ a: "x" }, "at a: it must be an object or a list of rules"],
  [{ a: [] }, "at a: it must be an object or a list of rules"],
  [{ a: { b: [{ regex: "x" }] } }, "at a.b: unrecognized match type regex"],
  [{ a: [{ prefix: 1 }] }, "at a: prefix takes a string"],
  [{ a: [{ prefix: "x", suffix: "y" }] }, "at a: a rule has one operator"],
  [{ a: [{ numeric: ["=", "1"] }] }, "a bound must be a number"],
  [{ a: [{ numeric: ["=", 5e9 + 1] }] }, "a bound must be a number"],
  [{ a: [{ numeric: ["!", 1] }] }, "unrecognized numeric operator !"],
  [{ a: [{ numeric: ["="] }] }, "numeric takes one or two pairs"],
  [{ a: [{ exists: "yes" }] }, "exists takes true or false"],
  [{ a: [{ "anything-but": [] }] }, "anything-but takes strings or numbers"],
  [{ $or: [{ a: ["x"] }] }, "a list of two objects or more"],
])("%j is refused", (pattern, reason) => {
  const text = typeof pattern === "string" ? pattern : JSON.stringify(pattern);
  expect(() => readEventPattern(text)).toThrow("Invalid filter pattern definition");
  expect(() => readEventPattern(text)).toThrow(reason);
});
