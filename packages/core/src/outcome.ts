import { type Duration, parseDuration } from "./duration.ts";
import type { RetryPolicy } from "./job.ts";

/** How an attempt ended: a closed union. */
export type Outcome =
  /** The handler's effects and the done mark are committed. */
  | { readonly kind: "done"; readonly attempt: number }
  /** Try again after `delayMs`; `attempt` is 0 when the handler was not reached. */
  | { readonly kind: "retry"; readonly attempt: number; readonly delayMs: number; readonly error: string }
  /** No more attempts: the message goes to the dead-letter queue. */
  | { readonly kind: "dead"; readonly attempt: number; readonly error: string }
  /** It was done before: nothing ran. */
  | { readonly kind: "duplicate" }
  /** Cancelled, or a schedule's run that must not overlap with an unfinished one (`overlap: skip`): nothing ran, nothing will. */
  | { readonly kind: "skipped"; readonly reason: string };

/** Thrown by a handler: try again after this long (at most 12 hours), whatever the backoff says. It counts as an attempt. */
export class RetryAfter extends Error {
  override readonly name = "RetryAfter";
  readonly delayMs: number;

  constructor(delay: Duration, message = `try again after ${delay}`) {
    super(message);
    this.delayMs = parseDuration(delay, "RetryAfter");
  }
}

/** Thrown by a handler: another attempt cannot help; the message is dead-lettered at once. */
export class Unrecoverable extends Error {
  override readonly name = "Unrecoverable";
}

/** The longest that SQS hides a message, in milliseconds: 12 hours from its receipt. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html */
export const longestVisibilityMs = 12 * 3_600_000;

/**
 * The delay before the attempt after number `attempt`, in milliseconds: full-jitter exponential backoff between the
 * policy's bounds. The ceiling doubles with each attempt (2, 4, 8 … × `fromMs`, at most `toMs`); `random` in [0, 1)
 * chooses between `fromMs` and the ceiling.
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const toMs = Math.min(policy.toMs, longestVisibilityMs);
  const ceilingMs = Math.min(toMs, policy.fromMs * 2 ** Math.min(attempt, 50));
  const floorMs = Math.min(policy.fromMs, toMs);
  return Math.round(floorMs + random * Math.max(0, ceilingMs - floorMs));
}

/** The outcome of an attempt that threw: `retry` while attempts are left, else `dead`. `error` is what `errorText` made of it. */
export function outcomeOfFailure(failure: {
  readonly policy: RetryPolicy;
  readonly attempt: number;
  readonly thrown: unknown;
  readonly error: string;
  readonly random: number;
}): Outcome {
  const { policy, attempt, thrown, error, random } = failure;
  if (thrown instanceof Unrecoverable || attempt >= policy.attempts) return { kind: "dead", attempt, error };
  const delayMs =
    thrown instanceof RetryAfter ? Math.min(thrown.delayMs, longestVisibilityMs) : backoffMs(policy, attempt, random);
  return { kind: "retry", attempt, delayMs, error };
}
