import type { JobSpec, ParsedInputOf } from "./job.ts";
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

/** Writes a line to the job's log, with the job's id, type and attempt. `facts` must hold no secret. */
export type Log = (message: string, facts?: Readonly<Record<string, unknown>>) => void;

/** What a handler knows of the job that it runs. */
export interface JobContext {
  readonly id: JobId;
  readonly type: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** Set when a schedule sent the job: the task's name in cron.yaml and the time that the run was scheduled for. */
  readonly schedule?: { readonly name: string; readonly scheduledAt: Date };
  /** Aborted at the job type's timeout, and before Lambda's own deadline. */
  readonly signal: AbortSignal;
  readonly sql: Sql;
  readonly log: Log;
}

/** A job type's handler with its spec. */
export interface Handler<Spec extends JobSpec = JobSpec> {
  readonly spec: Spec;
  // A method, so that a list may hold handlers of different job types: the worker checks each input before it calls one.
  run(input: ParsedInputOf<Spec>, job: JobContext): Promise<unknown>;
}

/** Ties a handler to its job type. What it writes through `job.sql` commits together with the mark that the job is done. */
export function handle<Spec extends JobSpec>(
  spec: Spec,
  run: (input: ParsedInputOf<Spec>, job: JobContext) => Promise<unknown>,
): Handler<Spec> {
  return { spec, run };
}
