import { TendrilError } from "@tendril/core/errors";
import { longestMessageBytes } from "@tendril/core/message";
import type { SQSRecord } from "aws-lambda";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Death, deadLetterOf } from "./dead-letter.ts";
import { sqsRecord, text } from "./sqs-record.fixture.ts";

const atMs = Date.UTC(2026, 10, 20, 10);
const jobId = "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77";
const death: Death = { thrown: new Error("no such user"), attempt: 5, queue: "jobs", atMs, jobId };

const letterOf = (record: SQSRecord, differing: Partial<Death> = {}) =>
  deadLetterOf(record, "http://queue/dead", { ...death, ...differing });

const attributes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`own${index}`, text("value")]));

test("keeps body and attributes, binary and custom types too, and adds the job's id and the reason", () => {
  const record = sqsRecord({
    body: '{"job_type":"Mail","data":"é"}',
    messageAttributes: {
      tenant: text("a"),
      size: { stringValue: "12", stringListValues: [], binaryListValues: [], dataType: "Number" },
      seal: { binaryValue: "AQL/", stringListValues: [], binaryListValues: [], dataType: "Binary" },
    },
  });
  expect(letterOf(record)).toEqual({
    QueueUrl: "http://queue/dead",
    MessageBody: '{"job_type":"Mail","data":"é"}',
    MessageAttributes: {
      tenant: { DataType: "String", StringValue: "a" },
      size: { DataType: "Number", StringValue: "12" },
      seal: { DataType: "Binary", BinaryValue: Buffer.from([1, 2, 255]) },
      "tendril.job_id": { DataType: "String", StringValue: jobId },
      "tendril.error": {
        DataType: "String",
        StringValue: '{"what":"Error: no such user","when":"2026-11-20T10:00:00.000Z","attempt":5,"queue":"jobs"}',
      },
    },
  });
});

test("the code of Tendril's own errors is part of the reason", () => {
  const thrown = new TendrilError("job_type_unknown", { given: '"Nail"', allowed: "Mail" });
  const reason = letterOf(sqsRecord(), { thrown }).MessageAttributes?.["tendril.error"]?.StringValue ?? "";
  expect(JSON.parse(reason)).toMatchObject({ code: "job_type_unknown", what: expect.stringContaining('"Nail"') });
});

test("an id that the message has is left as it is, and an older reason is replaced", () => {
  const record = sqsRecord({
    messageAttributes: { "tendril.job_id": text("its own"), "tendril.error": text("older") },
  });
  const { MessageAttributes = {} } = letterOf(record);
  expect(Object.keys(MessageAttributes)).toEqual(["tendril.job_id", "tendril.error"]);
  expect(MessageAttributes["tendril.job_id"]?.StringValue).toBe("its own");
  expect(MessageAttributes["tendril.error"]?.StringValue).toContain("no such user");
});

test("a FIFO letter stays in its group, under a deduplication id of this message alone", () => {
  const record = sqsRecord({ groupId: "account 7", messageId: "11111111-2222-4333-8444-555555555555" });
  expect(letterOf(record)).toMatchObject({
    MessageGroupId: "account 7",
    MessageDeduplicationId: "11111111-2222-4333-8444-555555555555",
  });
});

test("a trace goes on", () => {
  expect(letterOf(sqsRecord({ traceHeader: "Root=1-2-3" })).MessageSystemAttributes).toEqual({
    AWSTraceHeader: { DataType: "String", StringValue: "Root=1-2-3" },
  });
});

describe("where SQS's limits leave no room", () => {
  test.each([
    [8, ["tendril.job_id", "tendril.error"]],
    [9, ["tendril.job_id"]],
    [10, []],
  ])("for more than ten attributes: with %i of its own it adds %j", (count, added) => {
    const { MessageAttributes = {} } = letterOf(sqsRecord({ messageAttributes: attributes(count) }));
    expect(Object.keys(MessageAttributes).filter((name) => name.startsWith("tendril."))).toEqual(added);
    expect(Object.keys(MessageAttributes)).toHaveLength(count + added.length);
  });

  test("for the bytes of the reason, it is shortened; never is the letter too large or its own part changed", () => {
    const room = fc.integer({ min: 0, max: 600 });
    const what = fc.string({ unit: "grapheme", maxLength: 900 });
    fc.assert(
      fc.property(room, what, (roomBytes, message) => {
        const record = sqsRecord({ body: "x".repeat(longestMessageBytes - roomBytes) });
        const letter = letterOf(record, { thrown: new Error(message) });
        expect(letter.MessageBody).toBe(record.body);
        expect(bytesOf(letter)).toBeLessThanOrEqual(longestMessageBytes);
        const reason = letter.MessageAttributes?.["tendril.error"]?.StringValue;
        if (reason !== undefined) expect(JSON.parse(reason)).toMatchObject({ attempt: 5, queue: "jobs" });
        if (roomBytes > 300) expect(reason).toBeDefined();
      }),
      { numRuns: 50 },
    );
  });
});

test("the reason has only characters that SQS takes", () => {
  const thrown = new Error("\u0000 \u001f \ufffe \uffff \ud800 end");
  const reason = letterOf(sqsRecord(), { thrown }).MessageAttributes?.["tendril.error"]?.StringValue ?? "";
  expect(reason).toMatch(/^[\u0020-\uD7FF\uE000-\uFFFD]*$/);
  expect(JSON.parse(reason)).toMatchObject({ what: "Error: \u0000 \u001f \ufffe \uffff \ud800 end" });
});

function bytesOf(letter: ReturnType<typeof deadLetterOf>): number {
  const attributeBytes = Object.entries(letter.MessageAttributes ?? {}).map(([name, { DataType, StringValue }]) =>
    Buffer.byteLength(`${name}${DataType}${StringValue}`),
  );
  return attributeBytes.reduce((sum, bytes) => sum + bytes, Buffer.byteLength(letter.MessageBody ?? ""));
}
