import type { Message, MessageAttributeValue, SendMessageBatchRequestEntry } from "@aws-sdk/client-sqs";
import { attributeNames, longestMessageBytes } from "@tendril/core/message";
import { readSourced } from "@tendril/core/source";
import type { DeadQueue } from "./dead-queue.ts";

/** What is known of a dead letter without its body: small, so that very many can be held. */
export interface DeadLetter {
  readonly messageId: string;
  /** The job's id; the message's, when the message names none. */
  readonly jobId: string;
  /** Undefined when the message cannot be read. */
  readonly type: string | undefined;
  readonly queue: string;
  readonly reason: DeathReason;
  /** When it died; for a letter that does not say so, when it was sent. Milliseconds since 1970. */
  readonly atMs: number;
  /** When its message was sent to the dead-letter queue; of one that SQS moved, when it was sent to the queue. */
  readonly sentAtMs: number;
  /** Its place in the order of a FIFO queue. */
  readonly sequence: string;
}

/** Which dead letters are chosen: all that is given must fit. Times are in milliseconds since 1970. */
export interface DeadFilter {
  readonly queue?: string | undefined;
  readonly type?: string | undefined;
  /** A part of the reason, in upper or lower case. */
  readonly error?: string | undefined;
  readonly diedBeforeMs?: number | undefined;
  readonly diedAfterMs?: number | undefined;
  /** Ids of jobs, or of the letters' messages, in lower case; none: any. */
  readonly jobIds: readonly string[];
  /** At most so many, the oldest first. */
  readonly limit: number;
}

/** Why a letter is dead. */
export type DeathReason =
  | { readonly kind: "told"; readonly what: string; readonly code?: string; readonly attempt?: number }
  /** SQS moved it, because nobody deleted it: the worker had no chance to say anything. */
  | { readonly kind: "moved"; readonly receipts: number | undefined }
  /** The message's own attributes left no room for a reason. */
  | { readonly kind: "untold" };

const mostReasonCharacters = 1000;

/** Reads the facts of a dead letter. Never throws: a letter may be anything that somebody sent. */
export function readDeadLetter(message: Message, queue: DeadQueue): DeadLetter {
  const { MessageId: messageId = "", Body: body = "", Attributes: system = {}, MessageAttributes = {} } = message;
  const attributes = Object.fromEntries(
    Object.entries(MessageAttributes).flatMap(([name, { StringValue }]) =>
      StringValue === undefined ? [] : [[name, StringValue]],
    ),
  );
  const reading = readSourced({ messageId, body, attributes }, queue.sources);
  const sentAtMs = Number(system.SentTimestamp ?? 0);
  const told = readReason(attributes[attributeNames.error]);
  const moved = system.DeadLetterQueueSourceArn !== undefined;
  // A reason on a letter that SQS moved is that of an earlier death.
  const reason: DeathReason = moved
    ? { kind: "moved", receipts: queue.maxReceiveCount }
    : (told?.reason ?? { kind: "untold" });
  return {
    messageId,
    jobId: reading.kind === "job" ? reading.job.id : messageId,
    type: reading.kind === "job" ? reading.job.type : undefined,
    queue: queue.name,
    reason,
    atMs: (moved ? undefined : told?.atMs) ?? sentAtMs,
    sentAtMs,
    sequence: system.SequenceNumber ?? "",
  };
}

function readReason(text: string | undefined): { reason: DeathReason; atMs: number | undefined } | undefined {
  if (text === undefined) return undefined;
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  const member = (name: string): unknown =>
    typeof given === "object" && given !== null ? Reflect.get(given, name) : undefined;
  const [what, code, attempt, when] = [member("what"), member("code"), member("attempt"), member("when")];
  const atMs = typeof when === "string" ? Date.parse(when) : Number.NaN;
  return {
    reason: {
      kind: "told",
      what: (typeof what === "string" ? what : text).slice(0, mostReasonCharacters),
      ...(typeof code === "string" ? { code } : {}),
      ...(typeof attempt === "number" ? { attempt } : {}),
    },
    atMs: Number.isNaN(atMs) ? undefined : atMs,
  };
}

