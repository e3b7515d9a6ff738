import { TendrilError } from "@tendril/core/errors";
import { newJobId } from "@tendril/core/job-id";
import { longestMessageBytes, readMessage } from "@tendril/core/message";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writeJobMessage } from "./job-message.ts";

const id = newJobId(0, new Uint8Array(16));
const write = (input: unknown) => writeJobMessage({ id, type: "MailJob", input });

function refusal(input: unknown): TendrilError {
  try {
    write(input);
  } catch (error) {
    if (error instanceof TendrilError) return error;
    throw error;
  }
  throw new Error("the input was taken");
}

const list: unknown[] = [];
const cycle = { name: "a", list };
list.push(cycle);
let deep: unknown = "x";
for (let level = 0; level < 100_000; level += 1) deep = [deep];

describe("refuses what JSON drops or changes in silence", () => {
  test.each([
    ["a function", () => 1, "data", "a function"],
    ["a symbol", Symbol("s"), "data", "a symbol"],
    ["a bigint", { amount: { cents: 10n } }, "data.amount.cents", "a bigint"],
    ["NaN", { rate: Number.NaN }, "data.rate", "NaN"],
    ["Infinity", [1, Number.POSITIVE_INFINITY], "data.1", "Infinity"],
    [
      "undefined in a list",
      { list: ["a", undefined] },
      "data.list.1",
      "undefined in a list, which JSON would turn into null",
    ],
    ["a Map", { tags: new Map([["a", 1]]) }, "data.tags", "a Map"],
    ["a cycle", cycle, "data.list.0", "an object that contains itself"],
    ["what is nested too deeply", deep, "data", "a value nested too deeply"],
    [
      "a toJSON that throws",
      {
        toJSON: () => {
          throw new Error("secret");
        },
      },
      "data",
      "a value that cannot be written as JSON",
    ],
  ])("%s", (_name, input, where, given) => {
    const error = refusal(input);
    expect(error.code).toBe("input_invalid");
    expect(error.facts).toMatchObject({ where, given });
    expect(error.cause).toBeUndefined();
  });
});

test("what JSON carries arrives as it was", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (input) => {
      const { body, attributes } = write(input);
      const reading = readMessage({ messageId: id, body, attributes });
      expect(reading).toEqual({ kind: "job", job: { id, type: "MailJob", input: JSON.parse(JSON.stringify(input)) } });
    }),
  );
});

test("undefined is absent, at the top and in an object", () => {
  expect(write(undefined).body).toBe('{"job_type":"MailJob"}');
  expect(write({ a: undefined, b: 1 }).body).toBe('{"job_type":"MailJob","data":{"b":1}}');
});

test("an object may stand in two places: only a cycle is refused", () => {
  const address = { city: "Bern" };
  expect(write({ from: address, to: address }).body).toContain('"to":{"city":"Bern"}');
});

test("characters that SQS does not take are sent escaped", () => {
  const { body } = write("\uffff \ufffe \u0000");
  expect(body).toBe('{"job_type":"MailJob","data":"\\uffff \\ufffe \\u0000"}');
});

test("takes a message of 1 MiB, attributes included, and refuses one byte more", () => {
  const room = longestMessageBytes - write("").bytes;
  expect(write("a".repeat(room)).bytes).toBe(longestMessageBytes);
  const error = refusal("a".repeat(room + 1));
  expect(error.code).toBe("body_too_large");
  expect(error.facts.given).toBe("a message of 1048577 bytes");
});

test("counts bytes, not characters", () => {
  expect(write("é€😀").bytes - write("").bytes).toBe(2 + 3 + 4);
});
