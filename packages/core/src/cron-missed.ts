/** What `missed:` of a cron.yaml entry says: for how long a run that could not be sent at its time still makes sense. */
import { parseDuration } from "./duration.ts";
import { TendrilError } from "./errors.ts";

/** What `missed: skip` comes to, in seconds: the shortest that EventBridge Scheduler can be told. */
export const missedSkipSeconds = 60;

/** What `missed: run` comes to, in seconds: the longest that EventBridge Scheduler tries. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html */
export const missedRunSeconds = 86_400;

/** Seconds of `skip`, `run` or `run within 6 hours` (whole seconds, 60 to 86,400); undefined for any other text. */
export function missedSeconds(text: string): number | undefined {
  if (text === "skip") return missedSkipSeconds;
  if (text === "run") return missedRunSeconds;
  const duration = /^run within (.+)$/.exec(text)?.[1];
  const seconds = duration === undefined ? Number.NaN : durationMs(duration) / 1000;
  const fits = Number.isInteger(seconds) && seconds >= missedSkipSeconds && seconds <= missedRunSeconds;
  return fits ? seconds : undefined;
}

function durationMs(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof TendrilError) return Number.NaN;
    throw error;
  }
}
