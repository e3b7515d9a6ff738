import fc from "fast-check";
import { expect, test } from "vitest";
import { toParameter } from "./sql-value.ts";

test.each([
  ["a text", { stringValue: "a text" }, undefined],
  [7, { longValue: 7 }, undefined],
  [-0.5, { doubleValue: -0.5 }, undefined],
  [2 ** 60, { doubleValue: 2 ** 60 }, undefined],
  [7n, { longValue: 7 }, undefined],
  [2n ** 60n, { stringValue: "1152921504606846976" }, "DECIMAL"],
  [true, { booleanValue: true }, undefined],
  [null, { isNull: true }, undefined],
  [new Date(Date.UTC(2026, 10, 20, 9, 8, 7, 6)), { stringValue: "2026-11-20 09:08:07.006" }, "TIMESTAMP"],
  [new Uint8Array([1, 2]), { blobValue: new Uint8Array([1, 2]) }, undefined],
  [{ a: [1] }, { stringValue: '{"a":[1]}' }, "JSON"],
  [[1, "b"], { stringValue: '[1,"b"]' }, "JSON"],
])("%o becomes a typed parameter", (value, field, typeHint) => {
  expect(toParameter("p1", value)).toEqual({
    name: "p1",
    value: field,
    ...(typeHint === undefined ? {} : { typeHint }),
  });
});

test.each([
  ["NaN", Number.NaN, "given NaN"],
  ["Infinity", Number.POSITIVE_INFINITY, "given Infinity"],
  ["an invalid Date", new Date(Number.NaN), "given an invalid Date"],
  ["a function", () => 1, "given a function"],
  ["an object without JSON", { toJSON: () => undefined }, "given an object that has no JSON"],
])("%s is refused, with what would be allowed", (_, value, given) => {
  const refused = expect(() => toParameter("p3", value));
  refused.toThrow(expect.objectContaining({ code: "sql_value_invalid" }));
  refused.toThrow(`(SQL parameter p3): ${given}, allowed a string`);
});

test("undefined, which the types refuse too, is refused", () => {
  const values: { value?: string } = {};
  // @ts-expect-error undefined is no SqlValue
  expect(() => toParameter("p1", values.value)).toThrow("given nothing");
});

test("whole numbers keep their value", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const { value: field } = toParameter("p1", value);
      expect(BigInt(field?.stringValue ?? field?.longValue ?? 0)).toBe(value);
    }),
  );
});
