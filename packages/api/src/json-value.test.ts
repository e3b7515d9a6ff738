import fc from "fast-check";
import { expect, test } from "vitest";
import { checkDepth, deepestJson, jsonHash } from "./json-value.ts";

const shuffled = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([name, member]) => [name, shuffled(member)]));
};

test("the order of an object's members does not matter, all else does", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
      expect(jsonHash(shuffled(left))).toBe(jsonHash(left));
      const same = JSON.stringify(shuffled(shuffled(left))) === JSON.stringify(shuffled(shuffled(right)));
      if (jsonHash(left) === jsonHash(right)) expect(shuffled(left)).toEqual(shuffled(right));
      else expect(same).toBe(false);
    }),
  );
});

test.each([
  [undefined, null],
  [1, "1"],
  [["a"], { 0: "a" }],
  [{ a: { b: 1 } }, { a: {}, b: 1 }],
  ["a\u0000", "a"],
  ["\ud800", "\ud801"],
  [JSON.parse('{"__proto__":1}'), {}],
])("%j is not %j", (left, right) => {
  expect(jsonHash(left)).not.toBe(jsonHash(right));
});

test("a hash is of the JSON, in hexadecimal: it may never change", () => {
  expect(jsonHash({ b: [1.0, "é"], a: null })).toBe("f8f17faab95c024891d173fa43442b0e52007736a1f36715ac721ab22deeefc5");
});

test("depth is bounded, whatever the width", () => {
  const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
  expect(() => checkDepth(nested(deepestJson), "input")).not.toThrow();
  expect(() => checkDepth(nested(deepestJson + 1), "input")).toThrow("nested too deeply");
  expect(() => checkDepth(nested(500_000), "input")).toThrow("nested too deeply");
  expect(() =>
    checkDepth(
      Array.from({ length: 100_000 }, () => [{}]),
      "input",
    ),
  ).not.toThrow();
});
