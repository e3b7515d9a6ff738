import { v5 } from "uuid";
import { toAwsExpressions } from "./aws-schedule.ts";
import { purgeJobType, purgeTask } from "./built-in.ts";
import type { Cron } from "./cron.ts";
import type { CronEntry } from "./cron-yaml.ts";
import type { Problem } from "./errors.ts";
import { attributeNames, jobTypeOfPath, messageJson, scheduledBody } from "./message.ts";
import type { Tier } from "./tier.ts";

/** One EventBridge schedule: an entry of cron.yaml needs one, or two when it names days of the month or days of the week. */
export interface SchedulePlan {
  /** The schedule's name on AWS: at most 64 of `[0-9a-zA-Z-_.]`, unique and stable for any task name. */
  readonly name: string;
  /** The task's name in cron.yaml, or that of a built-in schedule. */
  readonly task: string;
  /** The entry that it was made from; a built-in schedule has one that no file holds. */
  readonly entry: CronEntry;
  /** `cron(minutes hours day-of-month month day-of-week year)`, at most 256 characters. */
  readonly expression: string;
  readonly timezone: string;
  readonly enabled: boolean;
  /** Not of cron.yaml: the tier has it of its own accord. */
  readonly builtIn: boolean;
  /** The queue that its message goes to, and the job type that will run. */
  readonly queue: string;
  readonly jobType: string;
  readonly body: string;
  /** Message attributes; Scheduler puts the run's time into `<aws.scheduler.scheduled-time>`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Set for a FIFO queue. */
  readonly fifo?: { readonly messageGroupId: string; readonly messageDeduplicationId: string };
  /** Scheduler's own retries when SQS does not take the message: 0 to 185 attempts within 60 to 86,400 seconds. */
  readonly retry: { readonly attempts: number; readonly maximumAgeSeconds: number };
}

/** Text that EventBridge Scheduler replaces. https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html */
const scheduledTime = "<aws.scheduler.scheduled-time>";

const nameSpace = "2f9a1d3c-6b54-5e0f-9c77-8d1e4a0b6f35";

/** Once a day, UTC, in a minute that few others have chosen. */
const purgeTime = { expression: "47 3 * * *", schedule: everyDayAt(3, 47) };

function everyDayAt(hour: number, minute: number): Cron {
  const months = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  return { minutes: [minute], hours: [hour], daysOfMonth: "any", months, daysOfWeek: "any" };
}

/**
 * The built-in schedule that lets the ledger forget: to the tier's first standard queue, or a FIFO one when it has no
 * other. A tier without job types whose effects are `exactly-once` has nothing to forget, and none.
 */
export function planPurge(tier: Tier): SchedulePlan[] {
  const queues = Object.entries(tier.queues);
  const [queue, options] = queues.find(([, { fifo = false }]) => !fifo) ?? queues[0] ?? [];
  if (queue === undefined || !tier.jobs.some((job) => job.effects === "exactly-once")) return [];
  const entry = { name: purgeTask, url: "/tendril/purge", ...purgeTime, enabled: true, line: 0, column: 0 };
  const to = { type: purgeJobType, data: undefined, queue, fifo: options?.fifo ?? false };
  return planEntry(entry, to).map((schedule) => ({ ...schedule, builtIn: true }));
}

/** Plans the schedules of cron.yaml; an entry that leads to no job type of the tier, or has a built-in schedule's name, is reported. */
export function planSchedules(
  tier: Tier,
  entries: readonly CronEntry[],
  report: (problem: Problem) => void,
): SchedulePlan[] {
  return entries.flatMap((entry) => {
    const where = `${tier.cron ?? "cron.yaml"}:${entry.line}:${entry.column} (${entry.name})`;
    if (entry.name === purgeTask) {
      report({
        where,
        given: `the task name ${purgeTask}`,
        allowed: "any other name: it is that of a built-in schedule",
      });
    }
    const { type, data } = routeOf(entry, tier);
    const job = tier.jobs.find((candidate) => candidate.type === type);
    if (job === undefined) {
      report({
        where,
        given: type === undefined ? `url ${JSON.stringify(entry.url)} and no job` : `job type ${JSON.stringify(type)}`,
        allowed: `a job type of the tier: ${tier.jobs.map((candidate) => candidate.type).join(", ")}`,
        fix: "Name it with `job:`, let `url` be /job/post/JOB_TYPE, or give the job type this url as its `path`; /job/run takes `data: { job_type, data }`.",
      });
      return [];
    }
    if (entry.overlap === "skip" && job.effects === "at-least-once") {
      report({
        where,
        given: `overlap: skip, for ${type}, whose effects are at-least-once`,
        allowed: "a job type with exactly-once effects: the ledger knows which runs are unfinished",
      });
    }
    return planEntry(entry, { type: job.type, data, queue: job.queue, fifo: tier.queues[job.queue]?.fifo ?? false });
  });
}

