import type { JobContext } from "@tendril/core/handler";
import type { OutgoingMessage } from "@tendril/core/message";
import type { Transaction } from "@tendril/ledger/transaction";
import { bareContext, type ContextParts, transactionContext } from "./context.ts";
import { type Deadline, DeadlineError, runWithin, untilAborted } from "./deadline.ts";
import { collectFollowUps } from "./follow-ups.ts";
import type { Invocation, Runnable } from "./invocation.ts";
import { handlerLog, logRefused } from "./job-log.ts";
import { resultText } from "./result.ts";
import { readable } from "./thrown.ts";

/** How an attempt came to its end. */
export type AttemptEnd =
  /** The handler has succeeded, and what it wrote is committed; its follow-ups are to be sent. */
  | { readonly kind: "committed"; readonly followUps: readonly OutgoingMessage[] }
  /** Everything is undone; the job is to blame. */
  | { readonly kind: "failed"; readonly thrown: unknown }
  /** Cut short by Lambda's deadline or by a database that went away: no attempt. It may be committed, if just barely. */
  | { readonly kind: "cut"; readonly thrown: unknown };

/** An attempt that can begin. */
export interface Attempt extends Pick<Runnable, "job" | "handler" | "input"> {
  /** Counted from 1. */
  readonly number: number;
  readonly invocation: Invocation;
}

/** How long a rollback is waited for, in milliseconds; after that it goes on by itself, and at last the Data API does it. */
const longestRollbackMs = 1000;

/**
 * Runs a claimed job's handler in its transaction, writes its result and its follow-ups there, and commits. A handler that
 * ignores its signal is left behind at its timeout: its transaction is rolled back and its later calls are refused.
 */
export async function runInTransaction(attempt: Attempt, transaction: Transaction): Promise<AttemptEnd> {
  const { job, invocation } = attempt;
  const { deadline, ledger } = invocation;
  try {
    const { returned, followUps } = await runHandler(attempt, (parts) => transactionContext(parts, transaction));
    const result = resultText(returned);
    const end = { jobId: job.id, followUps, ...(result === undefined ? {} : { result }) };
    await untilAborted(
      ledger.finish(transaction, end).then(() => transaction.commit()),
      deadline.signal,
    );
    return { kind: "committed", followUps };
  } catch (thrown) {
    await giveBack(transaction, deadline);
    const isCut = transaction.lost || thrown instanceof DeadlineError;
    return { kind: isCut ? "cut" : "failed", thrown };
  }
}

/** Runs the handler of a job without a transaction. What it returns is dropped. */
export async function runBare(attempt: Attempt): Promise<AttemptEnd> {
  try {
    const { followUps } = await runHandler(attempt, bareContext);
    return { kind: "committed", followUps };
  } catch (thrown) {
    return { kind: thrown instanceof DeadlineError ? "cut" : "failed", thrown };
  }
}

/** Rolls a transaction back, and waits no longer for it than a second. */
export async function giveBack(transaction: Transaction, deadline: Deadline): Promise<void> {
  await untilAborted(transaction.rollback(), deadline.within(longestRollbackMs)).catch(() => {});
}

/** Rejects with what the handler throws, or its timeout, or the deadline. */
function runHandler(
  { handler, input, job, number, invocation }: Attempt,
  makeContext: (parts: ContextParts) => JobContext,
): Promise<{ returned: unknown; followUps: readonly OutgoingMessage[] }> {
  const { deadline, logger, queues, now } = invocation;
  const log = handlerLog(logger, job, number);
  const onRefused = (type: string, error: unknown): void => logRefused(logger, { job, attempt: number }, type, error);
  const work = async (signal: AbortSignal) => {
    const { enqueue, close } = collectFollowUps({ parent: job.id, queues, now, signal, onRefused });
    try {
      const returned = await handler.run(input, makeContext({ job, attempt: number, signal, enqueue, log }));
      return { returned, followUps: await close() };
    } catch (thrown) {
      close().catch(() => {});
      throw readable(thrown);
    }
  };
  return runWithin(work, { timeoutMs: handler.spec.timeoutMs, outer: deadline.signal });
}
