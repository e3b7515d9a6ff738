/** What a client is, whatever it sends over: types alone, so that a browser's bundle holds nothing of AWS for them. */
import type { TendrilError } from "@tendril/core/errors";
import type { InputOf, JobSpec } from "@tendril/core/job";
import type { JobId } from "@tendril/core/job-id";
import type { JobRecord } from "@tendril/core/job-record";
import type { WaitOptions } from "./wait-options.ts";

/** Sends jobs, and says how they stand: over SQS (`createClient`) or over HTTP (`createHttpClient`). */
export interface Client {
  /**
   * Sends one job and answers with its id, once AWS has it.
   *
   * Errors: `input_invalid` (the schema refuses the input, or JSON cannot carry it), `body_too_large` (more than 1 MiB,
   * or with a bucket for large inputs 32 MiB, 6 MB over HTTP; 256 KiB for a job that waits longer than SQS can delay it), `duration_invalid` (the delay or time), `queue_unknown`,
   * `link_missing` (a job that waits, and no `later`), and `aws_call_failed`, after which AWS may have the job all the
   * same: sent again with the same id or key it still takes effect once. Over HTTP also what the API answers, such as
   * `unauthorized`, `rate_limited` or `key_conflict`, and `request_failed` when it does not answer.
   */
  enqueue<Spec extends JobSpec>(spec: Spec, input: InputOf<Spec>, options?: EnqueueOptions): Promise<JobId>;

  /**
   * Sends many jobs of one type, ten a call (1,000 over HTTP), and answers for each input in the order of the inputs. An
   * input that is refused, or that is not taken, keeps none of the others back, but on a FIFO queue those of its group in
   * later calls (over HTTP all in later calls, when a call failed as a whole). Rejects only for what concerns all of them:
   * `duration_invalid`, and over SQS `queue_unknown`.
   */
  enqueueAll<Spec extends JobSpec>(
    spec: Spec,
    inputs: readonly InputOf<Spec>[],
    options?: EnqueueAllOptions<InputOf<Spec>>,
  ): Promise<EnqueueResult[]>;

  /**
   * How a job stands. With `waitMs` it answers when the job comes to its end (done, dead, skipped, cancelled), or as it
   * stands when the time is over. Error: `job_unknown`, for an id that was never given, and for a job that has not begun
   * and whose id does not tell where it was sent (see `newJobId`).
   */
  job(id: JobId, options?: JobOptions): Promise<JobRecord>;

  /**
   * Waits for what a job's handler returns; undefined when that is nothing. The spec is the job's own, or undefined when it
   * is not at hand: it says where a job is that has not begun. Errors: `job_failed` for a job that ends any other way,
   * `wait_timed_out`, `job_unknown` when nobody has heard of the job until the time is over, and `query_invalid` for a
   * job type of `effects: "at-least-once"`, of which nothing is kept.
   */
  result(spec: JobSpec | undefined, id: JobId, options?: ResultOptions): Promise<unknown>;
}

/** How a job is sent. */
export interface EnqueueOptions extends WaitOptions {
  /** The job's id; two jobs of one id take effect once. Default: a new one. Not over HTTP, where the API makes ids. */
  readonly id?: JobId;
  /** An idempotency key, which makes the id: two jobs of one type and key take effect once. `id` wins over it. */
  readonly key?: string;
  /** The name of the tier's queue. Default: the job type's own. */
  readonly queue?: string;
  /**
   * The message group, 1 to 128 letters, digits and punctuation: a FIFO queue keeps the order within it, a standard queue
   * is fair between groups. Default: the job type on a FIFO queue, none on a standard one.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html
   */
  readonly group?: string;
}

/** How many jobs are sent. */
export interface EnqueueAllOptions<Input> extends Omit<EnqueueOptions, "id" | "key"> {
  /** Makes an idempotency key for each input. Default: every job has an id of its own. */
  readonly key?: (input: Input, index: number) => string;
}

/** What became of one input of `enqueueAll`. */
export type EnqueueResult =
  | { readonly kind: "enqueued"; readonly id: JobId }
  /** After `aws_call_failed` it may be there: send it again with this id. Over HTTP the id may be missing; a key makes one. */
  | { readonly kind: "refused"; readonly id?: JobId; readonly error: TendrilError };

/** How long `job` waits. */
export interface JobOptions {
  /** Milliseconds. Default 0. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** How long `result` waits. */
export interface ResultOptions {
  /** Milliseconds. Default 30,000. A database that is waking up is waited for besides, up to 30 seconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
