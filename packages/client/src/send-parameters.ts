import type { MessageAttributeValue } from "@aws-sdk/client-sqs";
import type { QueueLink } from "@tendril/core/link";
import { type OutgoingMessage, readMessage } from "@tendril/core/message";

/** Members of SQS's SendMessage, all but `QueueUrl` and `DelaySeconds`. */
export interface SendParameters {
  readonly MessageBody: string;
  readonly MessageAttributes: Record<string, MessageAttributeValue>;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
}

/** Whether a queue is FIFO: the names of these, and so their addresses, end with it. */
export function isFifo(link: QueueLink): boolean {
  return link.url.endsWith(".fifo");
}

/** A message as SQS is given it. On a FIFO queue the job's id is the deduplication id. */
export function sendParameters(message: OutgoingMessage, fifo: boolean): SendParameters {
  const attributes = Object.entries(message.attributes).map(
    ([name, value]) => [name, { DataType: "String", StringValue: value }] as const,
  );
  const group = message.group ?? (fifo ? jobTypeOf(message) : undefined);
  return {
    MessageBody: message.body,
    MessageAttributes: Object.fromEntries(attributes),
    ...(group === undefined ? {} : { MessageGroupId: group }),
    ...(fifo ? { MessageDeduplicationId: message.id } : {}),
  };
}

function jobTypeOf({ id, body, attributes }: OutgoingMessage): string {
  const reading = readMessage({ messageId: id, body, attributes });
  return reading.kind === "job" ? reading.job.type : id;
}
