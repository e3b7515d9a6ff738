import { type ApiAccess, planApiAccess } from "./api-plan.ts";
import { type LargeInputsPlan, planLargeInputs } from "./claim-plan.ts";
import type { CronEntry } from "./cron-yaml.ts";
import { parseDuration } from "./duration.ts";
import { planEncryption } from "./encryption-plan.ts";
import { errorOfProblems, type Problem, type TendrilError } from "./errors.ts";
import { type JobSpec, jobDefaults } from "./job.ts";
import { type LedgerPlan, planLedger } from "./ledger-plan.ts";
import { queueLinkName } from "./link.ts";
import { type MonitoringPlan, planAlarmAfter, planMonitoring } from "./monitoring-plan.ts";
import { type Report, readSeconds, within } from "./plan-values.ts";
import { planPurge, planSchedules, type SchedulePlan } from "./schedule-plan.ts";
import type { Source } from "./source.ts";
import { planSources } from "./source-plan.ts";
import type { QueueOptions, Tier, WorkerOptions } from "./tier.ts";

/** The tier worked out: every number that AWS will be given. The stacks and the local runtime are two readers of it. */
export interface Plan {
  readonly name: string;
  readonly queues: readonly QueuePlan[];
  readonly ledger: LedgerPlan;
  readonly encryption: "sqs" | "kms";
  readonly largeInputs: LargeInputsPlan;
  readonly monitoring: MonitoringPlan;
  /** Those of cron.yaml, and the built-in ones. */
  readonly schedules: readonly SchedulePlan[];
  /** What other AWS services send to the queues. */
  readonly sources: readonly Source[];
  readonly api: FunctionPlan;
  readonly apiAccess: ApiAccess;
  readonly migrate: FunctionPlan;
}

/** A queue, its dead-letter queue, its worker, and the event source mapping between them. */
export interface QueuePlan {
  readonly name: string;
  readonly fifo: boolean;
  readonly visibilityTimeoutSeconds: number;
  readonly retentionSeconds: number;
  readonly maxReceiveCount: number;
  /** The age of the oldest message at which an alarm goes off. */
  readonly alarmAfterSeconds: number;
  readonly deadLetter: { readonly name: string; readonly retentionSeconds: number };
  readonly worker: FunctionPlan;
  readonly mapping: {
    readonly batchSize: number;
    readonly windowSeconds: number;
    readonly maximumConcurrency: number;
  };
  /** Job types that it carries, in the tier's order. */
  readonly jobTypes: readonly string[];
}

