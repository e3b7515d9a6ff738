import type { MessageSource, ReceivedMessage } from "../sqs/message-source.ts";
import { maxPayloadBytes } from "./invocation.ts";

/** Some of a batch's messages, as one invocation gets them. */
export interface SqsEvent {
  readonly messages: readonly ReceivedMessage[];
  /** The event as JSON. */
  readonly payload: string;
}

const envelope = ['{"Records":[', "]}"] as const;
const envelopeBytes = envelope.join("").length;

/**
 * Turns a batch into events that fit Lambda's payload limit, in the batch's order: nearly always one. A message that is
 * too large alone makes an event alone, which Lambda refuses.
 */
export function sqsEvents(
  messages: readonly ReceivedMessage[],
  queue: { readonly queueArn: MessageSource["queueArn"]; readonly region: string },
  limitBytes = maxPayloadBytes,
): SqsEvent[] {
  const groups: { messages: ReceivedMessage[]; records: string[]; bytes: number }[] = [];
  for (const message of messages) {
    const record = JSON.stringify(sqsRecord(message, queue));
    const bytes = Buffer.byteLength(record) + 1;
    let group = groups.at(-1);
    if (!group || group.bytes + bytes > limitBytes) {
      group = { messages: [], records: [], bytes: envelopeBytes };
      groups.push(group);
    }
    group.messages.push(message);
    group.records.push(record);
    group.bytes += bytes;
  }
  return groups.map((group) => ({ messages: group.messages, payload: envelope.join(group.records.join(",")) }));
}

/** One record of the event. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export function sqsRecord(
  message: ReceivedMessage,
  queue: { readonly queueArn: string; readonly region: string },
): object {
  return {
    messageId: message.messageId,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: message.attributes,
    messageAttributes: Object.fromEntries(
      Object.entries(message.messageAttributes).map(([name, { stringValue, binaryValue, dataType }]) => [
        name,
        { stringValue, binaryValue, stringListValues: [], binaryListValues: [], dataType },
      ]),
    ),
    md5OfMessageAttributes: message.md5OfMessageAttributes,
    md5OfBody: message.md5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: queue.queueArn,
    awsRegion: queue.region,
  };
}
