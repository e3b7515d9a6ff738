import fc from "fast-check";
import { expect, test } from "vitest";
import { readBatchResponse } from "./batch-response.ts";

const ids = ["a", "b", "c"];

test.each([
  ["nothing", ""],
  ["null", "null"],
  ["an empty object", "{}"],
  ["other properties", '{"ok":true}'],
  ["no list", '{"batchItemFailures":null}'],
  ["an empty list", '{"batchItemFailures":[]}'],
])("%s means that all succeeded", (_, payload) => {
  expect(readBatchResponse(payload, ids)).toEqual({ kind: "read", failedIds: new Set() });
});

test.each([
  ["text that is no JSON", "done"],
  ["a string", '"done"'],
  ["a number", "1"],
  ["a list", "[]"],
  ["true", "true"],
  ["an object for the list", '{"batchItemFailures":{}}'],
  ["a string for the list", '{"batchItemFailures":"a"}'],
  ["a list of strings", '{"batchItemFailures":["a"]}'],
  ["a list of null", '{"batchItemFailures":[null]}'],
  ["an item without an identifier", '{"batchItemFailures":[{}]}'],
  ["another name for the identifier", '{"batchItemFailures":[{"messageId":"a"}]}'],
  ["an empty identifier", '{"batchItemFailures":[{"itemIdentifier":""}]}'],
  ["a null identifier", '{"batchItemFailures":[{"itemIdentifier":null}]}'],
  ["a number as identifier", '{"batchItemFailures":[{"itemIdentifier":1}]}'],
  ["an unknown identifier", '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"z"}]}'],
])("%s means that the whole batch failed", (_, payload) => {
  expect(readBatchResponse(payload, ids).kind).toBe("malformed");
});

test("the listed messages failed, whatever their order and number", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...ids)), (failed) => {
      const payload = JSON.stringify({ batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) });
      expect(readBatchResponse(payload, ids)).toEqual({ kind: "read", failedIds: new Set(failed) });
    }),
  );
});
