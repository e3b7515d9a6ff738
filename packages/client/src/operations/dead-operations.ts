/** Dead letters for those who cannot wait for ever: a look at some, and redrive and drop within a time. */
import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { TendrilError } from "@tendril/core/errors";
import type { JobId } from "@tendril/core/job-id";
import { chooseLetters, type DeadLetter, readDeadLetter } from "./dead-letter.ts";
import type { DeadQueue } from "./dead-queue.ts";
import { countMessages, openDeadReader } from "./dead-reader.ts";
import { type Tally, workThrough } from "./dead-work.ts";

/** A dead letter in a list; never its payload. */
export interface ListedLetter extends DeadLetter {
  /** How often it was received as a dead letter, looks at it included. */
  readonly receives: number;
  /** Its message group. */
  readonly group?: string;
}

/** Some dead letters of a queue. */
export interface DeadLetterList {
  /** The oldest of those that SQS gave first. */
  readonly letters: readonly ListedLetter[];
  /** How many there are, approximately; more than `letters` when there are more than were asked for, or others hold some. */
  readonly total: number;
}

/**
 * Which dead letters are meant: all that is given must fit. Nothing given: all. Without `jobIds`, only those that were there
 * when the work began: a job that dies again at once is not sent back for ever.
 */
export interface DeadChoice {
  /** Ids of jobs, or of the letters' messages. */
  readonly jobIds?: readonly string[];
  readonly jobType?: string;
  /** At most so many, about the oldest: SQS keeps no exact order. */
  readonly limit?: number;
}

/** What became of a redrive or a drop. */
export interface DeadSettlement {
  readonly done: number;
  /** Chosen letters that stay where they are, and ids of which no letter was found. */
  readonly failed: readonly { readonly jobId: string; readonly why: string }[];
  /**
   * Letters that may be among the chosen and were not looked at: the time was over, the limit was reached, somebody else
   * holds them, or of a FIFO group there are more than the ten that SQS shows. Approximately; of `jobIds`, those that may be
   * among them. The same again goes on.
   */
  readonly left: number;
}

/** A queue's dead letters, and the time that the work on them may take. */
export interface DeadDesk {
  readonly sqs: SQSClient;
  readonly queue: DeadQueue;
  /**
   * When it is over, what was begun is ended and everything else becomes visible again, which takes a second or two more.
   * Default: 20,000 ms, which leaves an answer time within API Gateway's 30 seconds.
   * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
   */
  readonly budgetMs?: number;
  /** Milliseconds since 1970. Default: the machine's time. */
  readonly now?: () => number;
}

const defaultBudgetMs = 20_000;

/** Reads up to `limit` dead letters; in the end all are visible again. Errors: `aws_call_failed`, `rate_limited`. */
export async function listDeadLetters(
  { sqs, queue, budgetMs = defaultBudgetMs }: DeadDesk,
  limit: number,
): Promise<DeadLetterList> {
  const { visible, hidden } = await countMessages(sqs, queue);
  const signal = AbortSignal.timeout(budgetMs);
  const reader = openDeadReader({ sqs, queue, expected: Math.min(visible, limit), signal });
  const found: ListedLetter[] = [];
  try {
    for await (const messages of visible === 0 ? [] : reader.batches()) {
      found.push(...messages.map((message) => listed(message, queue)));
      if (found.length >= limit) break;
    }
  } finally {
    await reader.release();
  }
  const byId = new Map(found.map((letter) => [letter.messageId, letter]));
  const letters = chooseLetters(found, { jobIds: [], limit }).flatMap(({ messageId }) => byId.get(messageId) ?? []);
  return { letters, total: Math.max(visible + hidden, letters.length) };
}

function listed(message: Message, queue: DeadQueue): ListedLetter {
  const { ApproximateReceiveCount, MessageGroupId: group } = message.Attributes ?? {};
  return {
    ...readDeadLetter(message, queue),
    receives: Number(ApproximateReceiveCount ?? 0),
    ...(group === undefined ? {} : { group }),
  };
}

/**
 * Sends dead letters back to their queue as the same jobs; with `jobIds`, one letter of each. A letter is deleted only when
 * SQS has acknowledged its message. Errors: `aws_call_failed`, `rate_limited`; what was not done is still there then.
 */
export function redriveDeadLetters(desk: DeadDesk, choice: DeadChoice): Promise<DeadSettlement> {
  return settleLetters("redrive", desk, choice);
}

/** Deletes dead letters, every one that fits. Errors: `aws_call_failed`, `rate_limited`; what was not done is still there then. */
export function dropDeadLetters(desk: DeadDesk, choice: DeadChoice): Promise<DeadSettlement> {
  return settleLetters("drop", desk, choice);
}

/** Sends a dead job back to its queue. Errors: `dead_letter_missing`, `aws_call_failed`, `rate_limited`. */
export async function retryDead(desk: DeadDesk, jobId: JobId): Promise<void> {
  const { done, failed, left } = await redriveDeadLetters(desk, { jobIds: [jobId] });
  if (done > 0) return;
  throw new TendrilError("dead_letter_missing", {
    where: desk.queue.name,
    given: left > 0 ? "no letter of it among those that SQS shows now" : (failed[0]?.why ?? noLetter),
    allowed: "a job whose dead letter is still in its queue's dead-letter queue",
    fix: left > 0 ? whereToLook(desk.queue) : "It was sent back or dropped before, or its time there was over.",
  });
}

function whereToLook({ fifo }: DeadQueue): string {
  return fifo
    ? "Of a group SQS shows ten: send those before it back, or drop them."
    : "Try again: there are too many to look through in time, or somebody else holds some.";
}

const noLetter = "no dead letter of it was found";

async function settleLetters(
  name: "redrive" | "drop",
  { sqs, queue, budgetMs = defaultBudgetMs, now = Date.now }: DeadDesk,
  { jobIds, jobType, limit = Number.POSITIVE_INFINITY }: DeadChoice,
): Promise<DeadSettlement> {
  const beganAtMs = now();
  const wanted = jobIds && new Set(jobIds.map((id) => id.toLowerCase()));
  const found = new Set<string>();
  let looked = 0;
  const isChosen = ({ jobId, messageId, type, sentAtMs }: DeadLetter): boolean => {
    looked += 1;
    if (jobType !== undefined && type !== jobType) return false;
    if (wanted === undefined) return sentAtMs <= beganAtMs;
    const id = [jobId, messageId].find((each) => wanted.has(each));
    // A second letter of a job would run it no second time.
    if (id === undefined || (name === "redrive" && found.has(id))) return false;
    found.add(id);
    return true;
  };
  const { visible, hidden } = await countMessages(sqs, queue);
  const signal = AbortSignal.timeout(budgetMs);
  const tally: Tally = { done: 0, failures: new Map(), stillHidden: 0 };
  const most = Math.min(limit, name === "redrive" ? (wanted?.size ?? limit) : limit);
  if (visible > 0) await workThrough({ sqs, queue, name, isChosen, most, expected: visible, signal, tally });
  const missing = [...(wanted ?? [])].filter((id) => !found.has(id));
  const failed = [...tally.failures.values()];
  const unseen = Math.max(0, visible + hidden - looked);
  if (wanted === undefined) return { done: tally.done, failed, left: unseen };
  // Elsewhere SQS's counts are too vague to tell that there are more.
  if (signal.aborted || (unseen > 0 && (queue.fifo || hidden > 0))) {
    return { done: tally.done, failed, left: missing.length };
  }
  return { done: tally.done, failed: [...failed, ...missing.map((jobId) => ({ jobId, why: noLetter }))], left: 0 };
}
