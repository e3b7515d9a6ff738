import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorCatalogue, errorText, kindOf, TendrilError } from "./errors.ts";

test("an error says what, where, what was given, what is allowed and what to do", () => {
  const error = new TendrilError("port_in_use", {
    where: "127.0.0.1:4747",
    given: "a busy port",
    allowed: "a free one",
    fix: "Use --port.",
  });
  expect(error.message).toBe("A port is in use (127.0.0.1:4747): given a busy port, allowed a free one. Use --port.");
});

test("several problems have a line each", () => {
  const error = new TendrilError("tier_refused", {
    where: "a",
    given: "1",
    allowed: "2",
    fix: "Write 2.",
    others: [{ where: "b", given: "3", allowed: "4" }],
  });
  expect(error.message).toBe(
    "The tier cannot be planned: 2 problems\n  a: given 1, allowed 2. Write 2.\n  b: given 3, allowed 4.",
  );
});

test("its cause is kept for the log, and is no part of its facts", () => {
  const cause = new Error("inner");
  const error = new TendrilError("aws_call_failed", { given: "x", allowed: "y", cause });
  expect(error.cause).toBe(cause);
  expect(error.facts).not.toHaveProperty("cause");
});

test("every code of the catalogue is thrown somewhere in the house, so none is a promise only", () => {
  const packages = new URL("../../", import.meta.url);
  const sources = readdirSync(packages, { recursive: true, encoding: "utf8" })
    .filter(
      (file) =>
        /\/src\/.*\.ts$/.test(file) && !/\.test\.ts$|node_modules/.test(file) && !file.endsWith("core/src/errors.ts"),
    )
    .map((file) => readFileSync(new URL(file, packages), "utf8"))
    .join("\n");
  const unused = Object.keys(errorCatalogue).filter((code) => !sources.includes(`"${code}"`));
  expect(unused).toEqual([]);
});

test.each([
  [undefined, "thrown: undefined"],
  ["a text", "thrown: a text"],
  [new TypeError("no"), "TypeError: no"],
  [Object.create(null), "thrown: a value that has no text"],
])("anything that can be thrown has a text", (thrown, text) => {
  expect(errorText(thrown)).toBe(text);
});

test("a huge error's text is cut", () => {
  expect(errorText(new Error("x".repeat(1e6)))).toHaveLength(1000);
});

test.each([
  [undefined, "nothing"],
  [null, "null"],
  [[], "a list"],
  [{}, "an object"],
  ["", "a string"],
  [1, "a number"],
])("%j is %s", (value, kind) => {
  expect(kindOf(value)).toBe(kind);
});