/** The reason in words. */
export function wordReason(reason: DeathReason): string {
  switch (reason.kind) {
    case "told":
      return reason.what;
    case "moved":
      return `no reason: SQS moved it after ${reason.receipts ?? "too many"} receipts`;
    case "untold":
      return "no reason: the message had no room for one";
  }
}

/** Whether a letter is of those that are asked for, the limit aside. */
export function isChosen(letter: DeadLetter, filter: DeadFilter): boolean {
  const { queue, type, error, diedBeforeMs, diedAfterMs, jobIds } = filter;
  if (queue !== undefined && letter.queue !== queue) return false;
  if (type !== undefined && letter.type !== type) return false;
  if (diedBeforeMs !== undefined && letter.atMs > diedBeforeMs) return false;
  if (diedAfterMs !== undefined && letter.atMs < diedAfterMs) return false;
  if (jobIds.length > 0 && !jobIds.includes(letter.jobId) && !jobIds.includes(letter.messageId)) return false;
  const code = letter.reason.kind === "told" ? (letter.reason.code ?? "") : "";
  return error === undefined || `${code} ${wordReason(letter.reason)}`.toLowerCase().includes(error.toLowerCase());
}

/** The letters that are asked for, the oldest first; in a FIFO queue in its order. */
export function chooseLetters(letters: readonly DeadLetter[], filter: DeadFilter): DeadLetter[] {
  return letters
    .filter((letter) => isChosen(letter, filter))
    .sort((a, b) => a.atMs - b.atMs || compare(a.sequence, b.sequence))
    .slice(0, filter.limit);
}

const compare = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
const mostAttributes = 10;

/** A message on its way back, or why it cannot go. */
export type WayBack =
  | { readonly kind: "message"; readonly entry: Omit<SendMessageBatchRequestEntry, "Id">; readonly bytes: number }
  | { readonly kind: "stuck"; readonly why: string };

/**
 * The message that a letter is sent back as: the same body and attributes, without the reason of its death, which the
 * ledger keeps, and with the job's id. A letter that SQS moved is named by its message id, which a new message has not:
 * then the id becomes an attribute.
 *
 * FIFO: it goes into the same group. Its deduplication id is the letter's own, not the one that it was first sent with,
 * which SQS would take for a repetition within 5 minutes; the same letter sent back twice is one.
 */
export function wayBackOf(message: Message, letter: DeadLetter, queue: DeadQueue): WayBack {
  const { Body: body = "", Attributes: system = {}, MessageAttributes: given = {} } = message;
  const { [attributeNames.error]: _reason, ...kept } = given;
  const attributes = Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, plainAttribute(value)]));
  const isNamed = attributeNames.jobId in attributes || attributeNames.taskName in attributes;
  if (!isNamed && letter.type !== undefined) {
    attributes[attributeNames.jobId] = { DataType: "String", StringValue: letter.jobId };
  }
  let bytes = Buffer.byteLength(body);
  for (const [name, { DataType = "", StringValue = "", BinaryValue }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name + DataType + StringValue) + (BinaryValue?.byteLength ?? 0);
  }
  if (Object.keys(attributes).length > mostAttributes || bytes > longestMessageBytes) {
    return { kind: "stuck", why: "it has no room for the job's id, and without it would be another job" };
  }
  const { MessageGroupId: group, AWSTraceHeader: trace } = system;
  return {
    kind: "message",
    bytes,
    entry: {
      MessageBody: body,
      MessageAttributes: attributes,
      ...(group === undefined ? {} : { MessageGroupId: group }),
      ...(queue.fifo ? { MessageDeduplicationId: `redrive-${letter.messageId}` } : {}),
      ...(trace === undefined
        ? {}
        : { MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: trace } } }),
    },
  };
}

function plainAttribute({ DataType, StringValue, BinaryValue }: MessageAttributeValue): MessageAttributeValue {
  return { DataType, ...(BinaryValue === undefined ? { StringValue } : { BinaryValue }) };
}
