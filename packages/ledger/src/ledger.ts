/**
 * What happened to each job, and the promise that its effects happen once. SQS delivers at least once, and processes die
 * anywhere; this is what holds all the same.
 *
 * PROTOCOL. A delivery begins a transaction, claims its job in it, runs the handler in it, writes result and follow-ups
 * into it, commits it, and then sends the follow-ups, clears them, and has the message deleted.
 *
 * - No effect without a claim. The handler writes in the transaction that has claimed the job, and the claim's row *is* the
 *   done mark: they commit together or vanish together, and no crash can part them. There is no lease that could expire
 *   under a slow worker.
 * - No second effect. A done job is never claimed: its next delivery is a "duplicate". A second delivery at the same time
 *   waits in its own claim for the first's row: after the first's commit it is a "duplicate", after the first's rollback it
 *   runs, after the lock timeout it is "busy", which costs no attempt. No call of a transaction is repeated when its answer
 *   is lost: a claim that ran twice would find its own row and be taken for a duplicate, an effect would be doubled. A
 *   commit whose answer is lost may have happened; the next delivery finds the row, or does not, and so learns which.
 * - No lost follow-up. Follow-ups commit with the job. They are sent after that, and only what SQS has is cleared; a crash
 *   between leaves a message that was not deleted, and its next delivery is a "duplicate" that owes them. Their ids are
 *   fixed when they are written, so one that is sent twice takes effect once. A job that owes is never purged.
 * - A done job stays done. A failure is written down after its rollback, in a transaction of its own that never overwrites
 *   "done"; nor does a late one overwrite "dead" of the same message.
 * - A dead job stays dead while its own message comes back: the dead letter is sent before "dead" is written down. In
 *   another message it was sent back by somebody, and its attempts are counted anew.
 * - A cancelled job never begins. To cancel is to insert the job's row, and a claim is to insert it too: whoever comes
 *   first has it. A job whose claim is open is not cancelled; after its rollback it may be. A failure that is written down
 *   late does not undo "cancelled".
 * - A crash is counted at most once. The holder of a claim marks its start beside the transaction. A claim counts the marks
 *   that it finds and deletes them in its own transaction, so both last or neither; what ends in words (done, or a failure
 *   written down) takes the marks with it. When a failure is not written down, and no mark was made, the next attempt has
 *   the same number: a job may get an attempt more, never one less.
 * - Nothing is running for ever. No row says "running": a worker that dies before its commit leaves an open transaction,
 *   which the Data API rolls back 3 minutes after its last call, and the job's row is as before. Until then other
 *   deliveries are "busy".
 *
 * The second way, for jobs that only write (`commit: "grouped"`), at their message's first receipt: the handler runs first,
 * and what it has collected is claimed, written and finished by `tendril.commit_group`, in one call with other jobs of the
 * batch and in a subtransaction of its own. Every promise holds as above, and for the same reasons:
 *
 * - The claim, the effects, the result and the follow-ups of a job are one subtransaction of one transaction, so claim and
 *   effects still commit or vanish together. A claim that finds the job done, held or cancelled undoes the job alone; the
 *   effects of a handler that ran for nothing were never sent.
 * - Nothing is judged in a group. A job that was not committed there (its handler failed, its claim was refused, Postgres
 *   refused a statement or the whole call) is claimed again in a transaction of its own, with what its handler has come to,
 *   and from there on goes the first way. So a job is never blamed for another one, a job that was done before is a
 *   "duplicate" though its handler has failed now, and each attempt has its number from a claim.
 * - A call whose answer is lost is not repeated, and its jobs come back. What comes back, in whichever way it ended, is at
 *   its message's second receipt, and so is claimed before its handler runs.
 * - A crash in the handler leaves no mark, as in the first way at the first receipt. Marks of earlier messages are counted
 *   by the claim in a transaction of its own; the group leaves such a job alone.
 * - A group holds its claims while it commits, not while handlers run: at most 45 seconds, the Data API's limit for a call.
 *   It takes them in the order of the jobs' ids, so two groups never wait for each other's claims in a circle.
 */
