import type { Duration } from "./duration.ts";
import type { InputOf, JobSpec, ParsedInputOf } from "./job.ts";
import type { JobId } from "./job-id.ts";

declare global {
  // The platform's own AbortSignal: this room knows that it exists, the rooms with a platform know what it does.
  interface AbortSignal {}
}

/** A row that `job.sql` returned: column name to JSON value. */
export type Row = Readonly<Record<string, unknown>>;

/** What can be put into `job.sql`: anything else is written as JSON. */
export type SqlValue = string | number | bigint | boolean | null | Date | Uint8Array | object;

/**
 * A tagged template that runs one statement in the job's transaction, e.g. `` job.sql`select ${id}::uuid` ``.
 * Values become parameters, never text. Calls made at once run one after the other.
 */
export type Sql = (strings: TemplateStringsArray, ...values: readonly SqlValue[]) => Promise<Row[]>;

/**
 * A tagged template that adds one statement to those that commit with the job, e.g. `` job.write`insert into t values (${id}::uuid)` ``.
 * They run in their order once the handler has succeeded; values become parameters with the types that `job.sql` gives
 * them. Errors, thrown at once: `sql_value_invalid`; `sql_not_allowed` for statements that begin or end a transaction, make
 * savepoints or change settings; `transaction_ended` after the handler's end. What Postgres refuses fails the attempt.
 */
export type Write = (strings: TemplateStringsArray, ...values: readonly SqlValue[]) => void;

/** Writes a line to the job's log, with the job's id, type and attempt. `facts` must hold no secret. */
export type Log = (message: string, facts?: Readonly<Record<string, unknown>>) => void;

/**
 * What an app tells the compiler about itself. This room knows no AWS, so the type of `job.rdsData` comes from the app:
 *
 * ```ts
 * import type { RDSDataClient } from "@aws-sdk/client-rds-data";
 * declare module "@tendril/core/handler" {
 *   interface Register { rdsData: RDSDataClient }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: apps add to it
export interface Register {}

/** The type that the app has registered for `job.rdsData`; `unknown` without one. */
export type RdsData = Register extends { readonly rdsData: infer Client } ? Client : unknown;

/** How a follow-up is sent. */
export interface FollowUpOptions {
  /** Not before this long from now; more than 15 minutes become a one-time schedule. Default: at once. */
  readonly delay?: Duration;
  /** Not before this time; it wins over `delay`. A time that is past means at once. */
  readonly at?: Date;
  /** A queue of the tier, whose worker has time for the job type (`queue_unfit` kills what it has not). Default: the job type's own. */
  readonly queue?: string;
  /** The message group, as `EnqueueOptions.group` of the client. Default: the job type on a FIFO queue, none on a standard one. */
  readonly group?: string;
  /** Makes the id: two jobs of one type and key take effect once. Default: an id of its own. */
  readonly key?: string;
}

/**
 * Enqueues a job that follows from this one: it is sent once this job's effects are committed, and never when they are
 * not. Resolves to the follow-up's id when its input is checked; the sending comes later.
 * Errors: `input_invalid`, `body_too_large`, `queue_unknown`, `duration_invalid`, `transaction_ended`.
 */
export type Enqueue = <Spec extends JobSpec>(
  spec: Spec,
  input: InputOf<Spec>,
  options?: FollowUpOptions,
) => Promise<JobId>;

/** What a handler knows of the job that it runs, whatever its job type promises. */
export interface AtLeastOnceContext {
  readonly id: JobId;
  readonly type: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** Set when a schedule sent the job: the task's name in cron.yaml and the time that the run was scheduled for. */
  readonly schedule?: { readonly name: string; readonly scheduledAt: Date };
  /** Aborted at the job type's timeout, and before Lambda's own deadline. */
  readonly signal: AbortSignal;
  readonly enqueue: Enqueue;
  readonly log: Log;
}

/** What a handler knows of the job that it runs. What it writes through `sql` and `rdsData` commits with the done mark. */
export interface JobContext extends AtLeastOnceContext {
  readonly sql: Sql;
  /**
   * An RDS Data API client that is bound to the job's transaction, for Drizzle, Kysely or any other library: every
   * statement joins the transaction, and a transaction that the library begins becomes a savepoint.
   */
  readonly rdsData: RdsData;
}

/** What a handler of a job type with `commit: "grouped"` knows of its job. What it writes commits with the done mark. */
export interface GroupedContext extends AtLeastOnceContext {
  readonly write: Write;
}

/** What a job type's handlers are given: `effects: "at-least-once"` has no transaction, `commit: "grouped"` only writes. */
export type ContextOf<Spec extends JobSpec> = Spec["effects"] extends "at-least-once"
  ? AtLeastOnceContext
  : Spec["commit"] extends "grouped"
    ? GroupedContext
    : JobContext;

/** A job type's handler with its spec. */
export interface Handler<Spec extends JobSpec = JobSpec> {
  readonly spec: Spec;
  // A method, so that a list may hold handlers of different job types: the worker checks each input before it calls one.
  run(input: ParsedInputOf<Spec>, job: JobContext): Promise<unknown>;
}

/**
 * Ties a handler to its job type. What it writes through `job.sql` commits together with the mark that the job is done;
 * what it returns (anything that JSON carries, at most 60,000 bytes) is kept in the ledger as the job's result. A job type
 * with `effects: "at-least-once"` has no row in the ledger: what its handler returns is dropped.
 */
export function handle<Spec extends JobSpec>(
  spec: Spec,
  run: (input: ParsedInputOf<Spec>, job: ContextOf<Spec>) => Promise<unknown>,
): Handler<Spec> {
  return { spec, run: (input, job) => run(input, job as ContextOf<Spec>) };
}
