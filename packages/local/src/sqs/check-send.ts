import type { MessageAttributeValue, SendMessageBatchRequestEntry } from "@aws-sdk/client-sqs";
import { AwsError } from "../wire/aws-error.ts";
import type { Checked } from "../wire/service.ts";
import { invalidParameter, invalidValue, missingParameter } from "./errors.ts";
import type { MessageAttribute } from "./message.ts";
import type { Queue } from "./queue.ts";

/** What SendMessage and an entry of SendMessageBatch have in common. */
export type SendEntry = Omit<Checked<SendMessageBatchRequestEntry>, "Id">;

type AttributeValue = Checked<MessageAttributeValue>;
type AttributeValues = Readonly<Record<string, AttributeValue>>;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const maxAttributes = 10;
const maxDelaySeconds = 900;
const maxNameBytes = 256;

/** A message group id or deduplication id: 1 to 128 printable ASCII characters. */
const token = /^[!-~]{1,128}$/;

/** What no message may hold: https://www.w3.org/TR/REC-xml/#charsets */
const forbiddenCharacter = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const validCharacters =
  "Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.";

/** Checks for which AWS refuses a whole batch: the ids that place a message in a group and tell duplicates. */
export function checkPlace(queue: Queue, entry: SendEntry, inBatch: boolean): void {
  checkToken("MessageGroupId", entry.MessageGroupId);
  checkToken("MessageDeduplicationId", entry.MessageDeduplicationId);
  if (!queue.fifo) {
    if (entry.MessageDeduplicationId !== undefined) throw notForThisType("MessageDeduplicationId", entry);
    return;
  }
  if (entry.MessageGroupId === undefined) {
    if (inBatch) throw invalidParameter("The request must contain the parameter MessageGroupId.");
    throw missingParameter("MessageGroupId");
  }
  if (entry.MessageDeduplicationId === undefined && !queue.settings.contentBasedDeduplication) {
    throw invalidParameter(
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    );
  }
}

/** Checks for which AWS refuses one message of a batch. */
export function checkContent(queue: Queue, entry: SendEntry, inBatch: boolean): void {
  if (entry.MessageBody === "") throw missingParameter("MessageBody");
  if (forbiddenCharacter.test(entry.MessageBody)) {
    throw new AwsError("InvalidMessageContents", `Invalid characters found. ${validCharacters}`);
  }
  checkAttributes(entry.MessageAttributes ?? {});
  checkSystemAttributes(entry.MessageSystemAttributes ?? {});
  checkDelay(queue, entry);
  if (messageBytes(entry) > queue.settings.maxMessageBytes) {
    const problem = inBatch ? "cannot be validated" : "are invalid";
    const reason = `Message must be shorter than ${queue.settings.maxMessageBytes} bytes.`;
    throw invalidParameter(`One or more parameters ${problem}. Reason: ${reason}`);
  }
}

function checkToken(parameter: string, value: string | undefined): void {
  if (value === undefined || token.test(value)) return;
  const rule = `${parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.`;
  throw invalidValue(parameter, value, rule);
}

function checkDelay(queue: Queue, entry: SendEntry): void {
  const delay = entry.DelaySeconds ?? 0;
  if (queue.fifo && delay > 0) throw notForThisType("DelaySeconds", entry);
  if (!Number.isInteger(delay) || delay < 0 || delay > maxDelaySeconds) {
    throw invalidValue("DelaySeconds", delay, `DelaySeconds must be >= 0 and <= ${maxDelaySeconds}.`);
  }
}

function notForThisType(parameter: "DelaySeconds" | "MessageDeduplicationId", entry: SendEntry): AwsError {
  const reason = "The request include parameter that is not valid for this queue type.";
  return invalidValue(parameter, entry[parameter], reason);
}

function checkAttributes(attributes: AttributeValues): void {
  const count = Object.keys(attributes).length;
  if (count > maxAttributes) {
    throw invalidParameter(`Number of message attributes [${count}] exceeds the allowed maximum [${maxAttributes}].`);
  }
  for (const [name, value] of Object.entries(attributes)) {
    checkAttributeName(name);
    checkAttributeValue(name, value);
  }
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
function checkAttributeName(name: string): void {
  if (Buffer.byteLength(name) > maxNameBytes) {
    throw invalidParameter(`Message (user) attribute names must be shorter than ${maxNameBytes} Bytes`);
  }
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    throw invalidParameter(
      "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ",
    );
  }
  if (/^(aws|amazon)\./i.test(name) || name.startsWith(".") || name.endsWith(".") || name.includes("..")) {
    throw invalidParameter(
      "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.",
    );
  }
}

function checkAttributeValue(name: string, value: AttributeValue): void {
  const [kind] = value.DataType.split(".");
  if (kind !== "String" && kind !== "Number" && kind !== "Binary") {
    throw invalidParameter(
      `The type of message (user) attribute '${name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String.`,
    );
  }
  if (Buffer.byteLength(value.DataType) > maxNameBytes) {
    throw invalidParameter(`Message (user) attribute types must be shorter than ${maxNameBytes} Bytes`);
  }
  if (value.StringListValues?.length || value.BinaryListValues?.length) {
    throw new AwsError(
      "UnsupportedOperation",
      "Message attribute list values in SendMessage operation are not supported.",
    );
  }
  const found = kind === "Binary" ? value.BinaryValue?.length : value.StringValue?.length;
  if (!found) {
    throw invalidParameter(`Message (user) attribute '${name}' must contain a non-empty value of type '${kind}'.`);
  }
  if (kind === "String" && forbiddenCharacter.test(value.StringValue ?? "")) {
    throw invalidParameter(`Invalid characters found. ${validCharacters}`);
  }
  if (kind === "Number" && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.StringValue ?? "")) {
    throw invalidParameter(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
}

function checkSystemAttributes(attributes: AttributeValues): void {
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    if (name !== "AWSTraceHeader") {
      throw invalidParameter(`Message system attribute name '${name}' is invalid.`);
    }
    if (DataType !== "String" || !StringValue) {
      throw invalidParameter(`Message system attribute '${name}' must contain a non-empty value of type 'String'.`);
    }
  }
}

/** What counts for SQS's limits, in bytes: the body, and each attribute's name, type and value. */
export function messageBytes(entry: SendEntry): number {
  let bytes = Buffer.byteLength(entry.MessageBody);
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(entry.MessageAttributes ?? {})) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType);
    bytes += BinaryValue?.length ?? Buffer.byteLength(StringValue ?? "");
  }
  return bytes;
}

/** Attributes as messages hold them. */
export function toAttributes(values: AttributeValues = {}): Readonly<Record<string, MessageAttribute>> {
  const attributes = Object.entries(values).map(([name, value]): [string, MessageAttribute] => {
    const binary = value.DataType.startsWith("Binary");
    const content = binary
      ? { binaryValue: Buffer.from(value.BinaryValue ?? []).toString("base64") }
      : { stringValue: value.StringValue ?? "" };
    return [name, { dataType: value.DataType, ...content }];
  });
  return Object.fromEntries(attributes);
}
