import type { SQSClient } from "@aws-sdk/client-sqs";
import type { JobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import type { Plan } from "@tendril/core/plan";
import { isFifo } from "../send-parameters.ts";
import { queueUnknown } from "../sender.ts";
import {
  type DeadChoice,
  type DeadDesk,
  type DeadLetterList,
  type DeadSettlement,
  dropDeadLetters,
  listDeadLetters,
  redriveDeadLetters,
  retryDead,
} from "./dead-operations.ts";
import type { Mappings } from "./mappings.ts";
import { type QueueCounts, queueCounts } from "./queue-counts.ts";
import { runSchedule, type ScheduledRun, type ScheduleState, scheduleStates } from "./schedules.ts";

/** A queue as it stands. */
export interface QueueState extends QueueCounts {
  readonly name: string;
  readonly fifo: boolean;
  /** Undefined when it is not known: Lambda changes it just now, or did not say. */
  readonly paused: boolean | undefined;
}

/**
 * A tier's queues, dead letters and schedules, for those who operate it. Every function that is given a queue's name
 * rejects with `queue_unknown` for any other, and all with `aws_call_failed` and `rate_limited` when AWS does not do it.
 */
export interface Operations {
  queues(): Promise<QueueState[]>;
  queue(name: string): Promise<QueueState>;
  /** Up to `limit` dead letters, about the oldest. */
  deadLetters(queue: string, limit: number): Promise<DeadLetterList>;
  redrive(queue: string, choice: DeadChoice): Promise<DeadSettlement>;
  drop(queue: string, choice: DeadChoice): Promise<DeadSettlement>;
  /** Sends a dead job back to the queue that its letter came from. Error: `dead_letter_missing`. */
  retryDead(queue: string, jobId: JobId): Promise<void>;
  /** What is running goes on to its end; jobs may be enqueued all the time. */
  pause(queue: string): Promise<void>;
  resume(queue: string): Promise<void>;
  /** In the plan's order, with the next five runs of each. Errors: those of the plan. */
  schedules(): Promise<ScheduleState[]>;
  /** Sends a schedule's message now. Error: `schedule_unknown`, and those of the plan. */
  runSchedule(name: string): Promise<ScheduledRun>;
}

/** What `createOperations` takes. The SDK's client stays the caller's to destroy. */
export interface OperationsOptions {
  readonly sqs: SQSClient;
  /** Links of the queues by the tier's names for them. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** The tier's plan, with its schedules; asked for when it is needed, each time. */
  readonly plan: () => Promise<Plan>;
  readonly mappings: Mappings;
  /** How long work on dead letters may take. Default: 20,000 ms. */
  readonly budgetMs?: number;
  /** Milliseconds since 1970. Default: the machine's time. */
  readonly now?: () => number;
}

/** Makes the operations of a tier. */
export function createOperations(options: OperationsOptions): Operations {
  const { sqs, queues, plan, mappings, budgetMs, now = Date.now } = options;
  const names = Object.keys(queues);
  const linkOf = (name: string): QueueLink => {
    const link = Object.hasOwn(queues, name) ? queues[name] : undefined;
    if (link === undefined) throw queueUnknown(name, names, "path");
    return link;
  };
  const queue = async (name: string): Promise<QueueState> => {
    const link = linkOf(name);
    const [counts, paused] = await Promise.all([
      queueCounts(sqs, name, link),
      mappings.paused(name).catch(() => undefined), // the counts are worth having without it
    ]);
    return { name, fifo: isFifo(link), ...counts, paused };
  };
  const desk = async (name: string): Promise<DeadDesk> => {
    const { url, deadLetterUrl } = linkOf(name);
    const { queues: planned, sources } = await plan();
    const of = {
      name,
      fifo: isFifo({ url, deadLetterUrl }),
      url,
      deadLetterUrl,
      maxReceiveCount: planned.find((each) => each.name === name)?.maxReceiveCount,
      sources: sources.filter((source) => source.queue === name),
    };
    return { sqs, queue: of, now, ...(budgetMs === undefined ? {} : { budgetMs }) };
  };
  return {
    queue,
    queues: () => Promise.all(names.map(queue)),
    deadLetters: async (name, limit) => listDeadLetters(await desk(name), limit),
    redrive: async (name, choice) => redriveDeadLetters(await desk(name), choice),
    drop: async (name, choice) => dropDeadLetters(await desk(name), choice),
    retryDead: async (name, jobId) => retryDead(await desk(name), jobId),
    pause: async (name) => mappings.setPaused(known(name), true),
    resume: async (name) => mappings.setPaused(known(name), false),
    schedules: async () => scheduleStates((await plan()).schedules, now()),
    runSchedule: async (name) => runSchedule(name, { plans: (await plan()).schedules, sqs, queues, nowMs: now() }),
  };

  function known(name: string): string {
    linkOf(name);
    return name;
  }
}
