import { afterEach, expect, test } from "vitest";
import { readVariable, readWholeNumber } from "./environment.ts";

const name = "TENDRIL_TEST_VARIABLE";

afterEach(() => {
  delete process.env[name];
});

test.each(["1", "10", "100"])("takes %s from 1 to 100", (text) => {
  process.env[name] = text;
  expect(readWholeNumber(name, [1, 100])).toBe(Number(text));
});

test.each(["0", "101", "1000", "-1", "1.5", "1e1", " 5", "ten"])(
  "refuses %s from 1 to 100, saying what is allowed",
  (text) => {
    process.env[name] = text;
    const refused = `given ${JSON.stringify(text)}, allowed a whole number from 1 to 100`;
    expect(() => readWholeNumber(name, [1, 100])).toThrow(refused);
  },
);

test.each([undefined, ""])("refuses a variable that is %j, naming it", (text) => {
  if (text !== undefined) process.env[name] = text;
  expect(() => readVariable(name)).toThrow(name);
});
