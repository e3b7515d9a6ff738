import { randomUUID } from "node:crypto";
import type { SendMessageRequest } from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { Schedule } from "./schedule.ts";
import { type Attempt, messageOf, payloadOf, queueUrlOf, scheduledTimeText } from "./target.ts";

/** Sends a message to a queue, as SQS's SendMessage does. Rejects with SQS's errors. */
export type Send = (message: SendMessageRequest) => Promise<void>;

/** What became of one attempt to run a schedule. */
export interface FireEvent {
  readonly groupName: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly scheduledTimeMs: number;
  /** Counted from 1. */
  readonly attempt: number;
  /**
   * `delivered` to its target; `retried` later; `dead-lettered`, in the schedule's dead-letter queue; or `dropped`,
   * because it has none, or because that did not take it either.
   */
  readonly outcome: "delivered" | "retried" | "dead-lettered" | "dropped";
  /** Why it was not delivered. */
  readonly error?: unknown;
}

export interface DeliveryOptions {
  readonly clock: Clock;
  readonly send: Send;
  /** Ends waiting for a retry. */
  readonly signal: AbortSignal;
  readonly onFire: (event: FireEvent) => void;
}

/** The wait before the first retry and the longest one; it doubles between. AWS says "exponential", and no numbers. */
const firstRetryMs = 1_000;
const longestRetryMs = 600_000;

/**
 * Runs a schedule once: calls its target until it takes the message, the retry policy ends, or the error is one that no
 * retry mends; then turns to the schedule's dead-letter queue. Resolves with `abandoned` when the signal ended it before
 * that. Never rejects.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
 */
export async function deliver(
  schedule: Schedule,
  scheduledTimeMs: number,
  options: DeliveryOptions,
): Promise<"over" | "abandoned"> {
  const { groupName, name } = schedule;
  const tell = (attempt: Attempt, outcome: FireEvent["outcome"], error?: unknown): "over" => {
    options.onFire({ groupName, name, scheduledTimeMs, attempt: attempt.number, outcome, error });
    return "over";
  };
  for (let number = 1; ; number++) {
    const attempt = { scheduleArn: schedule.arn, scheduledTimeMs, executionId: randomUUID(), number };
    const error = await failureOf(options.send, () => messageOf(schedule.target, attempt));
    if (error === undefined) return tell(attempt, "delivered");
    const retryMs = Math.min(longestRetryMs, firstRetryMs * 2 ** (number - 1));
    const exhausted = exhaustedBy(schedule, number, options.clock.now() + retryMs - scheduledTimeMs);
    if (exhausted !== undefined || isFinal(error)) {
      const refused = await deadLetter(schedule, attempt, error, exhausted, options.send);
      return tell(attempt, refused ? "dropped" : "dead-lettered", error);
    }
    tell(attempt, "retried", error);
    if (!(await waited(options.clock, retryMs, options.signal))) return "abandoned";
  }
}

async function failureOf(send: Send, message: () => SendMessageRequest): Promise<unknown> {
  try {
    await send(message());
    return undefined;
  } catch (error) {
    return error ?? new Error("The target failed.");
  }
}

type RetryCondition = "MaximumRetryAttempts" | "MaximumEventAgeInSeconds";

function exhaustedBy(schedule: Schedule, attempts: number, ageMs: number): RetryCondition | undefined {
  if (attempts > schedule.maximumRetryAttempts) return "MaximumRetryAttempts";
  return ageMs > schedule.maximumEventAgeSeconds * 1000 ? "MaximumEventAgeInSeconds" : undefined;
}

const throttles = ["ThrottlingException", "RequestThrottled", "OverLimit", "KmsThrottled", "TooManyRequestsException"];

/** A caller's mistake, such as a queue that is not there, stays one however often it is made; a throttle passes. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof Error) || throttles.includes(error.name)) return false;
  if (error instanceof AwsError) return (error.status ?? 400) < 500;
  return "$fault" in error && error.$fault === "client";
}

/** Whether the dead-letter queue is missing or refused the message. */
async function deadLetter(
  schedule: Schedule,
  attempt: Attempt,
  error: unknown,
  exhausted: RetryCondition | undefined,
  send: Send,
): Promise<boolean> {
  const { deadLetterArn } = schedule;
  if (deadLetterArn === undefined) return true;
  const attributes = {
    ERROR_CODE: error instanceof Error ? error.name : "InternalFailure",
    ERROR_MESSAGE: (error instanceof Error && error.message) || "The target failed.",
    EXECUTION_ID: attempt.executionId,
    ...(exhausted && { EXHAUSTED_RETRY_CONDITION: exhausted }),
    IS_PAYLOAD_TRUNCATED: "false",
    RETRY_ATTEMPTS: String(attempt.number - 1),
    SCHEDULED_TIME: scheduledTimeText(attempt.scheduledTimeMs),
    SCHEDULE_ARN: schedule.arn,
    TARGET_ARN: schedule.target.arn,
  };
  const entries = Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]);
  const refusal = await failureOf(send, () => ({
    QueueUrl: queueUrlOf(deadLetterArn),
    MessageBody: payloadOf(schedule.target, attempt),
    MessageAttributes: Object.fromEntries(entries),
  }));
  return refusal !== undefined;
}

/** Resolves after `delayMs` with true, or with false as soon as the signal aborts. */
function waited(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const abort = (): void => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.at(clock.now() + delayMs, () => {
      signal.removeEventListener("abort", abort);
      resolve(true);
    });
    signal.addEventListener("abort", abort, { once: true });
  });
}
