import { type Duration, parseDuration } from "@tendril/core/duration";
import { TendrilError } from "@tendril/core/errors";

/**
 * The longest that a job may wait before it is sent, in milliseconds: 366 days, so that "a year from now" is always within
 * it. It is Tendril's own: AWS documents no limit of a schedule's `at`.
 */
export const longestWaitMs = 366 * 86_400_000;

/**
 * When a job may be delivered at the earliest. Up to 15 minutes SQS holds it back; what waits longer, or at all for a FIFO
 * queue, is a one-time schedule, which fires within a minute of its time. Of these AWS holds 10,000,000 for an account and
 * region, more on request; past that jobs are refused with `aws_call_failed` (`ServiceQuotaExceededException`).
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
 */
export interface WaitOptions {
  /** From now; any length up to 366 days. */
  readonly delay?: Duration;
  /** A time at most 366 days ahead; it wins over `delay`, and a time that is past means at once. */
  readonly at?: Date;
}

/** When a job may be delivered at the earliest, in milliseconds since 1970; undefined for at once. Error: `duration_invalid`. */
export function readNotBefore({ delay, at }: WaitOptions, nowMs: number): number | undefined {
  if (at !== undefined) return checkWait(at.getTime(), nowMs, { where: "at", given: wordTime(at) });
  if (delay === undefined) return undefined;
  return checkWait(nowMs + parseDuration(delay, "delay"), nowMs, { where: "delay", given: delay });
}

function checkWait(notBeforeMs: number, nowMs: number, facts: { where: string; given: string }): number {
  if (notBeforeMs - nowMs <= longestWaitMs) return notBeforeMs;
  throw new TendrilError("duration_invalid", { ...facts, allowed: "at most 366 days from now" });
}

function wordTime(time: Date): string {
  return Number.isNaN(time.getTime()) ? "a Date that is no time" : time.toISOString();
}