/** A Lambda function. */
export interface FunctionPlan {
  readonly name: string;
  /** Path and export from the project's root, as SST and Lambda name handlers. */
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** A plan, or every reason against it at once. */
export type PlanResult =
  | { readonly kind: "plan"; readonly plan: Plan }
  | { readonly kind: "refused"; readonly problems: readonly Problem[] };

/** What a worker needs after its last job to settle the batch, in seconds. */
export const settleSlackSeconds = 10;

/** Lambda's longest timeout, in seconds. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const longestFunctionSeconds = 900;

const fourteenDaysSeconds = 1_209_600;
const twelveHoursSeconds = 43_200;

/**
 * Receipts that SQS allows a message beyond the most attempts of a job type: its count must leave room to dead-letter a job
 * whose process dies each time, with the reason. The first delivery of all is not counted when its process dies, one
 * delivery is needed to say so, and one is a reserve for a throttled or lost batch.
 */
const spareReceipts = 3;

/**
 * Works a tier out: a pure function. It refuses what AWS would refuse and what would lose jobs, with every reason at
 * once. `schedules` are cron.yaml's entries (see `readCronYaml`), none by default.
 */
export function planTier(tier: Tier, schedules: readonly CronEntry[] = []): PlanResult {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  checkName("name", tier.name, report);
  checkJobs(tier, report);
  const planned = Object.entries(tier.queues).map(([name, options]) => planQueue(tier, name, options, report));
  checkLinkNames(Object.keys(tier.queues), report);
  if (planned.length === 0) {
    report({ where: "queues", given: "none", allowed: "at least one queue", fix: "Write `queues: { jobs: {} }`." });
  }
  const ledger = planLedger(tier, planned, report);
  const plan: Plan = {
    name: tier.name,
    queues: planned.map((queue) => withEnvironment(queue, ledger)),
    ledger,
    encryption: planEncryption(tier, report),
    largeInputs: planLargeInputs(tier, planned, report),
    monitoring: planMonitoring(tier.monitoring, report),
    schedules: [...planSchedules(tier, schedules, report), ...planPurge(tier)],
    sources: planSources(tier, report),
    apiAccess: planApiAccess(tier, report),
    api: {
      name: "api",
      handler: "packages/functions/src/api.handler",
      timeoutSeconds: 29,
      memoryMb: 512,
      environment: { TENDRIL_LEDGER_RETENTION_SECONDS: String(ledger.retentionSeconds) },
    },
    migrate: {
      name: "migrate",
      handler: "packages/functions/src/migrate.handler",
      timeoutSeconds: 300,
      memoryMb: 512,
      environment: {},
    },
  };
  return problems.length === 0 ? { kind: "plan", plan } : { kind: "refused", problems };
}

/** A refusal as one error (`tier_refused`) whose message lists every reason, for those who throw. At least one problem. */
export function refusal(problems: readonly Problem[]): TendrilError {
  return errorOfProblems("tier_refused", problems);
}

/** Gives a queue's worker what it needs to know of the queue and of the ledger. */
function withEnvironment(queue: QueuePlan, ledger: LedgerPlan): QueuePlan {
  const environment = {
    ...queue.worker.environment,
    TENDRIL_MAX_RECEIVE_COUNT: String(queue.maxReceiveCount),
    TENDRIL_LEDGER_RETENTION_SECONDS: String(ledger.retentionSeconds),
  };
  return { ...queue, worker: { ...queue.worker, environment } };
}

function planQueue(tier: Tier, name: string, options: QueueOptions, report: Report): QueuePlan {
  const where = `queues.${name}`;
  const jobs = tier.jobs.filter((job) => job.queue === name);
  const mostAttempts = Math.max(1, ...jobs.map((job) => job.retry.attempts));
  const worker = planWorker(name, options.worker ?? {}, jobs, report);
  const mapping = planMapping(name, options, report);
  const seconds = (option: string, duration: string): number => readSeconds(`${where}.${option}`, duration, report);
  const retentionSeconds = seconds("retention", options.retention ?? "4 days");
  const limits = { retentionSeconds, workerTimeoutSeconds: worker.timeoutSeconds };
  const planned: QueuePlan = {
    name,
    fifo: options.fifo ?? false,
    // AWS's advice: six times the function's timeout, and the window. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    visibilityTimeoutSeconds: 6 * worker.timeoutSeconds + mapping.windowSeconds,
    retentionSeconds,
    // A FIFO queue's deliveries also count while a message waits for an earlier one of its group.
    maxReceiveCount: options.maxReceiveCount ?? (options.fifo ? 100 + mostAttempts : 2 * mostAttempts) + spareReceipts,
    alarmAfterSeconds: planAlarmAfter(`${where}.alarmAfter`, options, limits, report),
    deadLetter: {
      name: `${name}-dead`,
      retentionSeconds: seconds("deadLetterRetention", options.deadLetterRetention ?? "14 days"),
    },
    worker,
    mapping,
    jobTypes: jobs.map((job) => job.type),
  };
  checkQueue(where, planned, mostAttempts, report);
  return planned;
}

function checkQueue(where: string, queue: QueuePlan, mostAttempts: number, report: Report): void {
  checkName(where, queue.name, report);
  within(`${where}.retention`, queue.retentionSeconds, [60, fourteenDaysSeconds], "seconds", report);
  within(
    `${where}.deadLetterRetention`,
    queue.deadLetter.retentionSeconds,
    [60, fourteenDaysSeconds],
    "seconds",
    report,
  );
  within(`${where}.maxReceiveCount`, queue.maxReceiveCount, [1, 1000], "receipts", report);
  if (queue.visibilityTimeoutSeconds > twelveHoursSeconds) {
    report({
      where,
      given: `a visibility timeout of ${queue.visibilityTimeoutSeconds} seconds`,
      allowed: "at most 12 hours",
    });
  }
  if (queue.deadLetter.retentionSeconds <= queue.retentionSeconds) {
    report({
      where: `${where}.deadLetterRetention`,
      given: `${queue.deadLetter.retentionSeconds} seconds`,
      allowed: `more than the queue's retention, ${queue.retentionSeconds} seconds`,
      fix: "A dead letter keeps the age of its message: with less it would vanish before it is read.",
    });
  }
  if (queue.maxReceiveCount < mostAttempts + spareReceipts) {
    report({
      where: `${where}.maxReceiveCount`,
      given: String(queue.maxReceiveCount),
      allowed: `at least ${mostAttempts + spareReceipts}: the most attempts of a job type on it, and ${spareReceipts}`,
      fix: "SQS's own count is the backstop for crashes; Tendril dead-letters after the last attempt, and says why.",
    });
  }
}

function planWorker(queue: string, options: WorkerOptions, jobs: readonly JobSpec[], report: Report): FunctionPlan {
  const where = `queues.${queue}.worker`;
  const fallbackMs = parseDuration(jobDefaults.timeout);
  const longestJobSeconds = Math.ceil(
    Math.max(...jobs.map((job) => job.timeoutMs), jobs.length === 0 ? fallbackMs : 0) / 1000,
  );
  const neededSeconds = longestJobSeconds + settleSlackSeconds;
  const timeoutSeconds =
    options.timeout === undefined
      ? Math.min(neededSeconds, longestFunctionSeconds)
      : readSeconds(`${where}.timeout`, options.timeout, report);
  within(`${where}.timeout`, timeoutSeconds, [1, longestFunctionSeconds], "seconds", report);
  if (timeoutSeconds < neededSeconds) {
    report({
      where: `${where}.timeout`,
      given: `${timeoutSeconds} seconds`,
      allowed: `at least ${neededSeconds} seconds: the longest job timeout on this queue and ${settleSlackSeconds} seconds to settle the batch`,
      fix: `Let no job type on it take longer than ${longestFunctionSeconds - settleSlackSeconds} seconds, or raise the timeout.`,
    });
  }
  const memoryMb = options.memoryMb ?? 512;
  within(`${where}.memoryMb`, memoryMb, [128, 10_240], "MB", report);
  const jobsAtOnce = options.jobsAtOnce ?? 10;
  within(`${where}.jobsAtOnce`, jobsAtOnce, [1, 100], "jobs", report);
  return {
    name: `${queue}-worker`,
    handler: "packages/functions/src/worker.handler",
    timeoutSeconds,
    memoryMb,
    environment: {
      TENDRIL_QUEUE: queue,
      TENDRIL_JOBS_AT_ONCE: String(jobsAtOnce),
      TENDRIL_LONGEST_JOB_SECONDS: String(timeoutSeconds - settleSlackSeconds),
    },
  };
}

function planMapping(queue: string, options: QueueOptions, report: Report): QueuePlan["mapping"] {
  const where = `queues.${queue}.worker`;
  const batchSize = options.worker?.batchSize ?? 10;
  const windowSeconds = readSeconds(`${where}.batchWindow`, options.worker?.batchWindow ?? "0 seconds", report);
  const maximumConcurrency = options.worker?.maximumConcurrency ?? 10;
  within(`${where}.batchSize`, batchSize, [1, options.fifo ? 10 : 10_000], "messages", report);
  within(`${where}.batchWindow`, windowSeconds, [0, options.fifo ? 0 : 300], "seconds", report);
  within(`${where}.maximumConcurrency`, maximumConcurrency, [2, 1000], "batches", report);
  if (batchSize > 10 && windowSeconds < 1 && !options.fifo) {
    report({
      where: `${where}.batchSize`,
      given: `${batchSize} without a window`,
      allowed: "at most 10 without a window",
      fix: 'Set `batchWindow: "1 second"` or more.',
    });
  }
  return { batchSize, windowSeconds, maximumConcurrency };
}

function checkJobs(tier: Tier, report: Report): void {
  const seen = new Set<string>();
  const queues = Object.keys(tier.queues);
  const paths = new Map<string, string>();
  for (const job of tier.jobs) {
    const where = `jobs.${job.type}`;
    const other = job.path === undefined ? undefined : paths.get(job.path);
    if (other !== undefined)
      report({ where: `${where}.path`, given: `the path of ${other}`, allowed: "one of its own" });
    if (job.path !== undefined) paths.set(job.path, job.type);
    if (seen.has(job.type)) report({ where, given: "two job types of this name", allowed: "one" });
    seen.add(job.type);
    if (!queues.includes(job.queue)) {
      report({
        where: `${where}.queue`,
        given: JSON.stringify(job.queue),
        allowed: `a queue of the tier: ${queues.join(", ") || "none"}`,
      });
    }
    within(`${where}.timeout`, job.timeoutMs, [1000, longestFunctionSeconds * 1000], "ms", report);
    within(`${where}.retry.attempts`, job.retry.attempts, [1, 100], "attempts", report);
    within(`${where}.retry.backoff.to`, job.retry.toMs, [job.retry.fromMs, twelveHoursSeconds * 1000], "ms", report);
  }
}

/** Two queues must not share a link: SST's names are the same when they differ in upper and lower case only. */
function checkLinkNames(names: readonly string[], report: Report): void {
  const links = new Map<string, string>();
  for (const name of names) {
    const link = queueLinkName(name).toLowerCase();
    const other = links.get(link);
    if (other !== undefined) {
      report({
        where: `queues.${name}`,
        given: `a name too like ${JSON.stringify(other)}`,
        allowed: "names that differ in letters or digits",
      });
    }
    links.set(link, name);
  }
}

function checkName(where: string, name: string, report: Report): void {
  if (/^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) return;
  report({
    where,
    given: JSON.stringify(name),
    allowed: "1 to 20 lower-case letters, digits and -, beginning with a letter",
    fix: "With the app, the stage and AWS's suffixes a longer name would not fit 64 characters.",
  });
}
