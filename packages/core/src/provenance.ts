/** Where each number of a plan comes from. */
import { claimedLifeSeconds } from "./claim-plan.ts";
import { wordDuration } from "./duration.ts";
import { type JobSpec, jobDefaults } from "./job.ts";
import { longestLifeSeconds } from "./ledger-plan.ts";
import { type FunctionPlan, type Plan, type QueuePlan, settleSlackSeconds } from "./plan.ts";
import type { QueueOptions, Tier, WorkerOptions } from "./tier.ts";

/** A number of the plan, and why it is what it is. */
export interface NumberOrigin {
  /** What has it, e.g. `queue jobs`. */
  readonly of: string;
  /** Where it stands: queues, workers and schedules by name, e.g. `queues.jobs.visibilityTimeoutSeconds`. */
  readonly path: string;
  /** In words, e.g. `visibility timeout`. */
  readonly label: string;
  readonly value: number;
  readonly unit: "seconds" | "MB" | "receipts" | "messages" | "batches" | "jobs" | "attempts" | "requests" | "days";
  /** Said by the tier or cron.yaml; what Tendril does when they say nothing; worked out of others; never another one. */
  readonly source: "option" | "default" | "derived" | "fixed";
  /** The option, or how it is worked out. */
  readonly how: string;
}

type Reason = Pick<NumberOrigin, "source" | "how">;

/** Every number of a plan, in its order, with where it comes from. `tier` is what the plan was made of. */
export function originsOf(tier: Tier, plan: Plan): NumberOrigin[] {
  return [
    ...plan.queues.flatMap((queue) => queueOrigins(tier, queue)),
    ...functionOrigins(plan.api, "api"),
    ...throttleOrigins(tier, plan),
    ...functionOrigins(plan.migrate, "migrate"),
    ledgerOrigin(tier, plan),
    ...largeInputsOrigins(plan),
    ...plan.schedules.flatMap(scheduleOrigins),
  ];
}

function queueOrigins(tier: Tier, queue: QueuePlan): NumberOrigin[] {
  const { name, worker, mapping, deadLetter } = queue;
  const options: QueueOptions = tier.queues[name] ?? {};
  const jobs = tier.jobs.filter((job) => job.queue === name);
  const where = `queues.${name}`;
  const number = numbersOf(`queue ${name}`, where);
  const said = (option: keyof QueueOptions, otherwise: Reason = byDefault): Reason =>
    options[option] === undefined ? otherwise : fromOption(`${where}.${option}`, options[option]);
  const visibility = derived(`6 × function timeout ${worker.timeoutSeconds} s + window ${mapping.windowSeconds} s`);
  const receipts = said("maxReceiveCount", derived(receiptsFormula(queue, jobs)));
  const alarm = said("alarmAfter", derived(alarmFormula(queue)));
  const deadRetention = said("deadLetterRetention");
  return [
    number("visibilityTimeoutSeconds", "visibility timeout", [queue.visibilityTimeoutSeconds, "seconds"], visibility),
    number("retentionSeconds", "retention", [queue.retentionSeconds, "seconds"], said("retention")),
    number("maxReceiveCount", "receipts before SQS dead-letters", [queue.maxReceiveCount, "receipts"], receipts),
    number("alarmAfterSeconds", "age of a message that alarms", [queue.alarmAfterSeconds, "seconds"], alarm),
    number(
      "deadLetter.retentionSeconds",
      "retention of dead letters",
      [deadLetter.retentionSeconds, "seconds"],
      deadRetention,
    ),
    ...workerOrigins(queue, { options: options.worker ?? {}, jobs }),
  ];
}

function workerOrigins(
  { name, worker, mapping }: QueuePlan,
  { options, jobs }: { options: WorkerOptions; jobs: readonly JobSpec[] },
): NumberOrigin[] {
  const where = `queues.${name}`;
  const said = (option: keyof WorkerOptions, otherwise: Reason = byDefault): Reason =>
    options[option] === undefined ? otherwise : fromOption(`${where}.worker.${option}`, options[option]);
  const ofWorker = numbersOf(`function ${worker.name}`, `${where}.worker`);
  const ofMapping = numbersOf(`mapping of ${name}`, `${where}.mapping`);
  const timeout = said("timeout", derived(timeoutFormula(jobs)));
  const atOnce = Number(worker.environment.TENDRIL_JOBS_AT_ONCE);
  const { batchSize, windowSeconds, maximumConcurrency } = mapping;
  return [
    ofWorker("timeoutSeconds", "function timeout", [worker.timeoutSeconds, "seconds"], timeout),
    ofWorker("memoryMb", "memory", [worker.memoryMb, "MB"], said("memoryMb")),
    ofWorker("environment.TENDRIL_JOBS_AT_ONCE", "jobs of a batch at once", [atOnce, "jobs"], said("jobsAtOnce")),
    ofMapping("batchSize", "batch size", [batchSize, "messages"], said("batchSize")),
    ofMapping("windowSeconds", "batch window", [windowSeconds, "seconds"], said("batchWindow")),
    ofMapping("maximumConcurrency", "batches at once", [maximumConcurrency, "batches"], said("maximumConcurrency")),
  ];
}

