import { TendrilError } from "@tendril/core/errors";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readDropChoice, readRedriveChoice } from "./operations-choice.ts";

const id = "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77";

test.each([
  [readRedriveChoice, {}, {}],
  [readRedriveChoice, { limit: 7 }, { limit: 7 }],
  [readRedriveChoice, { job_type: "tendril.purge" }, { jobType: "tendril.purge" }],
  [readRedriveChoice, { job_ids: [id.toUpperCase()] }, { jobIds: [id] }],
  [readDropChoice, { all: true }, {}],
  [readDropChoice, { job_ids: [id, id] }, { jobIds: [id, id] }],
])("%o reads %j", (read, body, choice) => {
  expect(read(body)).toEqual(choice);
});

const names = fc.constantFrom("all", "job_ids", "job_type", "limit", "__proto__", "constructor", "other");
const body = fc.dictionary(fc.oneof(names, fc.string()), fc.oneof(fc.jsonValue(), fc.constant(id), fc.constant([id])));

test("whatever is given is a choice or refused, and never is it all unless it says so", () => {
  const refusals: string[] = [];
  const read = (make: () => object): object | undefined => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof TendrilError)) throw error;
      refusals.push(error.code);
      return undefined;
    }
  };
  fc.assert(
    fc.property(body, (given) => {
      const [redrive, drop] = [read(() => readRedriveChoice(given)), read(() => readDropChoice(given))];
      if (redrive !== undefined && Object.keys(redrive).length === 0) expect(given).toEqual({});
      if (drop !== undefined && Object.keys(drop).length === 0) expect(given).toEqual({ all: true });
    }),
    { numRuns: 2000 },
  );
  expect(refusals).toContain("input_invalid");
  expect(["input_invalid", "job_id_invalid"]).toEqual(expect.arrayContaining([...new Set(refusals)]));
});
