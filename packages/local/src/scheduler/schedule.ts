import type {
  CreateScheduleInput,
  GetScheduleOutput,
  ScheduleSummary,
  UpdateScheduleInput,
} from "@aws-sdk/client-scheduler";
import type { Checked } from "../wire/service.ts";
import { constraints, invalid, rules } from "./constraints.ts";
import { type Expression, nextOccurrence, parseExpression } from "./expression.ts";
import { checkTarget, type Target } from "./target.ts";
import { isTimeZone } from "./time-zone.ts";

/** A schedule as it is kept; all times in milliseconds since 1970. */
export interface Schedule {
  readonly arn: string;
  readonly groupName: string;
  readonly name: string;
  readonly expression: string;
  readonly timezone: string;
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
  readonly enabled: boolean;
  readonly deleteAfterCompletion: boolean;
  readonly description?: string | undefined;
  readonly kmsKeyArn?: string | undefined;
  /** Absent when the window is OFF. */
  readonly windowMinutes?: number | undefined;
  readonly target: Target;
  /** Retries after the first attempt, 0 to 185. */
  readonly maximumRetryAttempts: number;
  /** 60 to 86,400. */
  readonly maximumEventAgeSeconds: number;
  readonly deadLetterArn?: string | undefined;
  readonly createdMs: number;
  readonly modifiedMs: number;
  /** The token that created it: the same request, sent again, is the same schedule. */
  readonly clientToken?: string | undefined;
  /** A one-time schedule that has run, or whose time was over when it was made. */
  readonly completed: boolean;
}

/** Where the local AWS says it is. */
export interface Place {
  readonly region: string;
  readonly accountId: string;
}

type ScheduleInput = Checked<CreateScheduleInput> | Checked<UpdateScheduleInput>;

/** AWS fires within the minute that a schedule names. */
const precisionMs = 60_000;

/**
 * Reads the input of CreateSchedule or UpdateSchedule, which replaces all of a schedule; what it leaves out has AWS's
 * default. Throws `ValidationException` for what AWS would refuse.
 */
export function readSchedule(input: ScheduleInput, place: Place, nowMs: number, before?: Schedule): Schedule {
  checkInput(input);
  const expression = readExpression(input.ScheduleExpression);
  const timezone = input.ScheduleExpressionTimezone ?? "UTC";
  if (!isTimeZone(timezone)) throw invalid(`Invalid ScheduleExpressionTimezone ${timezone}.`);
  const groupName = input.GroupName ?? "default";
  const retry = input.Target.RetryPolicy;
  const schedule: Schedule = {
    arn: `arn:aws:scheduler:${place.region}:${place.accountId}:schedule/${groupName}/${input.Name}`,
    groupName,
    name: input.Name,
    expression: input.ScheduleExpression,
    timezone,
    startMs: input.StartDate?.getTime(),
    endMs: input.EndDate?.getTime(),
    enabled: input.State !== "DISABLED",
    deleteAfterCompletion: input.ActionAfterCompletion === "DELETE",
    description: input.Description,
    kmsKeyArn: input.KmsKeyArn,
    windowMinutes: readWindow(input.FlexibleTimeWindow),
    target: readTarget(input.Target),
    maximumRetryAttempts: retry?.MaximumRetryAttempts ?? 185,
    maximumEventAgeSeconds: retry?.MaximumEventAgeInSeconds ?? 86_400,
    deadLetterArn: input.Target.DeadLetterConfig?.Arn,
    createdMs: before?.createdMs ?? nowMs,
    modifiedMs: nowMs,
    clientToken: before ? before.clientToken : input.ClientToken,
    completed: false,
  };
  if (schedule.startMs !== undefined && schedule.endMs !== undefined && schedule.endMs <= schedule.startMs) {
    throw invalid("The EndDate must come after the StartDate.");
  }
  const over = expression.kind === "at" && nextRunOf(schedule, nowMs - precisionMs) === undefined;
  return { ...schedule, completed: over };
}

function checkInput(input: ScheduleInput): void {
  const { Target: target, FlexibleTimeWindow: window } = input;
  const all = constraints();
  all.text("name", input.Name, rules.name);
  all.text("groupName", input.GroupName, rules.name);
  all.text("clientToken", input.ClientToken, rules.clientToken);
  all.text("scheduleExpression", input.ScheduleExpression, rules.expression);
  all.text("scheduleExpressionTimezone", input.ScheduleExpressionTimezone, rules.timezone);
  all.text("description", input.Description, rules.description);
  all.oneOf("state", input.State, ["ENABLED", "DISABLED"]);
  all.oneOf("actionAfterCompletion", input.ActionAfterCompletion, ["NONE", "DELETE"]);
  all.oneOf("flexibleTimeWindow.mode", window.Mode, ["OFF", "FLEXIBLE"]);
  all.number("flexibleTimeWindow.maximumWindowInMinutes", window.MaximumWindowInMinutes, 1, 1440);
  all.text("target.arn", target.Arn, rules.targetArn);
  all.text("target.roleArn", target.RoleArn, rules.roleArn);
  all.text("target.input", target.Input, rules.input);
  all.text("target.deadLetterConfig.arn", target.DeadLetterConfig?.Arn, rules.deadLetterArn);
  all.text("target.sqsParameters.messageGroupId", target.SqsParameters?.MessageGroupId, rules.messageGroupId);
  all.number("target.retryPolicy.maximumRetryAttempts", target.RetryPolicy?.MaximumRetryAttempts, 0, 185);
  all.number("target.retryPolicy.maximumEventAgeInSeconds", target.RetryPolicy?.MaximumEventAgeInSeconds, 60, 86_400);
  all.check();
}

