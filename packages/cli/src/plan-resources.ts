/** The resources that a tier becomes on AWS, for people: what is worth to know of each. */
import { databaseOf } from "@tendril/core/cost-database";
import { wordDuration } from "@tendril/core/duration";
import type { FunctionPlan, Plan, QueuePlan } from "@tendril/core/plan";
import { sourceResources } from "./plan-sources.ts";

/** Something that would be made. */
export interface PlannedResource {
  readonly kind:
    | "queue"
    | "dead letters"
    | "function"
    | "mapping"
    | "schedule group"
    | "schedule"
    | "HTTP API"
    | "database"
    | "secret"
    | "network"
    | "DNS zone"
    | "log group"
    | "key"
    | "subscription"
    | "event bus"
    | "rule"
    | "bucket"
    | "notification"
    | "stream"
    | "pipe"
    | "topic"
    | "alarm"
    | "dashboard";
  /** In the plan; on AWS it stands between the app's name, the stage and what makes it unique. */
  readonly name: string;
  readonly text: string;
}

/** Everything that `sst deploy` would make of a plan in a stage and that does something or costs something. */
export function resourcesOf(plan: Plan, stage: string): PlannedResource[] {
  const functions = [...plan.queues.map(({ worker }) => worker), plan.api, plan.migrate];
  return [
    ...plan.queues.flatMap(queueResources),
    { kind: "dead letters", name: "schedule-failures", text: "what Scheduler could not send, kept 14 d" },
    ...functions.map((each) => functionResource(each)),
    ...plan.queues.map(mappingResource),
    ...scheduleResources(plan),
    { kind: "HTTP API", name: "api", text: apiText(plan) },
    ...databaseResources(plan, stage),
    ...sourceResources(plan.sources),
    ...largeInputsResources(plan),
    ...(plan.encryption === "kms"
      ? [{ kind: "key", name: "messages", text: "encrypts every queue; only the tier's roles may use it" } as const]
      : []),
    ...[...functions.map(({ name }) => name), "api-access"].map(logGroup),
    ...(plan.monitoring.stages.includes(stage) ? monitoringResources(plan) : []),
  ];
}

function largeInputsResources({ largeInputs }: Plan): PlannedResource[] {
  if (largeInputs.kind === "refuse") return [];
  const text = `inputs that are too large for a message, kept ${largeInputs.expiryDays} d`;
  return [{ kind: "bucket", name: "large-inputs", text }];
}

function logGroup(name: string): PlannedResource {
  return { kind: "log group", name, text: "JSON, kept a month" };
}

/** The alarms of stacks/monitoring.ts. */
function monitoringResources({ queues, schedules, sources, monitoring }: Plan): PlannedResource[] {
  const alarm = (name: string, text: string): PlannedResource => ({ kind: "alarm", name, text });
  const groups = [...(schedules.length > 0 ? ["schedules"] : []), "jobs that wait"];
  return [
    { kind: "topic", name: "alarms", text: "tells whoever subscribes to it" },
    ...(monitoring.email === undefined
      ? []
      : [{ kind: "subscription", name: "alarms", text: `mails to ${monitoring.email}` } as const]),
    ...(sources.length === 0 ? [] : [alarm("source-failures", "a message that a source could not send")]),
    ...queues.flatMap(({ name, alarmAfterSeconds }) => [
      alarm(name, "a dead letter"),
      alarm(name, `a message older than ${alarmAfterSeconds} s`),
      alarm(name, "the worker fails"),
      alarm(name, "the worker is throttled for 15 min"),
    ]),
    ...groups.flatMap((group) => [
      alarm(group, "a run was dropped"),
      alarm(group, "a run is lost"),
      alarm(group, "SQS takes no messages for 15 min"),
    ]),
    alarm("schedule-failures", "a message that could not be sent"),
    alarm("api", "it answers 5xx"),
    alarm("database", "at 90 % of its most ACUs for 15 min"),
    { kind: "dashboard", name: "dashboard", text: "depth, age, process time, outcomes, concurrency, ACUs" },
  ];
}

function queueResources(queue: QueuePlan): PlannedResource[] {
  const { name, fifo, retentionSeconds, deadLetter, jobTypes } = queue;
  const kept = (seconds: number): string => `keeps messages ${wordDuration(seconds * 1000)}`;
  const carried = jobTypes.length === 0 ? "no job type" : jobTypes.join(", ");
  return [
    { kind: "queue", name, text: `${fifo ? "FIFO" : "standard"}, ${kept(retentionSeconds)}; ${carried}` },
    { kind: "dead letters", name: deadLetter.name, text: kept(deadLetter.retentionSeconds) },
  ];
}

function functionResource({ name, handler, memoryMb, timeoutSeconds }: FunctionPlan): PlannedResource {
  return { kind: "function", name, text: `${memoryMb} MB, ${timeoutSeconds} s, arm64, nodejs24.x: ${handler}` };
}

function mappingResource({ name, worker, mapping }: QueuePlan): PlannedResource {
  const { batchSize, windowSeconds, maximumConcurrency } = mapping;
  const gathered = windowSeconds === 0 ? "" : ` gathered for ${windowSeconds} s`;
  const text = `to ${worker.name}: batches of up to ${batchSize}${gathered}, ${maximumConcurrency} at once`;
  return { kind: "mapping", name, text };
}

function scheduleResources({ schedules }: Plan): PlannedResource[] {
  const waiting = {
    kind: "schedule group",
    name: "jobs that wait",
    text: "one-time schedules, for more than 15 minutes",
  } as const;
  if (schedules.length === 0) return [waiting];
  return [
    { kind: "schedule group", name: "schedules", text: "cron.yaml, and what is built in" },
    ...schedules.map(({ name: schedule, expression, timezone, enabled, jobType, queue }): PlannedResource => {
      const text = `${expression} ${timezone}: ${jobType} to ${queue}${enabled ? "" : ", switched off"}`;
      return { kind: "schedule", name: schedule, text };
    }),
    waiting,
  ];
}

const callers = {
  iam: "callers sign with AWS credentials",
  token: "callers have the secret ApiToken",
  jwt: "callers have a token of the issuer",
} as const;

function apiText({ apiAccess: { auth, origins, throttle } }: Plan): string {
  const sites = origins.length === 0 ? "no web site" : origins.join(", ");
  return `${callers[auth.kind]}; ${throttle.rate} requests a second, ${throttle.burst} at once; ${sites} may call it`;
}

function databaseResources({ name }: Plan, stage: string): PlannedResource[] {
  const { minimumAcu, maximumAcu, pauseAfterSeconds } = databaseOf(stage);
  const sleeps = minimumAcu > 0 ? "never sleeps" : `sleeps after ${wordDuration(pauseAfterSeconds * 1000)}`;
  return [
    {
      kind: "database",
      name: name.replaceAll("-", "_"),
      text: `Aurora PostgreSQL 17, Data API, ${minimumAcu} to ${maximumAcu} ACU, ${sleeps}`,
    },
    { kind: "secret", name: "database-password", text: "only the Data API reads it" },
    { kind: "network", name: "vpc", text: "private subnets for the database alone: no NAT, no function inside" },
    { kind: "DNS zone", name: "sst", text: "comes with SST's network; nothing uses it" },
  ];
}
