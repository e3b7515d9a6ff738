/** How much of each thing a tier uses in a month: the amounts that are paid for. A pure model; its assumptions are named. */
import { purgeJobType } from "./built-in.ts";
import { callsPerJob, type Way, wayOf } from "./call-budget.ts";
import { hoursPerMonth, minutesOfYear } from "./cost-database.ts";
import type { Plan, QueuePlan } from "./plan.ts";
import type { Tier } from "./tier.ts";

/** What a tier is to do. */
export interface Load {
  /** Jobs a month that come through the API, besides the runs of schedules. */
  readonly jobsPerMonth: number;
  /** How long an attempt takes, its Data API calls included. */
  readonly secondsPerJob: number;
  /** Memory of every worker. Default: each one's of the plan. */
  readonly memoryMb?: number;
  /** Jobs that come in one request of the API, at most 1,000. Default 1. */
  readonly jobsPerRequest?: number;
  /** Whether they come with idempotency keys, which the API notes in the database. Default false. */
  readonly keyed?: boolean;
}

/** What the model takes for granted. */
export const assumptions = {
  /** Of its handler, in the transaction of a job whose effects happen once. A grouped job's are in the batch's one call. */
  statementsPerJob: 1,
  /** Storage requests of the database for a job. */
  ioPerJob: 10,
  /** What the ledger keeps of a job, with its indexes. */
  ledgerBytesPerJob: 1000,
  /** The app's own tables. */
  databaseGb: 1,
  /** What a worker logs for a job: Lambda's own lines, Tendril's two, and its metrics. */
  workerLogBytesPerJob: 2500,
  /** What the API's function and its access log write for a request. */
  apiLogBytesPerRequest: 2000,
  /** How many were done, and how long they took. */
  metricsPerJobType: 2,
  apiSecondsPerRequest: 0.05,
  /** Lambda's pollers of an idle queue, each asking for 20 seconds. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
  pollers: 5,
  pollSeconds: 20,
} as const;

/** What one job type of a queue does in a month. */
export interface JobTraffic {
  readonly jobType: string;
  /** Of the load's jobs: all job types of the tier have as many. */
  readonly jobs: number;
  /** Runs of schedules. */
  readonly runs: number;
  /** How its effects are committed: `at-least-once` does not use the database. */
  readonly way: Way;
}

/** What a queue and its worker do in a month. */
export interface QueueTraffic {
  readonly queue: QueuePlan;
  readonly jobTypes: readonly JobTraffic[];
  /** Jobs and runs of schedules. */
  readonly deliveries: number;
  /** Batches that the worker is invoked with. */
  readonly batches: number;
  /** Calls that enqueue them. */
  readonly sends: number;
  /** Calls of the Data API for jobs that are done at their first delivery. */
  readonly databaseCalls: number;
  /** Requests of the mapping that find nothing. */
  readonly emptyPolls: number;
}

/** What a tier does in a month. */
export interface Traffic {
  readonly queues: readonly QueueTraffic[];
  readonly apiRequests: number;
  /** Calls of the Data API by the API, which notes keys. */
  readonly keyCalls: number;
  /** The minutes of a year in which schedules start jobs that use the database. */
  readonly databaseMinutes: readonly number[];
}

/** Works out what a tier does in a month. No job fails. */
export function trafficOf(tier: Tier, plan: Plan, load: Load): Traffic {
  // A task may have two schedules, whose runs in the same minute are one job.
  const tasks = new Map(plan.schedules.filter(({ enabled }) => enabled).map((schedule) => [schedule.task, schedule]));
  const scheduled = [...tasks.values()].map(({ entry, timezone, jobType }) => ({
    jobType,
    minutes: minutesOfYear({ cron: entry.schedule, timezone }),
  }));
  const runsOf = (type: string): number =>
    total(scheduled.map(({ jobType, minutes }) => (jobType === type ? minutes.length / 12 : 0)));
  const purgeQueue = plan.schedules.find(({ jobType }) => jobType === purgeJobType)?.queue;
  const jobs = load.jobsPerMonth / Math.max(1, tier.jobs.length);
  const queues = plan.queues.map((queue) => {
    const types = queue.jobTypes.map((jobType) => ({ jobType, jobs }));
    if (queue.name === purgeQueue) types.push({ jobType: purgeJobType, jobs: 0 });
    return queueTraffic(
      queue,
      types.map((type) => ({
        ...type,
        runs: runsOf(type.jobType),
        way: wayOfType(tier, type.jobType, queue.fifo),
      })),
      load,
    );
  });
  const ofDatabase = scheduled.filter(({ jobType }) => wayOfType(tier, jobType, false) !== "at-least-once");
  const apiRequests = load.jobsPerMonth / (load.jobsPerRequest ?? 1);
  const keyCalls = load.keyed === true ? apiRequests : 0;
  return { queues, apiRequests, keyCalls, databaseMinutes: ofDatabase.flatMap(({ minutes }) => minutes) };
}

function wayOfType(tier: Tier, jobType: string, fifo: boolean): Way {
  const spec = tier.jobs.find(({ type }) => type === jobType);
  return spec === undefined ? "exactly-once" : wayOf(spec, fifo);
}

function queueTraffic(queue: QueuePlan, jobTypes: readonly JobTraffic[], load: Load): QueueTraffic {
  const deliveries = total(jobTypes.map(({ jobs, runs }) => jobs + runs));
  const { batchSize, windowSeconds } = queue.mapping;
  const perWindow = (deliveries * windowSeconds) / (hoursPerMonth * 3600);
  // Jobs that come evenly come alone, but for those of one window.
  const batches = deliveries / Math.min(batchSize, Math.max(1, perWindow));
  const jobsPerSend = Math.min(10, load.jobsPerRequest ?? 1);
  return {
    queue,
    jobTypes,
    deliveries,
    batches,
    sends: total(jobTypes.map(({ jobs, runs }) => jobs / jobsPerSend + runs)),
    databaseCalls: databaseCalls(jobTypes, batches),
    emptyPolls: (assumptions.pollers * hoursPerMonth * 3600) / assumptions.pollSeconds,
  };
}

function databaseCalls(jobTypes: readonly JobTraffic[], batches: number): number {
  const deliveriesOf = (way: Way): number =>
    total(jobTypes.map((type) => (type.way === way ? type.jobs + type.runs : 0)));
  const grouped = deliveriesOf("grouped");
  const perGrouped = callsPerJob("grouped", "done", Math.max(1, grouped / batches));
  const perOther = callsPerJob("exactly-once", "done", 1);
  return (
    (grouped === 0 ? 0 : grouped * perGrouped.database) +
    deliveriesOf("exactly-once") * (perOther.database + assumptions.statementsPerJob)
  );
}

/** The share of the month's hours in which a job type has something to do: jobs come at random, runs each in an hour of its own. */
export function busyShare({ jobs, runs }: JobTraffic): number {
  return 1 - Math.exp(-jobs / hoursPerMonth) * (1 - Math.min(1, runs / hoursPerMonth));
}

/** The sum of some numbers. */
export function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
