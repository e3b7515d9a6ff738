import { randomBytes } from "node:crypto";
import type { SendMessageRequest } from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import { AwsError } from "../wire/aws-error.ts";
import { deadLetterOf, type RetryCondition } from "./dead-letter.ts";
import type { Schedule } from "./schedule.ts";
import type { Run, RunFailure } from "./store.ts";
import { type Attempt, messageOf } from "./target.ts";

/** Sends a message to a queue, as SQS's SendMessage does. Rejects with SQS's errors. */
export type Send = (message: SendMessageRequest) => Promise<void>;

export interface DeliveryOptions {
  readonly clock: Clock;
  readonly send: Send;
}

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly kind: "delivered" }
  /** To be attempted again at `dueMs` (milliseconds since 1970). */
  | { readonly kind: "retried"; readonly dueMs: number; readonly failure: RunFailure; readonly error: unknown }
  /** It is in the dead-letter queue; or dropped, because the schedule has none, or because that did not take it either. */
  | { readonly kind: "dead-lettered" | "dropped"; readonly error: unknown };

/** The wait before the first retry and the longest one; it doubles between. AWS says "exponential", and no numbers. */
const firstRetryMs = 1_000;
const longestRetryMs = 600_000;

/**
 * Attempts a run once: calls its target. When the retry policy has ended or the error is one that no retry mends, turns
 * to the schedule's dead-letter queue; so does a run that is too old before it is attempted, without a call. Never rejects.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
 */
export async function attemptRun(schedule: Schedule, run: Run, options: DeliveryOptions): Promise<AttemptEnd> {
  const { clock, send } = options;
  const number = run.attempts + 1;
  const attempt = attemptOf(schedule, run, number);
  const isTooOld = (timeMs: number): boolean => timeMs - run.firstMs > schedule.maximumEventAgeSeconds * 1000;
  if (isTooOld(clock.now())) {
    const error = new AwsError("ServiceUnavailable", "EventBridge Scheduler was not running while this run was due.");
    const failure = run.failure ?? failureOf(error);
    const last = attemptOf(schedule, run, Math.max(1, run.attempts));
    return deadLetter(schedule, last, { failure, error, exhausted: "MaximumEventAgeInSeconds" }, send);
  }
  const error = await errorOf(send, () => messageOf(schedule.target, attempt));
  if (error === undefined) return { kind: "delivered" };
  const failure = failureOf(error);
  const dueMs = clock.now() + Math.min(longestRetryMs, firstRetryMs * 2 ** (number - 1));
  if (isFinal(error)) return deadLetter(schedule, attempt, { failure, error }, send);
  if (number > schedule.maximumRetryAttempts) {
    return deadLetter(schedule, attempt, { failure, error, exhausted: "MaximumRetryAttempts" }, send);
  }
  if (isTooOld(dueMs)) {
    return deadLetter(schedule, attempt, { failure, error, exhausted: "MaximumEventAgeInSeconds" }, send);
  }
  return { kind: "retried", dueMs, failure, error };
}

function attemptOf(schedule: Schedule, run: Run, number: number): Attempt {
  const executionId = randomBytes(8).toString("hex");
  return { scheduleArn: schedule.arn, scheduledTimeMs: run.scheduledTimeMs, executionId, number };
}

async function errorOf(send: Send, message: () => SendMessageRequest): Promise<unknown> {
  try {
    await send(message());
    return undefined;
  } catch (error) {
    return error ?? new Error("The target failed.");
  }
}

/** A dead letter has room for a line, not for a page. */
const longestMessage = 1_000;

function failureOf(error: unknown): RunFailure {
  const message = (error instanceof Error && error.message) || "The target failed.";
  return { code: error instanceof Error ? error.name : "InternalFailure", message: message.slice(0, longestMessage) };
}

const throttles = ["ThrottlingException", "RequestThrottled", "OverLimit", "KmsThrottled", "TooManyRequestsException"];

/** A caller's mistake, such as a queue that is not there, stays one however often it is made; a throttle passes. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof Error) || throttles.includes(error.name)) return false;
  if (error instanceof AwsError) return (error.status ?? 400) < 500;
  return "$fault" in error && error.$fault === "client";
}

interface Undeliverable {
  readonly failure: RunFailure;
  readonly error: unknown;
  readonly exhausted?: RetryCondition;
}

async function deadLetter(
  schedule: Schedule,
  attempt: Attempt,
  { failure, error, exhausted }: Undeliverable,
  send: Send,
): Promise<AttemptEnd> {
  const letter = deadLetterOf(schedule, attempt, failure, exhausted);
  const refusal = letter === undefined ? "no queue" : await errorOf(send, () => letter);
  return { kind: refusal === undefined ? "dead-lettered" : "dropped", error };
}
