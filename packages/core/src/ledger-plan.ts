import { type Report, readSeconds } from "./plan-values.ts";
import type { Tier } from "./tier.ts";

/** The ledger's numbers. */
export interface LedgerPlan {
  /** How long it remembers a job, from the beginning of its last attempt. */
  readonly retentionSeconds: number;
}

/** What a queue's numbers say about the life of its messages. */
export interface MessageLife {
  readonly fifo: boolean;
  readonly retentionSeconds: number;
  readonly deadLetter: { readonly retentionSeconds: number };
}

const thirtyDaysSeconds = 2_592_000;

/**
 * How long a message can be delivered, in seconds from when it was sent: the ledger must remember its job as long, or a
 * late delivery would run a job that is done. The worst case is a message that SQS could not be told to delete, and that
 * nobody answers for until the last moment of each step:
 *
 * - It waits in the queue for the queue's retention.
 * - SQS's own redrive moves it to the dead-letter queue. On a standard queue it keeps its age there, so that all of both
 *   steps ends with the dead-letter queue's retention; on a FIFO queue its age begins anew.
 *   https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
 * - Somebody sends it back, which makes it a new message of the queue, with all of its retention before it.
 *   https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
 *
 * A message that is sent back is then delivered to a worker, which deletes it when its job is done: only if none answers
 * for a whole retention again does a second round begin, and no number could cover any number of these. A letter that
 * the worker itself has sent to the dead-letter queue is of a job that is not done: sent back, it is to run.
 */
export function longestLifeSeconds({ fifo, retentionSeconds, deadLetter }: MessageLife): number {
  const untilDeadLetterEnds = (fifo ? retentionSeconds : 0) + deadLetter.retentionSeconds;
  return Math.max(retentionSeconds, untilDeadLetterEnds) + retentionSeconds;
}

/** Plans the ledger; a retention that is shorter than the life of a message is reported. Default: 30 days, or that life when it is longer. */
export function planLedger(tier: Tier, queues: readonly MessageLife[], report: Report): LedgerPlan {
  const where = "ledger.retention";
  const lives = queues.map(longestLifeSeconds).filter((seconds) => !Number.isNaN(seconds));
  const neededSeconds = Math.max(0, ...lives);
  if (tier.ledger?.retention === undefined) return { retentionSeconds: Math.max(thirtyDaysSeconds, neededSeconds) };
  const retentionSeconds = readSeconds(where, tier.ledger.retention, report);
  if (retentionSeconds < neededSeconds) {
    report({
      where,
      given: `${retentionSeconds} seconds`,
      allowed: `at least ${neededSeconds} seconds, the longest life of a message: its queue's retention twice (FIFO; once else), and its dead-letter queue's`,
      fix: "A job that is forgotten while its message can still be delivered would run again.",
    });
  }
  return { retentionSeconds };
}
