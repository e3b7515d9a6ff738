import { AwsError } from "../wire/aws-error.ts";

/** A value that a producer attached to a message. */
export interface MessageAttribute {
  readonly dataType: string;
  readonly stringValue?: string;
  /** In base64. */
  readonly binaryValue?: string;
}

/** A message as the journal keeps it. */
export interface StoredMessage {
  readonly id: string;
  readonly body: string;
  readonly md5OfBody: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly md5OfAttributes?: string;
  readonly traceHeader?: string;
  readonly sentMs: number;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  readonly sequenceNumber?: string;
  /** Retention counts from here. */
  enqueuedMs: number;
  /** The ARN of the queue that gave the message up to this dead-letter queue. */
  sourceArn?: string;
  receiveCount: number;
  /** How often it was received before it came to this queue: those do not count for this queue's redrive. */
  receivedElsewhere: number;
  firstReceivedMs?: number;
  /** When it was received last. */
  receivedMs?: number;
  visibleAtMs: number;
  /** Whether it was received last by a reader in this process, which ends with it, and kept the queue's visibility timeout. */
  polled?: boolean;
  /** Part of its newest receipt handle; undefined when it was never received from this queue. */
  receipt?: string;
}

/** A message in a queue. */
export interface Message extends StoredMessage {
  /** Where it stands in the heap or line that holds it; -1 for in none. */
  heapIndex: number;
  /** Where it stands in the heap or line of messages by age that holds it; -1 for in none. */
  ageIndex: number;
  /** Breaks ties between messages that become visible at the same time. */
  order: number;
}

/** Where a message keeps its place in a heap or line: it is in one at most that keeps it there. */
export interface Place {
  placeOf(message: Message): number;
  setPlace(message: Message, place: number): void;
}

export const placeInTurn: Place = {
  placeOf: (message) => message.heapIndex,
  setPlace(message, place) {
    message.heapIndex = place;
  },
};

export const placeInAge: Place = {
  placeOf: (message) => message.ageIndex,
  setPlace(message, place) {
    message.ageIndex = place;
  },
};

/** The message without what only the engine needs. */
export function toStored({ heapIndex: _, ageIndex: __, order: ___, ...stored }: Message): StoredMessage {
  return stored;
}

/** In flight: received from this queue, and not visible again yet. */
export function isInFlight(message: StoredMessage, nowMs: number): boolean {
  return message.receipt !== undefined && message.visibleAtMs > nowMs;
}

/** The handle by which the receiver of a message names it. */
export function receiptHandle(queueName: string, message: StoredMessage): string {
  return Buffer.from(`${queueName}|${message.id}|${message.receipt}`).toString("base64");
}

/** Reads a receipt handle. Throws `ReceiptHandleIsInvalid` for what this queue never gave out. */
export function parseReceiptHandle(queueName: string, handle: string): { id: string; receipt: string } {
  const [name, id, receipt, ...rest] = Buffer.from(handle, "base64").toString("utf8").split("|");
  if (name !== queueName || id === undefined || receipt === undefined || rest.length > 0) {
    throw new AwsError("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`);
  }
  return { id, receipt };
}
