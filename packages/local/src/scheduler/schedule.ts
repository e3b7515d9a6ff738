import type {
  CreateScheduleInput,
  GetScheduleOutput,
  ScheduleSummary,
  UpdateScheduleInput,
} from "@aws-sdk/client-scheduler";
import type { Checked } from "../wire/service.ts";
import { type ClientToken, tokenOf } from "./client-token.ts";
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
  /** The requests that created it and changed it last: sent again, they change nothing. */
  readonly created?: ClientToken | undefined;
  readonly updated?: ClientToken | undefined;
}

/** Where the local AWS says it is. */
export interface Place {
  readonly region: string;
  readonly accountId: string;
}

type ScheduleInput = Checked<CreateScheduleInput> | Checked<UpdateScheduleInput>;

/** AWS fires within the minute that a schedule names. */
const precisionMs = 60_000;

/** AWS takes no StartDate from before that; its documentation is silent, its error is not. */
const earliestStartMs = 300_000;

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
    created: before ? before.created : tokenOf(input),
    updated: before && tokenOf(input),
  };
  if (expression.kind !== "at") checkDates(schedule, nowMs);
  return schedule;
}

/** Of a recurring schedule: a one-time one ignores both. */
function checkDates({ startMs, endMs }: Schedule, nowMs: number): void {
  if (startMs === undefined) return;
  if (startMs < nowMs - earliestStartMs) {
    throw invalid("The StartDate you specify cannot be earlier than 5 minutes ago.");
  }
  if (endMs !== undefined && endMs <= startMs) throw invalid("The EndDate must come after the StartDate.");
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
  all.text("kmsKeyArn", input.KmsKeyArn, rules.kmsKeyArn);
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

/** The first run strictly after `afterMs`: see `runsAfter`. */
export function nextRunOf(schedule: Schedule, afterMs: number): number | undefined {
  const { value } = runsAfter(schedule, afterMs).next();
  return value;
}

/**
 * The runs strictly after `afterMs` in order, within StartDate and EndDate, which a one-time schedule ignores. The
 * schedule may be disabled. A rate counts from its StartDate; without one, from its creation or its last change.
 */
export function* runsAfter(schedule: Schedule, afterMs: number): Generator<number, undefined> {
  const expression = parseExpression(schedule.expression);
  if (!expression) return;
  const timing = { timezone: schedule.timezone, anchorMs: schedule.startMs ?? schedule.modifiedMs };
  const once = expression.kind === "at";
  let runMs: number | undefined = once ? afterMs : Math.max(afterMs, (schedule.startMs ?? afterMs) - 1);
  for (;;) {
    runMs = nextOccurrence(expression, timing, runMs);
    if (runMs === undefined || (!once && runMs > (schedule.endMs ?? runMs))) return;
    yield runMs;
  }
}

/**
 * The time after which a schedule's first run is looked for when it was made or changed just now: a rate runs at once, a
 * one-time schedule until its minute is over, a cron never for a time that has come already. None of them runs again
 * for a time that it has seen before the change.
 */
export function firstRunAfter(schedule: Schedule, seenBeforeMs = Number.NEGATIVE_INFINITY): number {
  const { expression } = schedule;
  const leewayMs = expression.startsWith("at(") ? precisionMs : expression.startsWith("rate(") ? 1 : 0;
  return Math.max(schedule.modifiedMs - leewayMs, seenBeforeMs);
}

/**
 * The moment at which a run is to be attempted first, drawn from the flexible window that begins at its time and ends
 * with the schedule's EndDate at the latest. `random` gives numbers from 0 to less than 1.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html
 */
export function momentOf(schedule: Schedule, runMs: number, random: () => number): number {
  if (schedule.windowMinutes === undefined) return runMs;
  const windowEndMs = Math.min(runMs + schedule.windowMinutes * 60_000, schedule.endMs ?? Number.POSITIVE_INFINITY);
  return runMs + Math.floor(random() * Math.max(0, windowEndMs - runMs));
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
