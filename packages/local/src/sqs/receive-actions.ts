import type {
  ChangeMessageVisibilityRequest,
  ReceiveMessageRequest,
  Message as WireMessage,
} from "@aws-sdk/client-sqs";
import { AwsError } from "../wire/aws-error.ts";
import type { Checked } from "../wire/service.ts";
import { invalidValue } from "./errors.ts";
import type { SqsHandlers } from "./handlers.ts";
import { md5OfAttributes } from "./md5.ts";
import { type Message, type MessageAttribute, receiptHandle, type StoredMessage } from "./message.ts";
import type { Queue } from "./queue.ts";
import type { Queues } from "./queues.ts";

/** The id that stands for whoever sent a message: nobody is told apart here. */
const senderId = "AIDALOCALSENDER000000";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
const maxReceived = 10;
const maxWaitSeconds = 20;
const maxVisibilitySeconds = 43_200;

type Request = Checked<ReceiveMessageRequest>;

/** ReceiveMessage. */
export function receiveActions(queues: Queues): Pick<SqsHandlers, "ReceiveMessage"> {
  return {
    async ReceiveMessage(input, { signal }) {
      const queue = queues.byUrl(input.QueueUrl);
      checkReceive(input);
      const attemptId = queue.fifo ? input.ReceiveRequestAttemptId : undefined;
      const again = attemptId === undefined ? undefined : sameAgain(queue, attemptId, queues.clock.now());
      const messages = again ?? (await receive(queue, input, signal));
      if (attemptId !== undefined && messages.length > 0 && !again) {
        const nowMs = queues.clock.now();
        queue.attempts.set(attemptId, messages, nowMs, nowMs);
      }
      return { Messages: messages.length > 0 ? messages.map((message) => toWire(queue, message, input)) : undefined };
    },
  };
}

async function receive(queue: Queue, input: Request, signal: AbortSignal): Promise<Message[]> {
  const { settings } = queue;
  const waitMs = input.WaitTimeSeconds === undefined ? settings.receiveWaitMs : input.WaitTimeSeconds * 1_000;
  const messages = await queue.receive({
    max: input.MaxNumberOfMessages ?? 1,
    visibilityMs: input.VisibilityTimeout === undefined ? settings.visibilityMs : input.VisibilityTimeout * 1_000,
    waitMs,
    signal,
  });
  // A long poll, and a FIFO queue, answer with no messages instead.
  if (messages.length === 0 && waitMs === 0 && !queue.fifo && queue.isFull) {
    throw new AwsError("OverLimit", "The maximum number of in flight messages is reached.");
  }
  return messages;
}

/** What the same receive request got before, as long as none of it has become visible or was deleted. */
function sameAgain(queue: Queue, attemptId: string, nowMs: number): readonly Message[] | undefined {
  const messages = queue.attempts.get(attemptId, nowMs);
  return messages?.every((message) => queue.mailbox.get(message.id) === message && message.visibleAtMs > nowMs)
    ? messages
    : undefined;
}

function checkReceive(input: Request): void {
  const { MaxNumberOfMessages: max, WaitTimeSeconds: wait, VisibilityTimeout: visibility } = input;
  if (max !== undefined && !isWithin(max, 1, maxReceived)) {
    throw invalidValue("MaxNumberOfMessages", max, `Must be between 1 and ${maxReceived}, if provided.`);
  }
  if (wait !== undefined && !isWithin(wait, 0, maxWaitSeconds)) {
    throw invalidValue("WaitTimeSeconds", wait, `Must be >= 0 and <= ${maxWaitSeconds}, if provided.`);
  }
  if (visibility !== undefined) checkVisibility(visibility);
}

/** Throws AWS's error for a visibility timeout that is out of range. */
export function checkVisibility(seconds: ChangeMessageVisibilityRequest["VisibilityTimeout"]): void {
  if (seconds !== undefined && isWithin(seconds, 0, maxVisibilitySeconds)) return;
  const reason = `VisibilityTimeout must be an integer between 0 and ${maxVisibilitySeconds}.`;
  throw invalidValue("VisibilityTimeout", seconds, reason);
}

function isWithin(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}

/** A message's system attributes, as SQS names them. */
export function systemAttributes(message: StoredMessage): Record<string, string> {
  const all: Record<string, string | undefined> = {
    SenderId: senderId,
    SentTimestamp: String(message.sentMs),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedMs ?? message.sentMs),
    SequenceNumber: message.sequenceNumber,
    MessageDeduplicationId: message.deduplicationId,
    MessageGroupId: message.groupId,
    AWSTraceHeader: message.traceHeader,
    DeadLetterQueueSourceArn: message.sourceArn,
  };
  const present: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) if (value !== undefined) present[name] = value;
  return present;
}

function toWire(queue: Queue, message: Message, input: Request): WireMessage {
  const wanted = new Set<string>([...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])]);
  const system =
    wanted.size > 0 ? filter(systemAttributes(message), (name) => wanted.has("All") || wanted.has(name)) : undefined;
  const patterns = input.MessageAttributeNames ?? [];
  const user = filter(message.attributes, (name) => patterns.some((pattern) => attributeMatches(pattern, name)));
  return {
    MessageId: message.id,
    ReceiptHandle: receiptHandle(queue.name, message),
    MD5OfBody: message.md5OfBody,
    Body: message.body,
    ...(system ? { Attributes: system } : {}),
    ...(user ? { MessageAttributes: toWireAttributes(user), MD5OfMessageAttributes: md5OfAttributes(user) } : {}),
  };
}

/** `All`, `*`, `.*`, a name, or the beginning of names followed by `.*`. */
function attributeMatches(pattern: string, name: string): boolean {
  if (["All", "*", ".*", name].includes(pattern)) return true;
  return pattern.endsWith(".*") && name.startsWith(pattern.slice(0, -2));
}

function toWireAttributes(attributes: Record<string, MessageAttribute>): NonNullable<WireMessage["MessageAttributes"]> {
  const entries = Object.entries(attributes).map(([name, { dataType, stringValue, binaryValue }]) => {
    const content =
      binaryValue === undefined ? { StringValue: stringValue } : { BinaryValue: Buffer.from(binaryValue, "base64") };
    return [name, { DataType: dataType, ...content }] as const;
  });
  return Object.fromEntries(entries);
}

/** The entries whose names are wanted; undefined for none. */
function filter<T>(
  entries: Readonly<Record<string, T>>,
  wants: (name: string) => boolean,
): Record<string, T> | undefined {
  const found = Object.entries(entries).filter(([name]) => wants(name));
  return found.length > 0 ? Object.fromEntries(found) : undefined;
}