function alarmFormula({ alarmAfterSeconds, retentionSeconds, worker }: QueuePlan): string {
  if (alarmAfterSeconds === retentionSeconds) return "the queue's retention";
  return `${alarmAfterSeconds - worker.timeoutSeconds} s + function timeout ${worker.timeoutSeconds} s`;
}

/** The job type with the longest timeout decides. */
function timeoutFormula(jobs: readonly JobSpec[]): string {
  const [first, ...others] = jobs;
  if (first === undefined) return `a job's default timeout ${jobDefaults.timeout} + ${settleSlackSeconds} s to settle`;
  const longest = others.reduce((most, job) => (job.timeoutMs > most.timeoutMs ? job : most), first);
  const seconds = Math.ceil(longest.timeoutMs / 1000);
  return `longest job timeout ${seconds} s (${longest.type}) + ${settleSlackSeconds} s to settle`;
}

/** The job type with the most attempts decides. */
function receiptsFormula({ fifo, maxReceiveCount }: QueuePlan, jobs: readonly JobSpec[]): string {
  const [first, ...others] = jobs;
  const most = first && others.reduce((top, job) => (job.retry.attempts > top.retry.attempts ? job : top), first);
  const attempts = most?.retry.attempts ?? 1;
  const counted = fifo ? 100 + attempts : 2 * attempts;
  const by = most === undefined ? "" : ` (${most.type})`;
  return `${fifo ? "100 + " : "2 × "}most attempts ${attempts}${by} + ${maxReceiveCount - counted} to spare`;
}

function functionOrigins({ name, timeoutSeconds, memoryMb }: FunctionPlan, path: "api" | "migrate"): NumberOrigin[] {
  const number = numbersOf(`function ${name}`, path);
  const timeout = path === "api" ? "a second less than API Gateway waits, 30 s" : "fixed";
  return [
    number("timeoutSeconds", "function timeout", [timeoutSeconds, "seconds"], fixed(timeout)),
    number("memoryMb", "memory", [memoryMb, "MB"], fixed("fixed")),
  ];
}

function throttleOrigins({ api }: Tier, { apiAccess }: Plan): NumberOrigin[] {
  const { rate, burst } = apiAccess.throttle;
  const number = numbersOf("HTTP API", "apiAccess.throttle");
  const said = (option: "rate" | "burst"): Reason => {
    const value = api?.throttle?.[option];
    return value === undefined ? byDefault : fromOption(`api.throttle.${option}`, value);
  };
  return [
    number("rate", "requests a second", [rate, "requests"], said("rate")),
    number("burst", "requests at once", [burst, "requests"], said("burst")),
  ];
}

function ledgerOrigin(tier: Tier, { ledger, queues }: Plan): NumberOrigin {
  const option = tier.ledger?.retention;
  const longest = Math.max(0, ...queues.map(longestLifeSeconds));
  const life = derived(`the longest life of a message, ${wordDuration(longest * 1000)}`);
  const otherwise = ledger.retentionSeconds === longest ? life : byDefault;
  const reason = option === undefined ? otherwise : fromOption("ledger.retention", option);
  const number = numbersOf("ledger", "ledger");
  return number("retentionSeconds", "retention of jobs", [ledger.retentionSeconds, "seconds"], reason);
}

function largeInputsOrigins({ largeInputs, queues }: Plan): NumberOrigin[] {
  if (largeInputs.kind === "refuse") return [];
  const seconds = Math.max(...queues.map(claimedLifeSeconds));
  const how = `twice the longest life of a message with a dead letter sent anew, ${wordDuration(seconds * 1000)}`;
  const number = numbersOf("large inputs", "largeInputs");
  return [number("expiryDays", "removed from S3 after", [largeInputs.expiryDays, "days"], derived(how))];
}

function scheduleOrigins({ name, entry, retry }: Plan["schedules"][number]): NumberOrigin[] {
  const number = numbersOf(`schedule ${name}`, `schedules.${name}.retry`);
  const missed: Reason = { source: "option", how: `missed, in cron.yaml line ${entry.line}` };
  const age = entry.missedWithinSeconds === undefined ? byDefault : missed;
  const attempts = fixed("the most that Scheduler makes");
  return [
    number("maximumAgeSeconds", "a missed run is tried for", [retry.maximumAgeSeconds, "seconds"], age),
    number("attempts", "attempts to send a run", [retry.attempts, "attempts"], attempts),
  ];
}

/** Makes the origins of what `of` has at `where`. */
function numbersOf(of: string, where: string) {
  return (
    path: string,
    label: string,
    [value, unit]: readonly [number, NumberOrigin["unit"]],
    reason: Reason,
  ): NumberOrigin => ({ of, path: `${where}.${path}`, label, value, unit, ...reason });
}

const byDefault: Reason = { source: "default", how: "default" };

function fixed(how: string): Reason {
  return { source: "fixed", how };
}

function derived(how: string): Reason {
  return { source: "derived", how };
}

function fromOption(option: string, value: unknown): Reason {
  return { source: "option", how: `${option}: ${JSON.stringify(value)}` };
}
