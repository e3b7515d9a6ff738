import { randomUUID } from "node:crypto";
import type { SQSMessageAttributes, SQSRecord } from "aws-lambda";

/** A record for tests, of which only what differs is named. */
export function sqsRecord(
  differing: {
    readonly messageId?: string;
    readonly body?: string;
    readonly messageAttributes?: SQSMessageAttributes;
    readonly groupId?: string;
    readonly traceHeader?: string;
  } = {},
): SQSRecord {
  const { messageId = randomUUID(), body = "{}", messageAttributes = {}, groupId, traceHeader } = differing;
  return {
    messageId,
    receiptHandle: `handle of ${messageId}`,
    body,
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: "1795168800000",
      SenderId: "sender",
      ApproximateFirstReceiveTimestamp: "1795168800001",
      ...(groupId === undefined ? {} : { MessageGroupId: groupId, MessageDeduplicationId: `once ${messageId}` }),
      ...(traceHeader === undefined ? {} : { AWSTraceHeader: traceHeader }),
    },
    messageAttributes,
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:jobs${groupId === undefined ? "" : ".fifo"}`,
    awsRegion: "us-east-1",
  };
}

/** A string attribute as Lambda has it in its event. */
export const text = (stringValue: string) => ({
  stringValue,
  stringListValues: [],
  binaryListValues: [],
  dataType: "String" as const,
});