function readExpression(text: string): Expression {
  const expression = parseExpression(text);
  if (!expression) throw invalid(`Invalid Schedule Expression ${text}.`);
  return expression;
}

function readWindow(window: ScheduleInput["FlexibleTimeWindow"]): number | undefined {
  const minutes = window.MaximumWindowInMinutes;
  if (window.Mode === "FLEXIBLE" && minutes === undefined) {
    throw invalid("MaximumWindowInMinutes must be provided when FlexibleTimeWindow Mode is FLEXIBLE.");
  }
  if (window.Mode === "OFF" && minutes !== undefined) {
    throw invalid("MaximumWindowInMinutes must not be provided when FlexibleTimeWindow Mode is OFF.");
  }
  return minutes;
}

function readTarget(input: ScheduleInput["Target"]): Target {
  const target: Target = {
    arn: input.Arn,
    roleArn: input.RoleArn,
    input: input.Input,
    messageGroupId: input.SqsParameters?.MessageGroupId,
  };
  checkTarget(target);
  return target;
}

/**
 * The first run strictly after `afterMs`, within StartDate and EndDate, which a one-time schedule ignores; undefined when
 * there is none. The schedule may be disabled.
 */
export function nextRunOf(schedule: Schedule, afterMs: number): number | undefined {
  const expression = parseExpression(schedule.expression);
  if (!expression) return undefined;
  const timing = { timezone: schedule.timezone, anchorMs: schedule.startMs ?? schedule.modifiedMs };
  if (expression.kind === "at") return nextOccurrence(expression, timing, afterMs);
  const notBeforeMs = Math.max(afterMs, (schedule.startMs ?? Number.NEGATIVE_INFINITY) - 1);
  const nextMs = nextOccurrence(expression, timing, notBeforeMs);
  return nextMs === undefined || nextMs > (schedule.endMs ?? Number.POSITIVE_INFINITY) ? undefined : nextMs;
}

/**
 * The time after which a schedule's first run is looked for when it was made or changed just now: a rate runs at once, a
 * one-time schedule until its minute is over, a cron never for a time that has come already.
 */
export function firstRunAfter(schedule: Schedule): number {
  if (schedule.expression.startsWith("rate(")) return schedule.modifiedMs - 1;
  return schedule.expression.startsWith("at(") ? schedule.modifiedMs - precisionMs : schedule.modifiedMs;
}

/** The schedule as GetSchedule answers it. */
export function describeSchedule(schedule: Schedule): Omit<GetScheduleOutput, "$metadata"> {
  const { target, windowMinutes, deadLetterArn } = schedule;
  return {
    Arn: schedule.arn,
    GroupName: schedule.groupName,
    Name: schedule.name,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timezone,
    StartDate: schedule.startMs === undefined ? undefined : new Date(schedule.startMs),
    EndDate: schedule.endMs === undefined ? undefined : new Date(schedule.endMs),
    Description: schedule.description,
    State: schedule.enabled ? "ENABLED" : "DISABLED",
    ActionAfterCompletion: schedule.deleteAfterCompletion ? "DELETE" : "NONE",
    KmsKeyArn: schedule.kmsKeyArn,
    FlexibleTimeWindow:
      windowMinutes === undefined ? { Mode: "OFF" } : { Mode: "FLEXIBLE", MaximumWindowInMinutes: windowMinutes },
    Target: {
      Arn: target.arn,
      RoleArn: target.roleArn,
      Input: target.input,
      SqsParameters: target.messageGroupId === undefined ? undefined : { MessageGroupId: target.messageGroupId },
      DeadLetterConfig: deadLetterArn === undefined ? undefined : { Arn: deadLetterArn },
      RetryPolicy: {
        MaximumRetryAttempts: schedule.maximumRetryAttempts,
        MaximumEventAgeInSeconds: schedule.maximumEventAgeSeconds,
      },
    },
    CreationDate: new Date(schedule.createdMs),
    LastModificationDate: new Date(schedule.modifiedMs),
  };
}

/** The schedule as ListSchedules answers it. */
export function summarizeSchedule(schedule: Schedule): ScheduleSummary {
  const { Arn, Name, GroupName, State, CreationDate, LastModificationDate } = describeSchedule(schedule);
  return { Arn, Name, GroupName, State, CreationDate, LastModificationDate, Target: { Arn: schedule.target.arn } };
}
