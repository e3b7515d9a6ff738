import type { SQSEvent } from "aws-lambda";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ReceivedMessage } from "../sqs/message-source.ts";
import { sqsEvents } from "./sqs-event.ts";

const queue = { queueArn: "arn:aws:sqs:eu-central-1:000000000000:jobs", region: "eu-central-1" };

const attributes = {
  ApproximateReceiveCount: "1",
  SentTimestamp: "1700000000000",
  SenderId: "000000000000",
  ApproximateFirstReceiveTimestamp: "1700000000001",
};

const message = (messageId: string, body: string): ReceivedMessage => ({
  messageId,
  receiptHandle: `receipt-${messageId}`,
  body,
  md5OfBody: "900150983cd24fb0d6963f7d28e17f72",
  attributes,
  messageAttributes: {},
});

test("a record is Lambda's", () => {
  const [event] = sqsEvents(
    [
      {
        ...message("id-1", '{"job_type":"A"}'),
        md5OfMessageAttributes: "abc",
        messageAttributes: {
          "tendril.job_id": { dataType: "String", stringValue: "x" },
          picture: { dataType: "Binary", binaryValue: "AAE=" },
        },
      },
    ],
    queue,
  );
  const lists = { stringListValues: [], binaryListValues: [] };
  const expected: SQSEvent = {
    Records: [
      {
        messageId: "id-1",
        receiptHandle: "receipt-id-1",
        body: '{"job_type":"A"}',
        attributes,
        messageAttributes: {
          "tendril.job_id": { stringValue: "x", ...lists, dataType: "String" },
          picture: { binaryValue: "AAE=", ...lists, dataType: "Binary" },
        },
        md5OfMessageAttributes: "abc",
        md5OfBody: "900150983cd24fb0d6963f7d28e17f72",
        eventSource: "aws:sqs",
        eventSourceARN: "arn:aws:sqs:eu-central-1:000000000000:jobs",
        awsRegion: "eu-central-1",
      },
    ],
  };
  expect(JSON.parse(event?.payload ?? "")).toEqual(expected);
});

test("no message makes no event", () => {
  expect(sqsEvents([], queue)).toEqual([]);
});

test("events keep every message, in order, and none is larger than the limit unless it holds one message", () => {
  const limitBytes = 3000;
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 1500 }), { maxLength: 12 }), (bodies) => {
      const messages = bodies.map((body, index) => message(`id-${index}`, body));
      const events = sqsEvents(messages, queue, limitBytes);
      expect(events.flatMap((event) => event.messages)).toEqual(messages);
      for (const event of events) {
        const { Records } = JSON.parse(event.payload) as { Records: { body: string }[] };
        expect(Records.map((record) => record.body)).toEqual(event.messages.map(({ body }) => body));
        if (event.messages.length > 1) expect(Buffer.byteLength(event.payload)).toBeLessThanOrEqual(limitBytes);
      }
    }),
  );
});

test("six messages of 1 MiB make two events", () => {
  const messages = Array.from({ length: 6 }, (_, index) => message(`id-${index}`, "x".repeat(1_048_576)));
  expect(sqsEvents(messages, queue).map((event) => event.messages.length)).toEqual([5, 1]);
});
