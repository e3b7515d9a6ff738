import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { namedSources } from "@tendril/core/source";
import { expect, test } from "vitest";
import { z } from "zod";
import { readRecord } from "./read-record.ts";
import { sqsRecord, text } from "./sqs-record.fixture.ts";

const Mail = defineJob({ type: "Mail", input: z.object({ to: z.string().trim() }) });
const Broken = defineJob({
  type: "Broken",
  input: z.unknown().transform(() => {
    throw new Error("the schema itself breaks");
  }),
});
const handlers = new Map(
  [handle(Mail, async () => {}), handle(Broken, async () => {})].map((each) => [each.spec.type, each]),
);

const read = (body: string, messageAttributes = {}) =>
  readRecord(sqsRecord({ body, messageAttributes }), { handlers, sources: [] });

test("a job's input is what its schema makes of it", async () => {
  const id = "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77";
  const reading = await read('{"job_type":"Mail","data":{"to":" ann "}}', { "tendril.job_id": text(id) });
  expect(reading).toMatchObject({ kind: "job", job: { id, type: "Mail" }, input: { to: "ann" } });
});

test("the error for an unknown job type names it and those that are known", async () => {
  const reading = await read('{"job_type":"Nail"}');
  expect(reading).toMatchObject({ kind: "unusable", job: { type: "Nail" }, error: { code: "job_type_unknown" } });
  expect(String(reading.kind === "unusable" && reading.error)).toContain('given "Nail", allowed Mail, Broken');
});

test.each(["a secret: 12345", "x".repeat(500)])("but repeats no text that could not be one", async (type) => {
  const reading = await read(JSON.stringify({ job_type: type }));
  expect(String(reading.kind === "unusable" && reading.error)).toContain(`given ${type.length} characters`);
});

test("no error repeats the input", async () => {
  const reading = await read('{"job_type":"Mail","data":{"to":987654}}');
  expect(reading).toMatchObject({ kind: "unusable", error: { code: "input_invalid" } });
  expect(String(reading.kind === "unusable" && reading.error)).not.toContain("987654");
});

test("a schema that breaks makes its message unusable, and no more", async () => {
  const reading = await read('{"job_type":"Broken"}');
  expect(reading).toMatchObject({ kind: "unusable", job: { type: "Broken" } });
});

test("an error of a schema that cannot be read itself is replaced", async () => {
  const unreadable = Object.defineProperty(new Error("x"), "message", {
    get: () => {
      throw new Error("no");
    },
  });
  const Odd = defineJob({
    type: "Odd",
    input: z.unknown().transform(() => {
      throw unreadable;
    }),
  });
  const odd = new Map([["Odd", handle(Odd, async () => {})]]);
  const reading = await readRecord(sqsRecord({ body: '{"job_type":"Odd"}' }), { handlers: odd, sources: [] });
  expect(reading).toMatchObject({ kind: "unusable", error: { message: "something was thrown that cannot be read" } });
});

test("Tendril's own job types need no handler, and no handler can take their place", async () => {
  expect(await read('{"job_type":"tendril.purge","data":{"any":1}}')).toMatchObject({
    kind: "built-in",
    job: { type: "tendril.purge" },
  });
  expect(() => defineJob({ type: "tendril.purge", input: z.unknown() })).toThrow("job type");
});

test("a source's message is checked against its job type, and what no job is made of is ignored", async () => {
  const sources = namedSources("jobs", [
    { from: "eventbridge", job: Mail, pattern: { source: ["shop"] } },
    { from: "s3", job: Mail, bucket: "mails" },
  ]);
  const readFrom = (body: object) => readRecord(sqsRecord({ body: JSON.stringify(body) }), { handlers, sources });
  const event = { "detail-type": "Sold", id: "6a7e8feb-b491-4cf7-a9f1-bf3703467718" };
  expect(await readFrom({ ...event, detail: { to: " ann " } })).toMatchObject({ kind: "job", input: { to: "ann" } });
  expect(await readFrom({ ...event, detail: {} })).toMatchObject({
    kind: "unusable",
    error: { code: "input_invalid" },
  });
  expect(await readFrom({ Event: "s3:TestEvent" })).toMatchObject({ kind: "ignored" });
});
