/**
 * What happened to each job, and the promise that its effects happen once. SQS delivers at least once; this is why no
 * effect is lost or doubled all the same:
 *
 * - The claim's row *is* the done mark. It is written as "done" at the start of the transaction that the handler writes
 *   in, and commits or vanishes with the handler's effects; no crash can part them. Nothing else is kept: no lease that
 *   could expire under a slow worker, no "in progress" that a crash would leave behind.
 * - A worker that dies before the commit leaves an open transaction. The Data API rolls it back 3 minutes after its last
 *   call; the job's row is as before and the message's next delivery claims it again. Until then other deliveries are
 *   "busy", which costs no attempt.
 * - A worker that dies after the commit leaves a message that was not deleted. Its next delivery is a "duplicate".
 * - A commit whose answer is lost may have happened. It is not sent again and counts as no attempt: the next delivery
 *   finds the row, or does not, and so learns which.
 * - A second delivery at the same time waits in its own claim for the first's row: after the first's commit it is a
 *   "duplicate", after the first's rollback it runs, after the lock timeout it is "busy".
 * - No call of a transaction is repeated when its answer is lost. A claim that ran twice would find its own row and be
 *   taken for a duplicate, and the message would be deleted with nothing done; an effect that ran twice would be doubled.
 * - A failed attempt is written down after its rollback, in a transaction of its own that never overwrites "done". When
 *   that write is lost, the next attempt has the same number: a job may get an attempt more, never one less.
 */
import type { Row, SqlValue } from "@tendril/core/handler";
import type { WireJob } from "@tendril/core/message";
import { sqlState } from "./call.ts";
import type { Database } from "./database.ts";
import { openTransaction, type Transaction } from "./transaction.ts";

/** What the ledger says to a delivery. */
export type Claim =
  /** The job is this delivery's: run attempt number `attempt` in `transaction`, then commit or roll back. */
  | { readonly kind: "claimed"; readonly attempt: number; readonly transaction: Transaction }
  /** It was done before. */
  | { readonly kind: "duplicate" }
  /** Another run of its schedule is unfinished, and the schedule says `overlap: skip`: it is written down as skipped. */
  | { readonly kind: "skipped"; readonly reason: string }
  /** Another delivery has held it for longer than the lock timeout (3 seconds). */
  | { readonly kind: "busy" };

/** An attempt that failed. */
export interface Failure {
  readonly job: WireJob;
  readonly queue: string;
  /** 0 for a job that died before its handler was reached. */
  readonly attempt: number;
  readonly state: "retry" | "dead";
  readonly error: string;
  /** How long ago the attempt began, in milliseconds. */
  readonly ranForMs: number;
}

export interface Ledger {
  /** Begins a transaction and claims the job in it. Rejects when the database is away; then nothing was claimed that lasts. */
  claim(job: WireJob, queue: string, signal: AbortSignal): Promise<Claim>;
  /** Writes a failed attempt down. A job that is done meanwhile stays done. */
  recordFailure(failure: Failure, signal?: AbortSignal): Promise<void>;
}

/**
 * The ledger in a database that has the ledger's migrations. Three Data API calls a job: begin, claim, commit; a run of a
 * schedule with `overlap: skip` has one more.
 */
export function createLedger(database: Database): Ledger {
  return {
    async claim(job, queue, signal) {
      const transactionId = await database.begin(signal);
      const transaction = openTransaction(database, transactionId);
      try {
        const values = [job.id, job.type, queue, ...scheduleOf(job)];
        const [row] = await database.execute(claimSql, values, { transactionId, signal });
        if (row === undefined) {
          await giveUp(transaction);
          return { kind: "duplicate" };
        }
        const reason = await overlapOf(job, (sql, runValues) =>
          database.execute(sql, runValues, { transactionId, signal }),
        );
        if (reason === undefined) return { kind: "claimed", attempt: Number(row.attempt), transaction };
        await transaction.commit();
        return { kind: "skipped", reason };
      } catch (error) {
        await giveUp(transaction);
        if (isContention(error)) return { kind: "busy" };
        throw error;
      }
    },
    async recordFailure({ job, queue, attempt, state, error, ranForMs }, signal) {
      const ranFor = `${Math.max(0, Math.round(ranForMs))} milliseconds`;
      const values = [job.id, job.type, queue, state, attempt, ranFor, storable(error), ...scheduleOf(job)];
      await database.execute(failureSql, values, { repeatable: true, ...(signal === undefined ? {} : { signal }) });
    },
  };
}

const claimSql =
  "select attempt from tendril.claim(:p1::uuid, :p2, :p3, :p4::text, :p5::text::timestamptz) as claim (attempt)";

const failureSql =
  "select attempt from tendril.record_failure(:p1::uuid, :p2, :p3, :p4, :p5::int, :p6::interval, :p7, :p8::text, :p9::text::timestamptz) as failure (attempt)";

const overlapSql = "select reason from tendril.skip_overlap(:p1::uuid, :p2, :p3::text::timestamptz) as skip (reason)";

/** Why a claimed run must not start; undefined when it may. The claim comes first, so no other run is this same one. */
async function overlapOf(
  { id, schedule, overlap }: WireJob,
  execute: (sql: string, values: readonly SqlValue[]) => Promise<Row[]>,
): Promise<string | undefined> {
  if (overlap !== "skip" || schedule === undefined) return undefined;
  const [row] = await execute(overlapSql, [id, schedule.name, schedule.scheduledAt.toISOString()]);
  return row === undefined ? undefined : String(row.reason);
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
