/** The tier's schedules: when they run next, and a run out of turn. */
import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { nextRunIn } from "@tendril/core/cron-zone";
import { TendrilError } from "@tendril/core/errors";
import { type JobId, scheduledJobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import { type SchedulePlan, scheduleMessageAt } from "@tendril/core/schedule-plan";
import { queueUnknown } from "../sender.ts";
import { failedCall } from "./dead-queue.ts";

/** A schedule, and when it runs next. */
export interface ScheduleState {
  /** The task's name in cron.yaml. */
  readonly name: string;
  readonly jobType: string;
  readonly queue: string;
  /** As cron.yaml has it. */
  readonly expression: string;
  readonly timezone: string;
  readonly enabled: boolean;
  /** Not of cron.yaml: the tier has it of its own accord. */
  readonly builtIn: boolean;
  readonly description?: string;
  /** Milliseconds since 1970; those that an enabled schedule would have, when it is not. */
  readonly nextRunsMs: readonly number[];
}

/** A run that was sent. */
export interface ScheduledRun {
  readonly jobId: JobId;
  readonly jobType: string;
  readonly queue: string;
}

/** Each entry once, in the plan's order, with its next `count` runs after `nowMs`. */
export function scheduleStates(plans: readonly SchedulePlan[], nowMs: number, count = 5): ScheduleState[] {
  return firstOfEach(plans).map(({ task, entry, timezone, enabled, jobType, queue, builtIn }) => ({
    name: task,
    jobType,
    queue,
    expression: entry.expression,
    timezone,
    enabled,
    builtIn,
    ...(entry.description === undefined ? {} : { description: entry.description }),
    nextRunsMs: nextRuns({ entry, timezone }, nowMs, count),
  }));
}

/** An entry that names days of the month and of the week is two schedules on AWS. */
function firstOfEach(plans: readonly SchedulePlan[]): SchedulePlan[] {
  return [...Map.groupBy(plans, ({ task }) => task).values()].flatMap(([first]) => first ?? []);
}

function nextRuns({ entry, timezone }: Pick<SchedulePlan, "entry" | "timezone">, nowMs: number, count: number) {
  const runs: number[] = [];
  for (let runMs = nowMs; runs.length < count; ) {
    runMs = nextRunIn(entry.schedule, timezone, runMs);
    runs.push(runMs);
  }
  return runs;
}

/**
 * Sends the message that Scheduler would send at this second: the run of a schedule, enabled or not. Two runs of one
 * second, the schedule's own among them, are one job. Errors: `schedule_unknown`, `queue_unknown`, `aws_call_failed`,
 * `rate_limited`.
 */
export async function runSchedule(
  name: string,
  {
    plans,
    sqs,
    queues,
    nowMs,
  }: {
    readonly plans: readonly SchedulePlan[];
    readonly sqs: SQSClient;
    readonly queues: Readonly<Record<string, QueueLink>>;
    readonly nowMs: number;
  },
): Promise<ScheduledRun> {
  const plan = plans.find(({ task }) => task === name);
  if (plan === undefined) throw scheduleUnknown(name, plans);
  const { jobType, queue } = plan;
  const link = Object.hasOwn(queues, queue) ? queues[queue] : undefined;
  if (link === undefined) throw queueUnknown(queue, Object.keys(queues));
  const atMs = Math.floor(nowMs / 1000) * 1000; // Scheduler's time has no parts of seconds
  const command = new SendMessageCommand({ QueueUrl: link.url, ...scheduleMessageAt(plan, atMs) });
  await sqs.send(command).catch(failedCall(`SendMessage to ${queue}`));
  return { jobId: scheduledJobId(name, atMs), jobType, queue };
}

function scheduleUnknown(name: string, plans: readonly SchedulePlan[]): TendrilError {
  return new TendrilError("schedule_unknown", {
    where: "path",
    given: name.length <= 80 ? JSON.stringify(name) : `a name of ${name.length} characters`,
    allowed:
      firstOfEach(plans)
        .map(({ task }) => task)
        .join(", ") || "none: there are no schedules",
  });
}
