import { type BatchResultErrorEntry, SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { TendrilError } from "@tendril/core/errors";
import type { QueueLink } from "@tendril/core/link";
import { messageBytes, type OutgoingMessage } from "@tendril/core/message";
import { callFailed, nameOf } from "./call-failed.ts";
import { createLaterSender, type LaterOptions, needsSchedule } from "./later.ts";
import { packBatches } from "./pack-batches.ts";
import { isFifo, type SendParameters, sendParameters } from "./send-parameters.ts";
import { fullJitterMs, machineSleep, type Sleep } from "./sleep.ts";

/** Sends messages: by SQS, or as one-time schedules of EventBridge Scheduler when they are to wait longer than SQS can delay them. */
export interface Sender {
  /**
   * Sends the messages, and answers with those that are not known to be taken, and why: `queue_unknown`, `link_missing`
   * (a later message, and no link for those), `body_too_large` (more than a schedule carries), `aws_call_failed`. A part of
   * a batch that SQS could not take is sent up to three times; whole calls are repeated by the SDK, as the SQS client is
   * set. Never rejects for AWS's sake, nor when `signal` is aborted. To a FIFO queue messages go in their order; when one is not
   * taken, those of its group that would follow in a later call are not sent.
   */
  send(messages: readonly OutgoingMessage[], signal?: AbortSignal): Promise<ReadonlyMap<OutgoingMessage, TendrilError>>;
}

/** What `createSender` takes. The SDK's clients stay the caller's to destroy. */
export interface SenderOptions extends LaterOptions {
  readonly sqs: SQSClient;
  /** Links of the queues by the tier's names for them. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** Milliseconds since 1970. Default: the machine's time. */
  readonly now?: () => number;
  /** At least 0, less than 1: spreads what is sent again. Default: Math.random. */
  readonly random?: () => number;
  /** Waits before a part of a batch is sent again. Default: the machine's own timers. */
  readonly sleep?: Sleep;
}

/** How often a part of a batch is sent in all, and the pauses before it is sent again. */
const mostTries = 3;
const pauses = { fromMs: 50, toMs: 1_000 };

/** Calls of one `send` to one queue at the same time. A FIFO queue gets one after the other: it keeps the order of arrival. */
const batchesAtOnce = 4;

/** Makes a sender. */
export function createSender(options: SenderOptions): Sender {
  const { sqs, queues, now = Date.now, random = Math.random, sleep = machineSleep } = options;
  const sendLater = createLaterSender(options);
  const sendTo = async (queue: string, messages: readonly OutgoingMessage[], signal?: AbortSignal) => {
    const link = Object.hasOwn(queues, queue) ? queues[queue] : undefined;
    if (link === undefined) {
      return new Map(messages.map((message) => [message, queueUnknown(queue, Object.keys(queues))]));
    }
    const to = { sqs, link, nowMs: now(), signal, random, sleep };
    const { later = [], soon = [] } = Object.groupBy(messages, (message) =>
      needsSchedule(message, link, to.nowMs) ? "later" : "soon",
    );
    const [errors, scheduled] = await Promise.all([sendSoon(soon, to), sendLater(later, to)]);
    const overdue = await sendSoon(scheduled.overdue, { ...to, nowMs: Number.POSITIVE_INFINITY });
    return new Map([...errors, ...scheduled.errors, ...overdue]);
  };
  return {
    async send(messages, signal) {
      const byQueue = Map.groupBy(messages, (message) => message.queue);
      const errors = await Promise.all([...byQueue].map(([queue, ofQueue]) => sendTo(queue, ofQueue, signal)));
      return new Map(errors.flatMap((each) => [...each]));
    },
  };
}

/** The error for a queue whose link is not there. */
export function queueUnknown(queue: string, known: readonly string[], where = "queue"): TendrilError {
  return new TendrilError("queue_unknown", {
    where,
    given: JSON.stringify(queue),
    allowed: `a queue of the tier: ${known.join(", ") || "none"}`,
  });
}

interface Sending {
  readonly sqs: SQSClient;
  readonly link: QueueLink;
  readonly nowMs: number;
  readonly signal: AbortSignal | undefined;
  readonly random: () => number;
  readonly sleep: Sleep;
}

/** A message with what SQS is given, and its size as SQS counts it. */
interface Entry {
  readonly message: OutgoingMessage;
  readonly parameters: SendParameters & { readonly DelaySeconds?: number };
  readonly bytes: number;
}

/** Sends messages in batches; FIFO one after the other, and none of a group after one that was not taken. */
async function sendSoon(
  messages: readonly OutgoingMessage[],
  sending: Sending,
): Promise<Map<OutgoingMessage, TendrilError>> {
  const fifo = isFifo(sending.link);
  const errors = new Map<OutgoingMessage, TendrilError>();
  const stopped = new Set<string | undefined>();
  const batches = packBatches(messages.map((message) => entryOf(message, fifo, sending.nowMs))).values();
  const sendInTurn = async (): Promise<void> => {
    for (const batch of batches) {
      const { held = [], free = [] } = Object.groupBy(batch, ({ parameters }) =>
        fifo && stopped.has(parameters.MessageGroupId) ? "held" : "free",
      );
      for (const { message } of held) errors.set(message, heldBack());
      await sendBatch(free, sending, errors);
      for (const { message, parameters } of free) if (errors.has(message)) stopped.add(parameters.MessageGroupId);
    }
  };
  await Promise.all(Array.from({ length: fifo ? 1 : batchesAtOnce }, sendInTurn));
  return errors;
}

function entryOf(message: OutgoingMessage, fifo: boolean, nowMs: number): Entry {
  const { notBeforeMs } = message;
  const parameters = sendParameters(message, fifo);
  const bytes = messageBytes(message);
  // Without a time, a message of a standard queue takes the queue's own delay.
  if (fifo || notBeforeMs === undefined) return { message, parameters, bytes };
  const DelaySeconds = Math.max(0, Math.ceil((notBeforeMs - nowMs) / 1000));
  return { message, parameters: { ...parameters, DelaySeconds }, bytes };
}

/** Sends a batch, and what SQS could not take of it again, before anything that comes after it. */
async function sendBatch(
  batch: readonly Entry[],
  sending: Sending,
  errors: Map<OutgoingMessage, TendrilError>,
): Promise<void> {
  let left = batch;
  for (let tries = 1; left.length > 0; tries += 1) {
    for (const { message } of left) errors.delete(message);
    left = await sendOnce(left, sending, errors);
    if (left.length === 0 || tries === mostTries) return;
    const pauseMs = fullJitterMs(tries, pauses, sending.random());
    const slept = await sending.sleep(pauseMs, sending.signal).then(
      () => true,
      () => false,
    );
    if (!slept) return;
  }
}

/** Resolves to the entries that SQS may take another time. A call that failed as a whole was repeated by the SDK. */
async function sendOnce(
  batch: readonly Entry[],
  { sqs, link, signal }: Sending,
  errors: Map<OutgoingMessage, TendrilError>,
): Promise<readonly Entry[]> {
  const call = "sqs:SendMessageBatch";
  const Entries = batch.map(({ parameters }, index) => ({ Id: String(index), ...parameters }));
  try {
    const command = new SendMessageBatchCommand({ QueueUrl: link.url, Entries });
    const answer = await sqs.send(command, signal === undefined ? {} : { abortSignal: signal });
    const taken = new Set(answer.Successful?.map((entry) => entry.Id));
    const failed = new Map(answer.Failed?.map((entry) => [entry.Id, entry]));
    return batch.filter(({ message }, index) => {
      if (taken.has(String(index))) return false;
      const failure = failed.get(String(index));
      errors.set(message, callFailed(call, failure?.Code ?? "no word about this entry", failure));
      return failure === undefined || mayPass(failure);
    });
  } catch (error) {
    for (const { message } of batch) errors.set(message, callFailed(call, nameOf(error), error));
    return [];
  }
}

/**
 * Whether SQS may take an entry another time: the trouble is its own, or that it was asked too often.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html
 */
function mayPass({ SenderFault, Code = "" }: BatchResultErrorEntry): boolean {
  return SenderFault !== true || /Throttl|TooManyRequests|RequestLimitExceeded/i.test(Code);
}

function heldBack(): TendrilError {
  return callFailed("sqs:SendMessageBatch", "a message behind one of its group that was not taken", undefined);
}
