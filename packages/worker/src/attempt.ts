import type { Enqueue, JobContext, Log, Write } from "@tendril/core/handler";
import type { OutgoingMessage, WireJob } from "@tendril/core/message";
import { type CollectedWrite, collectWrites, type WriteCollection } from "@tendril/ledger/collected-writes";
import type { Transaction } from "@tendril/ledger/transaction";
import { bareContext, type ContextParts, groupedContext, transactionContext } from "./context.ts";
import { type Deadline, DeadlineError, runWithin, untilAborted, type Within } from "./deadline.ts";
import { collectFollowUps, type FollowUps } from "./follow-ups.ts";
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
  const { returned, ...left } = await runHandler(attempt, (parts) =>
    isGrouped || transaction === undefined
      ? groupedContext(parts, parts.write)
      : transactionContext(parts, transaction),
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
  attempt: Attempt,
  makeContext: (parts: HandlerParts) => JobContext,
): Promise<{ returned: unknown } & Omit<Returned, "result">> {
  const { handler, input, invocation } = attempt;
  const work = async (within: Within) => {
    const parts = new HandlerParts(attempt, within);
    try {
      const returned = await handler.run(input, makeContext(parts));
      return { returned, ...(await parts.close()) };
    } catch (thrown) {
      parts.close().catch(() => {});
      throw readable(thrown);
    }
  };
  return runWithin(work, { timeoutMs: handler.spec.timeoutMs, outer: invocation.deadline.signal });
}

/** What an attempt's handler can use, made when it is used: most handlers need little of it. */
class HandlerParts implements ContextParts {
  readonly job: WireJob;
  readonly attempt: number;
  readonly #invocation: Invocation;
  readonly #within: Within;
  #followUps: FollowUps | undefined;
  #writes: WriteCollection | undefined;
  #isOver = false;

  constructor({ job, number, invocation }: Attempt, within: Within) {
    this.job = job;
    this.attempt = number;
    this.#invocation = invocation;
    this.#within = within;
  }

  get signal(): AbortSignal {
    return this.#within.signal;
  }

  get log(): Log {
    return handlerLog(this.#invocation.logger, this.job, this.attempt);
  }

  get enqueue(): Enqueue {
    if (this.#followUps === undefined) {
      const { logger, queues, claims, now } = this.#invocation;
      const { job, attempt, signal } = this;
      const onRefused = (type: string, error: unknown): void => logRefused(logger, { job, attempt }, type, error);
      this.#followUps = collectFollowUps({ parent: job.id, queues, claims, now, signal, onRefused });
      if (this.#isOver) void this.#followUps.close();
    }
    return this.#followUps.enqueue;
  }

  get write(): Write {
    this.#writes ??= collectWrites(this.signal);
    return this.#writes.write;
  }

  /** The handler has ended: what it calls from now on is refused. Rejects when a follow-up was refused that it did not wait for. */
  async close(): Promise<Pick<Returned, "writes" | "followUps">> {
    this.#isOver = true;
    const writes = this.#writes?.close() ?? [];
    return { writes, followUps: this.#followUps === undefined ? [] : await this.#followUps.close() };
  }
}
