import type { MessageAttributeValue, SendMessageCommandInput } from "@aws-sdk/client-sqs";
import { errorText, TendrilError } from "@tendril/core/errors";
import { attributeNames, longestMessageBytes } from "@tendril/core/message";
import type { SQSRecord } from "aws-lambda";

/** Why a record is dead. */
export interface Death {
  readonly thrown: unknown;
  /** 0 when the handler was not reached. */
  readonly attempt: number;
  readonly queue: string;
  readonly atMs: number;
  /** The job's id, when the message could be read. */
  readonly jobId?: string;
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
const mostAttributes = 10;

/**
 * The dead letter of a record: the same body, all its attributes, the id of its job when none of them says it, and the
 * reason in `tendril.error`. Its own attributes come first: where SQS's limits (10 attributes, 1 MiB) leave no room, the
 * reason is shortened, then left out, then the id is left out; log and ledger have both.
 *
 * FIFO: it stays in its message group. Its deduplication id is the message id, not the message's own: a letter that was
 * sent back and dies again within 5 minutes would otherwise be dropped as a repetition, and the job with it.
 */
export function deadLetterOf(record: SQSRecord, queueUrl: string, death: Death): SendMessageCommandInput {
  const { MessageGroupId, MessageDeduplicationId, AWSTraceHeader } = record.attributes;
  return {
    QueueUrl: queueUrl,
    MessageBody: record.body,
    MessageAttributes: Object.fromEntries(attributesOf(record, death)),
    ...(MessageGroupId === undefined ? {} : { MessageGroupId }),
    ...(MessageDeduplicationId === undefined ? {} : { MessageDeduplicationId: record.messageId }),
    ...(AWSTraceHeader === undefined
      ? {}
      : { MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: AWSTraceHeader } } }),
  };
}

type Attribute = readonly [name: string, value: MessageAttributeValue];

function attributesOf(record: SQSRecord, death: Death): Attribute[] {
  const attributes = Object.entries(record.messageAttributes)
    .filter(([name]) => name !== attributeNames.error)
    .map(([name, { dataType, stringValue, binaryValue }]): Attribute => {
      if (typeof binaryValue !== "string") return [name, { DataType: dataType, StringValue: stringValue }];
      return [name, { DataType: dataType, BinaryValue: Buffer.from(binaryValue, "base64") }];
    });
  let roomBytes = longestMessageBytes - Buffer.byteLength(record.body);
  for (const attribute of attributes) roomBytes -= attributeBytes(attribute);
  const hasId = attributes.some(([name]) => name === attributeNames.jobId);
  if (!hasId && death.jobId !== undefined) {
    const id = textAttribute(attributeNames.jobId, death.jobId);
    if (attributes.length < mostAttributes && attributeBytes(id) <= roomBytes) {
      attributes.push(id);
      roomBytes -= attributeBytes(id);
    }
  }
  const reason = attributes.length < mostAttributes ? reasonWithin(roomBytes, death) : undefined;
  return reason === undefined ? attributes : [...attributes, reason];
}

function reasonWithin(roomBytes: number, death: Death): Attribute | undefined {
  let what = errorText(death.thrown);
  for (;;) {
    const attribute = textAttribute(attributeNames.error, reasonText(what, death));
    const excessBytes = attributeBytes(attribute) - roomBytes;
    if (excessBytes <= 0) return attribute;
    if (what === "") return undefined;
    // A character takes at most 6 bytes of JSON.
    what = what.slice(0, -Math.ceil(excessBytes / 6));
  }
}

/** JSON, so that it can be read by people and programs; SQS refuses two characters that JSON lets pass. */
function reasonText(what: string, { thrown, attempt, queue, atMs }: Death): string {
  const code = thrown instanceof TendrilError ? { code: thrown.code } : {};
  const reason = { ...code, what, when: new Date(atMs).toISOString(), attempt, queue };
  return JSON.stringify(reason).replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff");
}

const textAttribute = (name: string, text: string): Attribute => [name, { DataType: "String", StringValue: text }];

function attributeBytes([name, { DataType, StringValue, BinaryValue }]: Attribute): number {
  return Buffer.byteLength(name + (DataType ?? "") + (StringValue ?? "")) + (BinaryValue?.byteLength ?? 0);
}
