import type { Handler, JobContext, Log, Sql } from "@tendril/core/handler";
import type { WireJob } from "@tendril/core/message";
import type { Transaction } from "@tendril/ledger/transaction";
import { type Deadline, DeadlineError, runWithin, untilAborted } from "./deadline.ts";

/** How an attempt came to its end. */
export type AttemptEnd =
  | { readonly kind: "committed" }
  /** Everything is undone; the job is to blame. */
  | { readonly kind: "failed"; readonly thrown: unknown }
  /** Cut short by Lambda's deadline or by a database that went away: no attempt. It may be committed, if just barely. */
  | { readonly kind: "cut"; readonly thrown: unknown };

/** An attempt that can begin: the job is claimed. */
export interface Attempt {
  readonly job: WireJob;
  readonly handler: Handler;
  readonly input: unknown;
  /** Counted from 1. */
  readonly number: number;
  readonly transaction: Transaction;
  readonly deadline: Deadline;
  readonly log: Log;
}

/** How long a rollback is waited for, in milliseconds; after that it goes on by itself, and at last the Data API does it. */
const longestRollbackMs = 1000;

/**
 * Runs a job's handler in its transaction, and commits. A handler that ignores its signal is left behind at its timeout:
 * its transaction is rolled back and its later calls of `job.sql` are refused.
 */
export async function runAttempt(attempt: Attempt): Promise<AttemptEnd> {
  const { handler, transaction, deadline } = attempt;
  try {
    await runWithin((signal) => callHandler(attempt, signal), {
      timeoutMs: handler.spec.timeoutMs,
      outer: deadline.signal,
    });
    await untilAborted(transaction.commit(), deadline.signal);
    return { kind: "committed" };
  } catch (thrown) {
    await untilAborted(transaction.rollback(), deadline.within(longestRollbackMs)).catch(() => {});
    const isCut = transaction.lost || thrown instanceof DeadlineError;
    return { kind: isCut ? "cut" : "failed", thrown };
  }
}

/** Async, so that a handler that throws before its first await rejects like any other. */
async function callHandler(
  { handler, input, job, number, transaction, log }: Attempt,
  signal: AbortSignal,
): Promise<void> {
  const context: JobContext = {
    id: job.id,
    type: job.type,
    attempt: number,
    signal,
    sql: untilAbort(transaction.sql, signal),
    log,
    ...(job.schedule === undefined ? {} : { schedule: job.schedule }),
  };
  await handler.run(input, context);
}

/** A handler that goes on after its end gets the reason, and holds the rollback up no longer than its running call. */
function untilAbort(sql: Sql, signal: AbortSignal): Sql {
  return (strings, ...values) => {
    if (!signal.aborted) return sql(strings, ...values);
    const refused = Promise.reject(signal.reason);
    refused.catch(() => {});
    return refused;
  };
}