/**
 * Where an entry leads, and with which input: its `job`, else its url; paths of job types need the tier. What is posted to the original worker tier's
 * `/job/run` is a message, so there `data` may name the job type and hold its input.
 */
export function routeOf(entry: CronEntry, tier?: Tier): { type: string | undefined; data: unknown } {
  const { job, url, data } = entry;
  const message = job === undefined && url === "/job/run" ? messageIn(data) : undefined;
  if (message !== undefined) return message;
  return { type: job ?? jobTypeOfPath(url) ?? tier?.jobs.find(({ path }) => path === url)?.type, data };
}

function messageIn(value: unknown): { type: string; data: unknown } | undefined {
  if (typeof value !== "object" || value === null || !("job_type" in value)) return undefined;
  if (typeof value.job_type !== "string") return undefined;
  return { type: value.job_type, data: "data" in value ? value.data : undefined };
}

function planEntry(
  entry: CronEntry,
  to: { type: string; data: unknown; queue: string; fifo: boolean },
): SchedulePlan[] {
  const name = scheduleName(entry.name);
  const expressions = toAwsExpressions(entry.schedule);
  return expressions.map((expression, index) => ({
    name: index === 0 ? name : `${name}-${index + 1}`,
    task: entry.name,
    entry,
    expression,
    timezone: entry.timezone ?? "UTC",
    enabled: entry.enabled ?? true,
    builtIn: false,
    queue: to.queue,
    jobType: to.type,
    body: to.data === undefined ? scheduledBody : messageJson({ job_type: to.type, data: to.data }),
    attributes: {
      [attributeNames.path]: entry.url,
      [attributeNames.taskName]: entry.name,
      [attributeNames.scheduledTime]: scheduledTime,
      ...(jobTypeOfPath(entry.url) === to.type ? {} : { [attributeNames.jobType]: to.type }),
      ...(entry.overlap === "skip" ? { [attributeNames.overlap]: "skip" } : {}),
    },
    ...(to.fifo ? { fifo: { messageGroupId: name, messageDeduplicationId: `${name}-${scheduledTime}` } } : {}),
    retry: { attempts: 185, maximumAgeSeconds: entry.missedWithinSeconds ?? 3600 },
  }));
}

/** A legal, stable and unique schedule name for any task name: what is legal of it, and eight digits of its hash. */
export function scheduleName(task: string): string {
  const legal = task.replace(/[^0-9a-zA-Z_.-]+/g, "-").slice(0, 48);
  return `${legal}-${v5(task, nameSpace).slice(0, 8)}`;
}

/** A schedule's message as the input of Scheduler's universal target has it, beside `QueueUrl`: SQS's SendMessage. */
export function scheduleMessage({ body, attributes, fifo }: SchedulePlan) {
  const typed = Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]);
  return {
    MessageBody: body,
    MessageAttributes: Object.fromEntries(typed),
    ...(fifo && { MessageGroupId: fifo.messageGroupId, MessageDeduplicationId: fifo.messageDeduplicationId }),
  };
}

/**
 * The message that Scheduler sends for a run at a time, in milliseconds since 1970, told to the second. Of what Scheduler
 * would put in, it has the time alone: `<aws.scheduler.attempt-number>` and the like in an entry's data stay as they are.
 */
export function scheduleMessageAt(schedule: SchedulePlan, atMs: number): ReturnType<typeof scheduleMessage> {
  const time = new Date(atMs).toISOString().replace(/\.\d{3}Z$/, "Z");
  return JSON.parse(JSON.stringify(scheduleMessage(schedule)).replaceAll(scheduledTime, time));
}
