import { longestLifeSeconds, type MessageLife } from "./ledger-plan.ts";
import type { Report } from "./plan-values.ts";
import type { Tier } from "./tier.ts";

/** What becomes of inputs that are too large for a message. */
export type LargeInputsPlan =
  | { readonly kind: "refuse" }
  /** They lie in a bucket of each stage's own. */
  | {
      readonly kind: "s3";
      /** Days after which S3 removes an object, counted from when it was written. */
      readonly expiryDays: number;
    };

/** A queue, as far as large inputs are concerned. */
interface ClaimingQueue extends MessageLife {
  readonly name: string;
  readonly worker: { readonly memoryMb: number };
}

/** Two inputs of 31 MB, as their JSON's objects, were seen to take 190 MB in a worker that has 110 MB without them. */
const leastMemoryMb = 512;

const daySeconds = 86_400;

/**
 * How long a message can be delivered, in seconds, when its dead letter is a worker's: a new message, with all of the
 * dead-letter queue's retention before it, on a standard queue too. Sent back, it has the queue's once more.
 */
export function claimedLifeSeconds(queue: MessageLife): number {
  return longestLifeSeconds({ ...queue, fifo: true });
}

/**
 * Plans what becomes of large inputs; a word that says neither way is reported.
 *
 * An object must be there for as long as a message with its claim check can be delivered. A follow-up's is written before
 * the job that enqueues it commits, and that job's message may live as long before its outbox is flushed: so twice that.
 * Nobody looks after objects of messages that were never sent: they go with the others.
 */
export function planLargeInputs(
  { largeInputs = "refuse" }: Tier,
  queues: readonly ClaimingQueue[],
  report: Report,
): LargeInputsPlan {
  if (largeInputs === "refuse") return { kind: "refuse" };
  if (largeInputs !== "s3") {
    report({ where: "largeInputs", given: JSON.stringify(largeInputs), allowed: '"refuse" or "s3"' });
  }
  for (const { name, worker } of queues) {
    if (worker.memoryMb >= leastMemoryMb) continue;
    report({
      where: `queues.${name}.worker.memoryMb`,
      given: `${worker.memoryMb} MB`,
      allowed: `at least ${leastMemoryMb} MB with large inputs, of which a batch may hold 64 MiB at once`,
      fix: "A worker that runs out of memory takes its whole batch with it, at every delivery.",
    });
  }
  const lives = queues.map(claimedLifeSeconds).filter((life) => !Number.isNaN(life));
  return { kind: "s3", expiryDays: Math.ceil((2 * Math.max(0, ...lives)) / daySeconds) };
}