import { randomUUID } from "node:crypto";
import { TendrilError } from "@tendril/core/errors";
import type { Row, SqlValue } from "@tendril/core/handler";
import type { JobId } from "@tendril/core/job-id";
import type { OutgoingMessage, WireJob } from "@tendril/core/message";
import { sqlState } from "./call.ts";
import type { CollectedWrite } from "./collected-writes.ts";
import type { Database } from "./database.ts";
import { commitGroup, type GroupEnd, type GroupedJob, writeIn } from "./group-commit.ts";
import { chunksOf, clearFollowUps, readFollowUps } from "./outbox.ts";
import { openTransaction, type Transaction } from "./transaction.ts";
import { readTransactionState, type TransactionState } from "./transaction-state.ts";

/** A message that a worker was given, as the ledger knows it. */
export interface ClaimedDelivery {
  readonly job: WireJob;
  /** The queue's name in the tier. */
  readonly queue: string;
  /** SQS's id of the message: a dead job is claimed again only when it comes in another one. */
  readonly messageId: string;
}

/** What the ledger says to a delivery. */
export type Claim =
  /** The job is this delivery's: run attempt number `attempt` in `transaction`, then commit or roll back. */
  | {
      readonly kind: "claimed";
      readonly attempt: number;
      /** How many of the attempts before this one are known only by their start: their process died. */
      readonly crashes: number;
      readonly transaction: Transaction;
    }
  /** It was done before, or it died before of this same message, whose dead letter is sent. */
  | {
      readonly kind: "duplicate";
      readonly of: "done" | "dead";
      /** Follow-ups of it wait to be sent: see `followUpsOf`. */
      readonly owes: boolean;
    }
  /**
   * Another run of its schedule is unfinished, and the schedule says `overlap: skip`: it is written down as skipped. Or
   * somebody has cancelled it before it began.
   */
  | { readonly kind: "skipped"; readonly reason: string }
  /** Another delivery has held it for longer than the lock timeout (3 seconds). */
  | { readonly kind: "busy" };

/** An attempt that failed. */
export interface Failure {
  readonly job: WireJob;
  readonly queue: string;
  readonly messageId: string;
  /** 0 for a job that died before its handler was reached. */
  readonly attempt: number;
  readonly state: "retry" | "dead";
  readonly error: string;
  /** How long ago the attempt began, in milliseconds. */
  readonly ranForMs: number;
}

/** What an attempt that succeeds leaves besides its own writes. */
export interface JobEnd {
  readonly jobId: JobId;
  /** What the handler returned, as JSON. */
  readonly result?: string;
  /** In the order in which they are to be sent. */
  readonly followUps: readonly OutgoingMessage[];
}

export interface PurgeOptions {
  /** Jobs whose last attempt began longer ago than this, in milliseconds. */
  readonly olderThanMs: number;
  /** How many at most, in one call to the database. */
  readonly most: number;
  readonly signal?: AbortSignal;
}

