import type { JobId } from "./job-id.ts";

/**
 * How a job stands, to those who ask: `queued` (it has not begun), `running` (an attempt is under way), and what the ledger
 * keeps: `retry` (an attempt failed, another follows), `done`, `dead`, `skipped` (a schedule's run that was not to overlap),
 * `cancelled` (before it began).
 */
export type JobState = (typeof jobStates)[number];

/** Every state of a job, in the order of its life. */
export const jobStates = ["queued", "running", "retry", "done", "dead", "skipped", "cancelled"] as const;

/** The states from which nothing leads on by itself. */
export const endStates: ReadonlySet<JobState> = new Set<JobState>(["done", "dead", "skipped", "cancelled"]);

/** A job as the ledger knows it. Times are of the database's clock. */
export interface JobRecord {
  readonly id: JobId;
  /** `unknown` while the first attempt of a job is under way that nobody has noted: what it is commits with its effects. */
  readonly type: string;
  /** The queue that delivered it last, or that it was sent to; `unknown` as the type. */
  readonly queue: string;
  readonly state: JobState;
  /** Since the job was new, or was sent back from the dead-letter queue; that of a running first attempt is 0. */
  readonly attempts: number;
  /** Known of jobs whose id tells it (see `newJobId`) or whose key was noted. */
  readonly enqueuedAt?: Date;
  readonly firstStartedAt?: Date;
  readonly startedAt?: Date;
  readonly failedAt?: Date;
  /** When it was done, skipped or cancelled; a dead one has `failedAt`. */
  readonly finishedAt?: Date;
  /** What its last failed attempt said. */
  readonly lastError?: string;
  /** What the handler returned; absent when that was nothing. */
  readonly result?: unknown;
  readonly schedule?: { readonly name: string; readonly scheduledAt: Date };
}

/** Which jobs `JobStore.list` gives: all of what is set must fit. */
export interface JobQuery {
  readonly state?: JobState;
  readonly type?: string;
  readonly queue?: string;
  /** Jobs whose last attempt began at this time or later; of `queued` jobs those that were noted then. */
  readonly since?: Date;
  /** Jobs whose last attempt began before this time. */
  readonly until?: Date;
  /** 1 to 100. */
  readonly limit: number;
  /** `next` of the page before. Error: `query_invalid` for any other text. */
  readonly cursor?: string;
}

/**
 * Jobs, the one whose last attempt began last first; without their results. A page may have fewer jobs than its limit, even
 * none, and a next page all the same: each looks at so many rows and no more.
 */
export interface JobPage {
  readonly jobs: readonly JobRecord[];
  /** Where the next page begins; absent after the last one. */
  readonly next?: string;
}

/** A job that is enqueued under an idempotency key. */
export interface KeyedJob {
  readonly id: JobId;
  readonly type: string;
  readonly queue: string;
  /** SHA-256 of the input's JSON, in hexadecimal. */
  readonly inputHash: string;
}

/** What became of a wish to cancel. */
export type Cancellation =
  | { readonly kind: "cancelled" }
  /** It is running, or has been: nothing was changed. */
  | { readonly kind: "begun"; readonly state: JobState };

/** What the ledger tells of jobs, to those outside of a worker. Every function rejects when the database is away. */
export interface JobStore {
  /** Undefined for a job that has not begun and was not noted. */
  read(id: JobId, signal: AbortSignal): Promise<JobRecord | undefined>;
  /**
   * Jobs that have begun or ended. `state: "queued"` gives those that were noted and have not begun; `state: "running"`
   * those that have failed before, since the first attempt of a job is written down when it ends.
   * Error: `query_invalid`.
   */
  list(query: JobQuery, signal: AbortSignal): Promise<JobPage>;
  /**
   * Notes jobs that are about to be sent under keys, in one call, and answers for each, in their order, whether its key was
   * free or had the same input (`true`), or another one (`false`: then nothing is noted for it).
   */
  note(jobs: readonly KeyedJob[], signal: AbortSignal): Promise<readonly boolean[]>;
  /** Keeps a job that has not begun from running: its delivery is skipped. Repeating it changes nothing. */
  cancel(job: Pick<JobRecord, "id" | "type" | "queue">, signal: AbortSignal): Promise<Cancellation>;
}
