import type { Duration } from "./duration.ts";
import type { JobSpec } from "./job.ts";

/** A queue of the tier and the worker that empties it. Every field has a default; `{}` is a good queue. */
export interface QueueOptions {
  /** Whether the queue keeps the order within a message group. Default false. */
  readonly fifo?: boolean;
  /** How long SQS keeps a message: 60 seconds to 14 days. Default `"4 days"`. */
  readonly retention?: Duration;
  /** How long the dead-letter queue keeps a message: longer than `retention`, at most 14 days. Default `"14 days"`. */
  readonly deadLetterRetention?: Duration;
  /** Receipts before SQS itself dead-letters a message, the backstop for crashes: 1 to 1,000, more than any job type's attempts. Default: twice the most attempts, for FIFO 100 more than them. */
  readonly maxReceiveCount?: number;
  readonly worker?: WorkerOptions;
}

/** The function that runs a queue's jobs. */
export interface WorkerOptions {
  /** Megabytes: 128 to 10,240. Default 512. */
  readonly memoryMb?: number;
  /** The function's timeout: at least the longest job timeout of its queue and 10 seconds, at most 15 minutes. Default: just that. */
  readonly timeout?: Duration;
  /** Messages a batch: 1 to 10,000 (FIFO: 10); more than 10 need a window. Default 10. */
  readonly batchSize?: number;
  /** How long a batch may be gathered: 0 to 300 seconds, not for FIFO. Default `"0 seconds"`. */
  readonly batchWindow?: Duration;
  /** Batches at the same time: 2 to 1,000. Default 10. */
  readonly maximumConcurrency?: number;
  /** Jobs of one batch at the same time: 1 to 100. Default 10. */
  readonly jobsAtOnce?: number;
}

/** The whole tier: queues, job types, and where their parts are in the project. */
export interface Tier {
  /** 1 to 20 lower-case letters, digits and `-`: the app's name on AWS. */
  readonly name: string;
  /** Queues by name: 1 to 20 lower-case letters, digits and `-`. */
  readonly queues: Readonly<Record<string, QueueOptions>>;
  readonly jobs: readonly JobSpec[];
  /** cron.yaml, from the project's root. Default none. */
  readonly cron?: string;
}

/** Says what the tier is. It is checked when it is planned: see `planTier`. */
export function defineTier<const T extends Tier>(tier: T): T {
  return tier;
}
