import type { SendMessageRequest } from "@aws-sdk/client-sqs";
import type { Schedule } from "./schedule.ts";
import type { RunFailure } from "./store.ts";
import { type Attempt, payloadOf, queueUrlOf, scheduledTimeText } from "./target.ts";

/** Which limit of the retry policy ended a run. */
export type RetryCondition = "MaximumRetryAttempts" | "MaximumEventAgeInSeconds";

/** 256 KiB, attributes and all: what a message could have when AWS wrote `IS_PAYLOAD_TRUNCATED`. */
const maxMessageBytes = 262_144;

/**
 * What AWS puts into a schedule's dead-letter queue after the last `attempt`: the target's input, and why it was not
 * delivered as attributes. `exhausted` is undefined for an error that no retry mends. Undefined when the schedule has no
 * dead-letter queue. https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
 */
export function deadLetterOf(
  schedule: Schedule,
  attempt: Attempt,
  failure: RunFailure,
  exhausted: RetryCondition | undefined,
): SendMessageRequest | undefined {
  const { deadLetterArn } = schedule;
  if (deadLetterArn === undefined) return undefined;
  const payload = payloadOf(schedule.target, attempt);
  const attributes = {
    ERROR_CODE: failure.code,
    ERROR_MESSAGE: failure.message,
    EXECUTION_ID: attempt.executionId,
    ...(exhausted && { EXHAUSTED_RETRY_CONDITION: exhausted }),
    IS_PAYLOAD_TRUNCATED: "false",
    RETRY_ATTEMPTS: String(attempt.number - 1),
    SCHEDULED_TIME: scheduledTimeText(attempt.scheduledTimeMs),
    SCHEDULE_ARN: schedule.arn,
    TARGET_ARN: schedule.target.arn,
  };
  const body = truncated(payload, maxMessageBytes - attributeBytes(attributes));
  if (body !== payload) attributes.IS_PAYLOAD_TRUNCATED = "true";
  const entries = Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]);
  return { QueueUrl: queueUrlOf(deadLetterArn), MessageBody: body, MessageAttributes: Object.fromEntries(entries) };
}

/** SQS counts the name, the type and the value of each. */
function attributeBytes(attributes: Readonly<Record<string, string>>): number {
  return Object.entries(attributes).reduce(
    (bytes, [name, value]) => bytes + Buffer.byteLength(`${name}String${value}`),
    0,
  );
}

/** At most `maxBytes` of the text, without a part of a character at its end. */
function truncated(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  return new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true });
}
