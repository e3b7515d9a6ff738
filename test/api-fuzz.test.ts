// Requests of every kind, right and wrong, to the API behind the local HTTP API: it holds to its document, and what it
// refuses changes nothing. The long form is scripts/api-fuzz.ts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { fuzzApi } from "./support/api-fuzz/fuzz.ts";
import { type RunningApi, startApi } from "./support/api-fuzz/running-api.ts";

let api: RunningApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api?.close());

test("answers what its document says, never with a failure, and changes what it says and nothing else", async () => {
  const result = await fuzzApi({ api, seed: 7, cases: 200, log: () => {} });
  expect(result.problems).toEqual([]);
  expect(result.cases).toBe(200);
  expect(result.succeeded.size).toBeGreaterThan(15);
  expect(Object.keys(result.codes).length).toBeGreaterThan(10);
});

test("a document that says something else is found out", async () => {
  const { paths, components } = api.document;
  const wrong = {
    ...api.document,
    paths: { ...paths, "/docs": {} },
    components: { ...components, schemas: { ...components.schemas, Queues: { type: "string" } } },
  };
  const { problems } = await fuzzApi({ api: { ...api, document: wrong }, seed: 7, cases: 60, log: () => {} });
  expect(problems.join("\n")).toMatch(/listQueues: the body of 200 does not fit: value must be string/);
});
