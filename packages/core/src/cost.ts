/** What a tier costs a month, at the prices of prices.ts: amounts by cost-traffic.ts, whose assumptions hold. */
import { type DatabaseCapacity, databaseUse, hoursPerMonth } from "./cost-database.ts";
import { assumptions, busyShare, type JobTraffic, type Load, type Traffic, total, trafficOf } from "./cost-traffic.ts";
import type { Plan } from "./plan.ts";
import { type PriceName, priceOf } from "./prices.ts";
import type { Tier } from "./tier.ts";

/** Something that is paid for. */
export interface CostLine {
  /** What it is, for people. */
  readonly item: string;
  /** How much of the price's unit a month. */
  readonly amount: number;
  readonly price: PriceName;
  readonly usd: number;
}

/** What a month costs. */
export interface Cost {
  readonly lines: readonly CostLine[];
  /** The sum of the lines. */
  readonly usd: number;
}

/** A tier's cost, and what of the model stands behind it. */
export interface TierCost extends Cost {
  /** Hours of the month in which the database does not sleep. */
  readonly awakeHours: number;
  /** Runs of schedules a month. */
  readonly runs: number;
}

/** What a stage has that the plan does not say. */
export interface StageFacts {
  readonly database: DatabaseCapacity;
  readonly alarms: number;
  readonly dashboards: number;
}

/** A line: so much of something at its price. */
export function costLine(item: string, amount: number, price: PriceName): CostLine {
  const { usd, per } = priceOf(price);
  return { item, amount, price, usd: (amount / per) * usd };
}

/** Lines with their sum. */
export function sumOf(lines: readonly CostLine[]): Cost {
  return { lines, usd: total(lines.map(({ usd }) => usd)) };
}

/** What a tier costs a month under a load. With no jobs at all that is the price of being there: schedules run, queues are polled. */
export function costOfTier(tier: Tier, plan: Plan, load: Load, stage: StageFacts): TierCost {
  const traffic = trafficOf(tier, plan, load);
  const runs = total(jobTypesOf(traffic).map((type) => type.runs));
  const database = costOfDatabase(plan, load, traffic, stage.database);
  const cost = sumOf([
    ...costOfFunctions(plan, load, traffic),
    ...costOfQueues(traffic),
    costLine("HTTP API, requests", traffic.apiRequests, "apiRequests"),
    costLine("EventBridge Scheduler, runs", runs, "scheduleRuns"),
    ...database.lines,
    // SST's VPC comes with a name space of Cloud Map, which is a private hosted zone.
    costLine("Route 53, the network's zone", 1, "hostedZones"),
    ...costOfKey(plan),
    ...costOfStreams(plan),
    ...costOfWatching(traffic, stage),
  ]);
  return { ...cost, awakeHours: database.awakeHours, runs };
}

const jobTypesOf = ({ queues }: Traffic): JobTraffic[] => queues.flatMap(({ jobTypes }) => [...jobTypes]);

function costOfFunctions(plan: Plan, load: Load, { queues, apiRequests }: Traffic): CostLine[] {
  const gbSeconds = queues.map(
    ({ queue, deliveries }) => deliveries * load.secondsPerJob * ((load.memoryMb ?? queue.worker.memoryMb) / 1024),
  );
  const apiGbSeconds = apiRequests * assumptions.apiSecondsPerRequest * (plan.api.memoryMb / 1024);
  return [
    costLine("Lambda, workers: batches", total(queues.map(({ batches }) => batches)), "lambdaRequests"),
    costLine("Lambda, workers: time", total(gbSeconds), "lambdaGbSeconds"),
    costLine("Lambda, API: requests", apiRequests, "lambdaRequests"),
    costLine("Lambda, API: time", apiGbSeconds, "lambdaGbSeconds"),
  ];
}

/** Lambda receives and deletes up to ten messages in a request. */
function costOfQueues({ queues }: Traffic): CostLine[] {
  return queues.flatMap(({ queue, deliveries, batches, sends, emptyPolls }) => {
    const price = queue.fifo ? "sqsFifoRequests" : "sqsRequests";
    const requests = sends + 2 * Math.max(batches, deliveries / 10);
    return [
      costLine(`SQS, ${queue.name}: messages`, requests, price),
      costLine(`SQS, ${queue.name}: idle polls`, emptyPolls, price),
    ];
  });
}