export interface Ledger {
  /** Begins a transaction and claims the job in it. Rejects when the database is away; then nothing was claimed that lasts. */
  claim(delivery: ClaimedDelivery, signal: AbortSignal): Promise<Claim>;
  /**
   * Writes down, outside of any transaction, that an attempt begins. For the holder of the claim alone, and for messages
   * that were delivered before: when the process dies, the job's next claim counts the attempt.
   */
  markStart(jobId: JobId, signal: AbortSignal): Promise<void>;
  /** Runs statements that a handler has collected in the job's transaction. Costs one call (one every 3 MiB), none for none. */
  write(transaction: Transaction, writes: readonly CollectedWrite[]): Promise<void>;
  /**
   * Claims, writes and finishes as many of the jobs as go together, each as if alone, in one call. `jobs`: in the order
   * of their ids. Rejects when nobody knows what the call did; then nothing is known of any of them.
   */
  commitGroup(jobs: readonly GroupedJob[], signal: AbortSignal): Promise<readonly GroupEnd[]>;
  /**
   * Writes the result and the follow-ups in the job's transaction, before its commit. Costs no call when there is neither.
   * Error: `result_invalid` for a result that Postgres has no text for.
   */
  finish(transaction: Transaction, end: JobEnd): Promise<void>;
  /** Writes a failed attempt down. A job that is done meanwhile stays done. */
  recordFailure(failure: Failure, signal?: AbortSignal): Promise<void>;
  /** The follow-ups of a committed job that are not known to be sent, in their order, a page at a time. */
  followUpsOf(jobId: JobId, signal: AbortSignal): AsyncIterable<readonly OutgoingMessage[]>;
  /** How a transaction of the database stands, whose jobs may be in the outbox. `xid`: Postgres' own id of it, as text. */
  transactionState(xid: string, signal: AbortSignal): Promise<TransactionState>;
  /** Forgets follow-ups that SQS has. */
  clearFollowUps(ids: readonly JobId[], signal: AbortSignal): Promise<void>;
  /**
   * Forgets old jobs with their failures, the oldest first, and starts that are as old; never a job whose follow-ups wait
   * to be sent; and as many keys. Resolves to the number of jobs, or of keys when those are more: less than `most` when no
   * more are left.
   */
  purge(options: PurgeOptions): Promise<number>;
}

/**
 * The ledger in a database that has the ledger's migrations. Three Data API calls a job: begin, claim, commit; a result or
 * follow-ups are one more (one a MiB), and so is a run of a schedule with `overlap: skip`. A group of up to 50 jobs is one
 * call (one every 3 MiB).
 */
export function createLedger(database: Database): Ledger {
  return {
    claim: (delivery, signal) => claim(database, delivery, signal),
    async markStart(jobId, signal) {
      await database.execute(startSql, [jobId, randomUUID()], { repeatable: true, signal });
    },
    write: writeIn,
    commitGroup: (jobs, signal) => commitGroup(database, jobs, signal),
    finish,
    async recordFailure({ job, queue, messageId, attempt, state, error, ranForMs }, signal) {
      const ranFor = `${Math.max(0, Math.round(ranForMs))} milliseconds`;
      const failure = [messageId, state, attempt, ranFor, storable(error)];
      const values = [job.id, randomUUID(), job.type, queue, ...failure, ...scheduleOf(job)];
      await database.execute(failureSql, values, { repeatable: true, ...(signal === undefined ? {} : { signal }) });
    },
    followUpsOf: (jobId, signal) => readFollowUps(database, jobId, signal),
    transactionState: (xid, signal) => readTransactionState(database, xid, signal),
    clearFollowUps: (ids, signal) => clearFollowUps(database, ids, signal),
    async purge({ olderThanMs, most, signal }) {
      const values = [`${Math.round(olderThanMs)} milliseconds`, most];
      const options = { repeatable: true, ...(signal === undefined ? {} : { signal }) };
      const [row] = await database.execute(purgeSql, values, options);
      return Number(row?.purged);
    },
  };
}

const claimSql = "select * from tendril.claim(:p1::uuid, :p2, :p3, :p4, :p5::text, :p6::text::timestamptz)";

// The key makes a second try after a lost answer harmless.
const startSql = `insert into tendril.starts (job_id, id, started_at) values (:p1::uuid, :p2::uuid, clock_timestamp())
  on conflict do nothing`;

const failureSql = `select tendril.record_failure(
  :p1::uuid, :p2::uuid, :p3, :p4, :p5, :p6, :p7::int, :p8::interval, :p9, :p10::text, :p11::text::timestamptz
)`;

const overlapSql = "select reason from tendril.skip_overlap(:p1::uuid, :p2, :p3::text::timestamptz) as skip (reason)";

const purgeSql = "select tendril.purge(clock_timestamp() - :p1::interval, :p2::int) as purged";

