import type { Enqueue, JobContext, Log, Write } from "@tendril/core/handler";
import type { OutgoingMessage, WireJob } from "@tendril/core/message";
import { type CollectedWrite, collectWrites, type WriteCollection } from "@tendril/ledger/collected-writes";
import type { Transaction } from "@tendril/ledger/transaction";
import { bareContext, type ContextParts, groupedContext, transactionContext } from "./context.ts";
import { type Deadline, DeadlineError, type Limited, untilAborted } from "./deadline.ts";
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

/** Runs the handler of a job without a transaction. Rejects with what it throws, or its timeout, or the deadline. */
export function runBare(attempt: Attempt): Promise<Pick<Returned, "followUps">> {
  return runHandler(attempt, bareContext);
}

/** Rolls a transaction back, and waits no longer for it than a second. */
export async function giveBack(transaction: Transaction, deadline: Deadline): Promise<void> {
  await untilAborted(transaction.rollback(), deadline.within(longestRollbackMs)).catch(() => {});
}

/** Rejects with what the handler throws, or its timeout, or the deadline. */
function runHandler(attempt: Attempt, makeContext: (parts: ContextParts & Writing) => JobContext): Promise<Ran> {
  return new Promise((resolve, reject) => new Run(attempt, resolve, reject).begin(makeContext));
}

/** What a handler has come to. */
interface Ran extends Omit<Returned, "result"> {
  readonly returned: unknown;
}

interface Writing {
  readonly write: Write;
}

const nothing: readonly never[] = [];

/**
 * A handler's run, and what it can use of its job, made when it is used: most handlers need little of it. A class, since
 * every job has one: functions of its own would be made for each.
 */
class Run implements ContextParts, Writing, Limited {
  readonly job: WireJob;
  readonly attempt: number;
  readonly #given: Attempt;
  readonly #resolve: (ran: Ran) => void;
  readonly #reject: (reason: unknown) => void;
  #controller: AbortController | undefined;
  #stopped: { readonly reason: unknown } | undefined;
  #followUps: FollowUps | undefined;
  #writes: WriteCollection | undefined;
  #isOver = false;

  constructor(attempt: Attempt, resolve: (ran: Ran) => void, reject: (reason: unknown) => void) {
    this.job = attempt.job;
    this.attempt = attempt.number;
    this.#given = attempt;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(makeContext: (parts: ContextParts & Writing) => JobContext): void {
    const { handler, input, invocation } = this.#given;
    invocation.deadline.limit(this, handler.spec.timeoutMs);
    let running: Promise<unknown>;
    try {
      running = handler.run(input, makeContext(this));
    } catch (thrown) {
      this.#fail(thrown);
      return;
    }
    Promise.resolve(running).then(
      (returned) => this.#succeed(returned),
      (thrown) => this.#fail(thrown),
    );
  }

  /** The handler is left behind. */
  stop(reason: unknown): void {
    this.#stopped = { reason };
    this.#controller?.abort(reason);
    this.#reject(reason);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#stopped !== undefined) this.#controller.abort(this.#stopped.reason);
    }
    return this.#controller.signal;
  }

  get log(): Log {
    return handlerLog(this.#given.invocation.logger, this.job, this.attempt);
  }

  get enqueue(): Enqueue {
    if (this.#followUps === undefined) {
      const { logger, queues, claims, now } = this.#given.invocation;
      const { effects } = this.#given.handler.spec;
      const { job, attempt, signal } = this;
      const onRefused = (type: string, error: unknown): void => logRefused(logger, { job, attempt }, type, error);
      this.#followUps = collectFollowUps({ parent: job.id, effects, queues, claims, now, signal, onRefused });
      if (this.#isOver) void this.#followUps.close();
    }
    return this.#followUps.enqueue;
  }

  get write(): Write {
    this.#writes ??= collectWrites(this.signal);
    return this.#writes.write;
  }

  /** What the handler calls from now on is refused. Fails when a follow-up was refused that the handler did not wait for. */
  #succeed(returned: unknown): void {
    this.#isOver = true;
    const writes = this.#writes?.close() ?? nothing;
    if (this.#followUps === undefined) {
      this.#end({ returned, writes, followUps: nothing });
      return;
    }
    this.#followUps.close().then(
      (followUps) => this.#end({ returned, writes, followUps }),
      (thrown) => this.#fail(thrown),
    );
  }

  #end(ran: Ran): void {
    this.#given.invocation.deadline.lift(this);
    this.#resolve(ran);
  }

  #fail(thrown: unknown): void {
    this.#isOver = true;
    this.#writes?.close();
    this.#followUps?.close().catch(() => {});
    this.#given.invocation.deadline.lift(this);
    this.#reject(readable(thrown));
  }
}