function costOfDatabase(plan: Plan, load: Load, traffic: Traffic, database: DatabaseCapacity) {
  const types = jobTypesOf(traffic).filter(({ way }) => way !== "at-least-once");
  const jobs = total(types.map((type) => type.jobs));
  const deliveries = jobs + total(types.map((type) => type.runs));
  const calls = total(traffic.queues.map((queue) => queue.databaseCalls)) + traffic.keyCalls;
  const use = databaseUse(database, {
    // A key wakes it for a job that does not use it otherwise.
    jobsPerMonth: Math.max(jobs, traffic.keyCalls),
    secondsPerJob: load.secondsPerJob,
    callsPerMonth: calls,
    scheduledMinutes: traffic.databaseMinutes,
  });
  const monthsKept = plan.ledger.retentionSeconds / (30 * 86_400);
  const ledgerGb = (deliveries * monthsKept * assumptions.ledgerBytesPerJob) / 1e9;
  const lines = [
    costLine("Aurora, capacity while awake", use.acuHours, "acuHours"),
    costLine("Aurora, storage", assumptions.databaseGb + ledgerGb, "auroraStorage"),
    costLine("Aurora, I/O", deliveries * assumptions.ioPerJob, "auroraIo"),
    costLine("RDS Data API, calls", calls, "dataApiCalls"),
    costLine("Secrets Manager", 1, "secrets"),
  ];
  return { lines, awakeHours: use.awakeHours };
}

/** At most: SQS asks for a data key every five minutes for each that sends or receives, the API, the worker and Scheduler. */
function costOfKey({ encryption, queues }: Plan): CostLine[] {
  if (encryption === "sqs") return [];
  const requests = queues.length * 3 * hoursPerMonth * 12;
  return [costLine("KMS, the messages' key", 1, "keys"), costLine("KMS, requests", requests, "keyRequests")];
}

/** The streams that the deployment makes. What sources bring, and what their services take for it, is not known here. */
function costOfStreams({ sources }: Plan): CostLine[] {
  const given = sources.flatMap((source) => (source.from === "kinesis" ? [source.stream] : []));
  const made = new Set(given.filter((stream) => !stream.startsWith("arn:")));
  return made.size === 0 ? [] : [costLine("Kinesis, streams", made.size * hoursPerMonth, "streamHours")];
}

/** Logs are kept for a month, so that as much is stored as comes in one. A metric is paid for by the hour in which it has a value. */
function costOfWatching(traffic: Traffic, { alarms, dashboards }: StageFacts): CostLine[] {
  const deliveries = total(traffic.queues.map((queue) => queue.deliveries));
  const logBytes =
    deliveries * assumptions.workerLogBytesPerJob + traffic.apiRequests * assumptions.apiLogBytesPerRequest;
  const metrics = jobTypesOf(traffic).map((type) => assumptions.metricsPerJobType * busyShare(type));
  return [
    costLine("CloudWatch, logs taken in", logBytes / 1e9, "logsIngested"),
    costLine("CloudWatch, logs kept a month", logBytes / 1e9, "logsStored"),
    costLine("CloudWatch, metrics", total(metrics), "metrics"),
    costLine("X-Ray, traces", tracesOf(traffic), "traces"),
    ...(alarms > 0 ? [costLine("CloudWatch, alarms", alarms, "alarms")] : []),
    ...(dashboards > 0 ? [costLine("CloudWatch, dashboard", dashboards, "dashboards")] : []),
  ];
}

/** Lambda traces the first invocation of each second and one in twenty of the others: of the API, and of the workers. */
function tracesOf({ queues, apiRequests }: Traffic): number {
  const sampled = (invocations: number): number => {
    const first = Math.min(invocations, hoursPerMonth * 3600);
    return first + (invocations - first) / 20;
  };
  return sampled(apiRequests) + total(queues.map(({ batches }) => sampled(batches)));
}
