import { afterEach, expect, test } from "vitest";
import { readJobsAtOnce, readVariable } from "./environment.ts";

const name = "TENDRIL_TEST_VARIABLE";

afterEach(() => {
  delete process.env[name];
});

test.each(["1", "10", "100"])("takes %s jobs at once", (text) => {
  process.env[name] = text;
  expect(readJobsAtOnce(name)).toBe(Number(text));
});

test.each(["0", "101", "1000", "-1", "1.5", "1e1", " 5", "ten"])(
  "refuses %s jobs at once, saying what is allowed",
  (text) => {
    process.env[name] = text;
    expect(() => readJobsAtOnce(name)).toThrow(`given ${JSON.stringify(text)}, allowed a whole number from 1 to 100`);
  },
);

test.each([undefined, ""])("refuses a variable that is %j, naming it", (text) => {
  if (text !== undefined) process.env[name] = text;
  expect(() => readVariable(name)).toThrow(name);
});
