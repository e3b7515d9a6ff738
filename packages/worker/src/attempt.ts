import type { JobContext, Write } from "@tendril/core/handler";
import type { OutgoingMessage } from "@tendril/core/message";
import { type CollectedWrite, collectWrites } from "@tendril/ledger/collected-writes";
import type { Transaction } from "@tendril/ledger/transaction";
import { bareContext, type ContextParts, groupedContext, transactionContext } from "./context.ts";
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

/** What a handler that has succeeded leaves to be committed. */
export interface Returned {
  /** As JSON. */
  readonly result?: string;
  readonly followUps: readonly OutgoingMessage[];
  /** The statements of `job.write`. */
  readonly writes: readonly CollectedWrite[];
}

/** An attempt that can begin, or one whose handler has run before its claim (`ahead`). */
export interface Attempt extends Pick<Runnable, "job" | "handler" | "input" | "ahead"> {
  /** Counted from 1. */
  readonly number: number;
  readonly invocation: Invocation;
}

/** How long a rollback is waited for, in milliseconds; after that it goes on by itself, and at last the Data API does it. */
const longestRollbackMs = 1000;

/**
 * Runs a claimed job's handler in its transaction, writes what it has collected, its result and its follow-ups there, and
 * commits. A handler that ignores its signal is left behind at its timeout: its transaction is rolled back and its later
 * calls are refused.
 */
export async function runInTransaction(attempt: Attempt, transaction: Transaction): Promise<AttemptEnd> {
  const { job, invocation } = attempt;
  const { deadline, ledger } = invocation;
  const commit = async ({ writes, ...end }: Returned): Promise<void> => {
    await ledger.write(transaction, writes);
    await ledger.finish(transaction, { jobId: job.id, ...end });
    await transaction.commit();
  };
  try {
    const returned = await (attempt.ahead?.returning ?? runToCommit(attempt, transaction));
    const { followUps } = returned;
    await untilAborted(commit(returned), deadline.signal);
    return { kind: "committed", followUps };
  } catch (thrown) {
    await giveBack(transaction, deadline);
    const isCut = transaction.lost || thrown instanceof DeadlineError;
    return { kind: isCut ? "cut" : "failed", thrown };
  }
}

/** Runs the handler of a job that only writes, before the job is claimed. Rejects with what it throws. */
export function runAhead(attempt: Attempt): Promise<Returned> {
  return runToCommit(attempt, undefined);
}

async function runToCommit(attempt: Attempt, transaction: Transaction | undefined): Promise<Returned> {
  const isGrouped = attempt.handler.spec.commit === "grouped";
  const { returned, ...left } = await runHandler(attempt, (parts, write) =>
    isGrouped || transaction === undefined ? groupedContext(parts, write) : transactionContext(parts, transaction),
  );
  const result = resultText(returned);
  return { ...left, ...(result === undefined ? {} : { result }) };
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
  makeContext: (parts: ContextParts, write: Write) => JobContext,
): Promise<{ returned: unknown } & Omit<Returned, "result">> {
  const { deadline, logger, queues, now } = invocation;
  const log = handlerLog(logger, job, number);
  const onRefused = (type: string, error: unknown): void => logRefused(logger, { job, attempt: number }, type, error);
  const work = async (signal: AbortSignal) => {
    const { enqueue, close } = collectFollowUps({ parent: job.id, queues, now, signal, onRefused });
    const collection = collectWrites(signal);
    try {
      const context = makeContext({ job, attempt: number, signal, enqueue, log }, collection.write);
      const returned = await handler.run(input, context);
      return { returned, writes: collection.close(), followUps: await close() };
    } catch (thrown) {
      collection.close();
      close().catch(() => {});
      throw readable(thrown);
    }
  };
  return runWithin(work, { timeoutMs: handler.spec.timeoutMs, outer: deadline.signal });
}
