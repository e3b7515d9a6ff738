import { wordDuration } from "@tendril/core/duration";

/** How long before Lambda's own deadline the attempts end, in milliseconds, so that the batch can be settled. */
export const settleMs = 5_000;

/** What is left for answering when everything else has to end, in milliseconds. */
const answerMs = 500;

/** One invocation's deadline. */
export interface Deadline {
  /** Aborts `settleMs` before Lambda's deadline, with a `DeadlineError`. */
  readonly signal: AbortSignal;
  /** Milliseconds until `signal` aborts; negative afterwards. */
  remainingMs(): number;
  /** A signal for a call that settles: aborts after `timeoutMs`, and half a second before Lambda's deadline. */
  within(timeoutMs: number): AbortSignal;
  /**
   * Stops what has begun now after `timeoutMs` with a `TimeoutError`, or when `signal` aborts with its reason, unless it is
   * lifted before; at once when `signal` is aborted already.
   */
  limit(limited: Limited, timeoutMs: number): void;
  /** What was limited has ended. */
  lift(limited: Limited): void;
  /** Ends the timer. */
  clear(): void;
}

/** What has to end in time. */
export interface Limited {
  /** Called once, with a `TimeoutError` or a `DeadlineError`. */
  stop(reason: unknown): void;
}

/** The invocation ends before the job's own timeout: not the job's fault, so no attempt of it. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** The job did not end within its job type's timeout. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** The deadline of an invocation that may run for another `remainingMs`, by `now`'s clock. */
export function openDeadline(remainingMs: number, now: () => number): Deadline {
  return new InvocationDeadline(remainingMs - settleMs, now);
}

interface Limit {
  readonly timeoutMs: number;
  /** As `performance.now` counts. */
  readonly endsAtMs: number;
}

/** One timer for all: most jobs end long before theirs would. */
class InvocationDeadline implements Deadline {
  readonly #now: () => number;
  /** By the clock that was given, and as `performance.now` counts. */
  readonly #endsAtMs: number;
  readonly #timedEndMs: number;
  readonly #running = new Map<Limited, Limit>();
  #controller: AbortController | undefined;
  #error: DeadlineError | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #nextMs = Number.POSITIVE_INFINITY;

  constructor(remainingMs: number, now: () => number) {
    this.#now = now;
    this.#endsAtMs = now() + remainingMs;
    this.#timedEndMs = performance.now() + Math.max(0, remainingMs);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#error !== undefined) this.#controller.abort(this.#error);
      else this.#wakeAt(this.#timedEndMs);
    }
    return this.#controller.signal;
  }

  remainingMs(): number {
    return this.#endsAtMs - this.#now();
  }

  within(timeoutMs: number): AbortSignal {
    return AbortSignal.timeout(Math.max(1, Math.min(timeoutMs, this.remainingMs() + settleMs - answerMs)));
  }

  limit(limited: Limited, timeoutMs: number): void {
    if (this.#error !== undefined) {
      limited.stop(this.#error);
      return;
    }
    const endsAtMs = performance.now() + timeoutMs;
    this.#running.set(limited, { timeoutMs, endsAtMs });
    this.#wakeAt(Math.min(endsAtMs, this.#timedEndMs));
  }

  lift(limited: Limited): void {
    this.#running.delete(limited);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }

  /** The timer is there once there is something to stop. */
  #wakeAt(atMs: number): void {
    if (atMs >= this.#nextMs) return;
    clearTimeout(this.#timer);
    this.#nextMs = atMs;
    this.#timer = setTimeout(InvocationDeadline.#onTimer, Math.max(0, Math.ceil(atMs - performance.now())), this);
  }

  static #onTimer(deadline: InvocationDeadline): void {
    deadline.#stopExpired(performance.now());
  }

  #stopExpired(nowMs: number): void {
    const isOver = nowMs >= this.#timedEndMs;
    if (isOver) {
      this.#error = new DeadlineError("Lambda's deadline came before the job's timeout");
      this.#controller?.abort(this.#error);
    }
    const inOrder = [...this.#running].toSorted(([, one], [, other]) => one.endsAtMs - other.endsAtMs);
    for (const [limited, { timeoutMs, endsAtMs }] of inOrder) {
      const isLate = nowMs >= endsAtMs;
      if (!isLate && !isOver) break;
      this.#running.delete(limited);
      limited.stop(isLate ? expired(timeoutMs) : this.#error);
    }
    this.#nextMs = Number.POSITIVE_INFINITY;
    if (isOver) return;
    const next = inOrder.find(([limited]) => this.#running.has(limited));
    this.#wakeAt(Math.min(next?.[1].endsAtMs ?? this.#timedEndMs, this.#timedEndMs));
  }
}

function expired(timeoutMs: number): TimeoutError {
  return new TimeoutError(`the job did not end within its timeout of ${wordDuration(timeoutMs)}`);
}

/** Resolves or rejects with `work`, but rejects with the signal's reason as soon as it aborts. */
export async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
