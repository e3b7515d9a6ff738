import type { CreateScheduleCommandInput, SchedulerClient } from "@aws-sdk/client-scheduler";
import { TendrilError } from "@tendril/core/errors";
import { type LaterLink, laterLinkName, type QueueLink } from "@tendril/core/link";
import type { OutgoingMessage } from "@tendril/core/message";
import { callFailed, nameOf } from "./call-failed.ts";
import { isFifo, sendParameters } from "./send-parameters.ts";

/**
 * SQS's longest delay of one message, in milliseconds; a FIFO queue's messages take none.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
 */
export const longestDelayMs = 900_000;

/**
 * The longest JSON that a schedule carries, in bytes.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
 */
export const longestScheduleBytes = 262_144;

/** CreateSchedule calls of one `send` at the same time; AWS takes at least 250 a second. */
const schedulesAtOnce = 10;

/**
 * A schedule lies at least this far ahead, in milliseconds: what AWS does with a time that has passed when the call
 * arrives is not documented, and it fires to the minute anyway.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
const shortestLeadMs = 10_000;

/** Whether a message is to wait longer than its queue can delay it. */
export function needsSchedule(
  { notBeforeMs }: Pick<OutgoingMessage, "notBeforeMs">,
  link: QueueLink,
  nowMs: number,
): boolean {
  return notBeforeMs !== undefined && notBeforeMs - nowMs > (isFifo(link) ? 0 : longestDelayMs);
}

/**
 * What Scheduler is to hand to SQS, as JSON. Scheduler replaces `<aws.scheduler.…>` in it, which a job's input may well
 * contain: with the `<` written as JSON's escape it means the same, and is left alone.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
 * Error: `body_too_large`, for a message that a queue takes and a schedule does not.
 */
export function scheduleInput(message: OutgoingMessage, link: QueueLink): string {
  const parameters = { QueueUrl: link.url, ...sendParameters(message, isFifo(link)) };
  const input = JSON.stringify(parameters).replaceAll("<aws.scheduler.", "\\u003caws.scheduler.");
  const bytes = new TextEncoder().encode(input).length;
  if (bytes <= longestScheduleBytes) return input;
  throw new TendrilError("body_too_large", {
    where: "data",
    given: `a message that makes a schedule of ${bytes} bytes`,
    allowed: `at most ${longestScheduleBytes} bytes for a job that waits longer than SQS can delay it`,
    fix: "Keep what is large elsewhere, in S3 for example, and send where it is.",
  });
}

/** Makes one-time schedules of messages. */
export type SendLater = (
  messages: readonly OutgoingMessage[],
  to: { readonly link: QueueLink; readonly nowMs: number; readonly signal: AbortSignal | undefined },
) => Promise<Scheduled>;

/** What is to be done about messages that were to be scheduled. */
export interface Scheduled {
  /** Those that AWS has not taken, and why. */
  readonly errors: ReadonlyMap<OutgoingMessage, TendrilError>;
  /**
   * Those whose time had passed when AWS was asked, because this machine's clock is behind AWS's: their schedules may
   * never fire, so they are to be sent at once.
   */
  readonly overdue: readonly OutgoingMessage[];
}

/** What later messages need. */
export interface LaterOptions {
  /** Where their schedules are made. Without it they are refused with `link_missing`. */
  readonly later?: LaterLink;
  /**
   * Called once, at the first message that needs a schedule. Default: loads the SDK's client of EventBridge Scheduler by
   * then, and makes one with the environment's settings.
   */
  readonly scheduler?: () => Promise<SchedulerClient>;
}

/** Sends messages by EventBridge Scheduler. */
export function createLaterSender({ later, scheduler = loadScheduler }: LaterOptions): SendLater {
  let loaded: Promise<SchedulerClient> | undefined;
  const client = (): Promise<SchedulerClient> => {
    loaded ??= scheduler().catch((error: unknown) => {
      loaded = undefined; // the next message tries again
      throw error;
    });
    return loaded;
  };
  return async (messages, to) => {
    if (later === undefined) {
      return { errors: new Map(messages.map((message) => [message, noLaterLink()])), overdue: [] };
    }
    const errors = new Map<OutgoingMessage, TendrilError>();
    const overdue: OutgoingMessage[] = [];
    const waiting = messages.values();
    const createInTurn = async (): Promise<void> => {
      for (const message of waiting) {
        const made = await createSchedule(message, { later, client, ...to });
        if (made === "overdue") overdue.push(message);
        else if (made !== "waits") errors.set(message, made);
      }
    };
    await Promise.all(Array.from({ length: Math.min(schedulesAtOnce, messages.length) }, createInTurn));
    return { errors, overdue };
  };
}

async function loadScheduler(): Promise<SchedulerClient> {
  const { SchedulerClient } = await import("./scheduler-client.ts");
  return new SchedulerClient();
}

type Making = Parameters<SendLater>[1] & { readonly later: LaterLink; readonly client: () => Promise<SchedulerClient> };

/** Resolves to the reason when there is no schedule now. One of the job's name that is there already is as good. */
async function createSchedule(message: OutgoingMessage, making: Making): Promise<"waits" | "overdue" | TendrilError> {
  const { nowMs, signal } = making;
  const atMs = Math.max(message.notBeforeMs ?? 0, nowMs + shortestLeadMs);
  let awsNowMs = nowMs;
  try {
    const { CreateScheduleCommand } = await import("./scheduler-client.ts");
    const command = new CreateScheduleCommand(scheduleOf(message, atMs, making));
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        awsNowMs = dateOf(result.response) ?? nowMs;
        return result;
      },
      { name: "awsTime", step: "deserialize", priority: "low" },
    );
    const client = await making.client();
    await client.send(command, signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    if (error instanceof TendrilError) return error;
    const isThere = error instanceof Error && error.name === "ConflictException";
    if (!isThere) return callFailed("scheduler:CreateSchedule", nameOf(error), error);
  }
  return awsNowMs < atMs ? "waits" : "overdue";
}

function scheduleOf(message: OutgoingMessage, atMs: number, { later, link }: Making): CreateScheduleCommandInput {
  return {
    GroupName: later.groupName,
    Name: message.id,
    ScheduleExpression: atExpression(atMs),
    ScheduleExpressionTimezone: "UTC",
    FlexibleTimeWindow: { Mode: "OFF" },
    ActionAfterCompletion: "DELETE",
    Target: {
      Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
      RoleArn: later.roleArn,
      Input: scheduleInput(message, link),
      DeadLetterConfig: { Arn: later.deadLetterArn },
      RetryPolicy: { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 },
    },
  };
}

/** The time in an answer's `date`, in milliseconds since 1970: AWS's clock, to the second. */
function dateOf(response: unknown): number | undefined {
  const headers: unknown = Reflect.get(Object(response), "headers");
  const timeMs = Date.parse(String(Reflect.get(Object(headers), "date")));
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** The first whole second that is not before the time, in UTC: Scheduler's `at` knows no fractions. */
function atExpression(notBeforeMs: number): string {
  return `at(${new Date(Math.ceil(notBeforeMs / 1000) * 1000).toISOString().slice(0, 19)})`;
}

function noLaterLink(): TendrilError {
  return new TendrilError("link_missing", {
    where: `Resource.${laterLinkName}`,
    given: "a message that is to wait longer than SQS can delay it, and no link for these",
    allowed: "the link",
    fix: "Link the function to it in stacks/, and give it to the client as `later`.",
  });
}
