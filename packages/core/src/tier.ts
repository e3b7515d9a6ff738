import type { ApiOptions } from "./api-plan.ts";
import type { Duration } from "./duration.ts";
import type { JobSpec } from "./job.ts";
import type { SourceOptions } from "./source.ts";

/** A queue of the tier and the worker that empties it. Every field has a default; `{}` is a good queue. */
export interface QueueOptions {
  /** Whether the queue keeps the order within a message group. Default false. */
  readonly fifo?: boolean;
  /** How long SQS keeps a message: 60 seconds to 14 days. Default `"4 days"`. */
  readonly retention?: Duration;
  /** How long the dead-letter queue keeps a message: longer than `retention`, at most 14 days. Default `"14 days"`. */
  readonly deadLetterRetention?: Duration;
  /**
   * Receipts before SQS itself dead-letters a message, the backstop for crashes: at least 3 more than any job type's
   * attempts, at most 1,000. Default: 3 more than twice the most attempts; for FIFO 103 more than them.
   */
  readonly maxReceiveCount?: number;
  /** Other AWS services that send to the queue, beside jobs' own messages. Default none; not for FIFO. */
  readonly sources?: readonly SourceOptions[];
  /**
   * The age of the oldest message at which an alarm goes off: 1 minute to `retention`. Default: 10 minutes more than the
   * worker's timeout. SQS counts from when a message was sent, the time between attempts and in them included, and leaves
   * out what a standard queue has delivered three times:
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
   */
  readonly alarmAfter?: Duration;
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
  readonly ledger?: LedgerOptions;
  readonly api?: ApiOptions;
  /**
   * What encrypts messages at rest: `"sqs"`, a key of SQS's own, which costs nothing; `"kms"`, a key of each stage's own,
   * which only the tier's roles may use: $1 a month, and a request to KMS every 5 minutes for each that sends or receives.
   * Default `"sqs"`. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html
   */
  readonly encryption?: "sqs" | "kms";
  /**
   * What becomes of an input that makes a message of more than 1 MiB, SQS's longest: `"refuse"`, with its size; `"s3"`, it
   * lies in a bucket of each stage's own, and the message says where (a claim check). See `longestClaimBytes`; over HTTP
   * a request has at most 6 MB. Not for jobs that wait longer than SQS can delay them; workers need 512 MB. Default
   * `"refuse"`.
   */
  readonly largeInputs?: "refuse" | "s3";
  readonly monitoring?: MonitoringOptions;
}

/** Alarms and the dashboard. */
export interface MonitoringOptions {
  /** Where alarms are mailed to; AWS asks there first whether that is wanted. Default: nobody is told. */
  readonly email?: string;
  /** Stages that have alarms and a dashboard: $0.10 a month each alarm, $3 the dashboard. Default `["production"]`. */
  readonly stages?: readonly string[];
}

/** What the ledger keeps. */
export interface LedgerOptions {
  /**
   * How long it remembers a job after its last attempt has begun: its state, result and failed attempts, and that it is
   * done, so that ids and keys keep jobs from running twice for as long. Once a day a built-in schedule forgets older
   * ones. At least the longest life of a message (see `longestLifeSeconds`). Default `"30 days"`, or that life when it is
   * longer.
   */
  readonly retention?: Duration;
}

/** Says what the tier is. It is checked when it is planned: see `planTier`. */
export function defineTier<const T extends Tier>(tier: T): T {
  return tier;
}