async function claim(
  database: Database,
  { job, queue, messageId }: ClaimedDelivery,
  signal: AbortSignal,
): Promise<Claim> {
  const transactionId = await database.begin(signal);
  const transaction = openTransaction(database, transactionId);
  const execute = (sql: string, values: readonly SqlValue[]): Promise<Row[]> =>
    database.execute(sql, values, { transactionId, signal });
  try {
    const [row] = await execute(claimSql, [job.id, job.type, queue, messageId, ...scheduleOf(job)]);
    if (row?.verdict !== "claimed") {
      await giveUp(transaction);
      return refusalOf(row);
    }
    const reason = await overlapOf(job, execute);
    if (reason === undefined) {
      return { kind: "claimed", attempt: Number(row.attempt), crashes: Number(row.crashes), transaction };
    }
    await transaction.commit();
    return { kind: "skipped", reason };
  } catch (error) {
    await giveUp(transaction);
    if (isContention(error)) return { kind: "busy" };
    throw error;
  }
}

/** What a verdict means that is not "claimed". */
function refusalOf(row: Row | undefined): Claim {
  switch (row?.verdict) {
    case "done":
    case "dead":
      return { kind: "duplicate", of: row.verdict, owes: row.owes === true };
    case "skipped":
      return { kind: "skipped", reason: "the run was skipped before" };
    case "cancelled":
      return { kind: "skipped", reason: "cancelled before it began" };
    default:
      throw new Error(
        `The ledger's verdict is ${JSON.stringify(row?.verdict)}: its migrations are of another version.`,
      );
  }
}

/** Why a claimed run must not start; undefined when it may. The claim comes first, so no other run is this same one. */
async function overlapOf(
  { id, schedule, overlap }: WireJob,
  execute: (sql: string, values: readonly SqlValue[]) => Promise<Row[]>,
): Promise<string | undefined> {
  if (overlap !== "skip" || schedule === undefined) return undefined;
  const [row] = await execute(overlapSql, [id, schedule.name, schedule.scheduledAt.toISOString()]);
  return row === undefined ? undefined : String(row.reason);
}

async function finish({ sql }: Transaction, { jobId, result, followUps }: JobEnd): Promise<void> {
  const chunks = chunksOf(followUps);
  if (result !== undefined && chunks.length === 0) chunks.push("[]");
  for (const [index, chunk] of chunks.entries()) {
    const kept = index === 0 && result !== undefined ? result : null;
    await sql`select tendril.finish(${jobId}::uuid, ${kept}::text::jsonb, ${chunk}::text::json)`.catch(
      (error: unknown) => {
        throw kept !== null && isUnstorable(error) ? resultError(error) : error;
      },
    );
  }
}

/** JSON that Postgres does not keep: the character 0, half a surrogate pair. https://www.postgresql.org/docs/17/datatype-json.html */
const isUnstorable = (error: unknown): boolean => ["22P02", "22P05"].includes(sqlState(error) ?? "");

function resultError(cause: unknown): TendrilError {
  return new TendrilError("result_invalid", {
    given: "a result with text that Postgres cannot keep",
    allowed: "JSON without \\u0000 and without halves of surrogate pairs",
    cause,
  });
}

function scheduleOf({ schedule }: WireJob): [SqlValue, SqlValue] {
  return schedule === undefined ? [null, null] : [schedule.name, schedule.scheduledAt.toISOString()];
}

/** Postgres keeps any text but the character 0. */
const storable = (text: string): string => text.replaceAll("\u0000", "");

/** Lock timeout, deadlock, serialization failure: somebody else was at the row. */
function isContention(error: unknown): boolean {
  return ["55P03", "40P01", "40001"].includes(sqlState(error) ?? "");
}

/** How long a transaction that claimed nothing is waited for, in milliseconds; the Data API ends it in any case. */
const longestRollbackMs = 1000;

async function giveUp(transaction: Transaction): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, longestRollbackMs);
  });
  await Promise.race([transaction.rollback().catch(() => {}), timeout]);
  clearTimeout(timer);
}
