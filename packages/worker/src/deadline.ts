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
  /** Ends the timer. */
  clear(): void;
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
  const endsAtMs = now() + remainingMs - settleMs;
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new DeadlineError("Lambda's deadline came before the job's timeout")),
    Math.max(0, remainingMs - settleMs),
  );
  const leftMs = (): number => endsAtMs - now();
  return {
    signal: controller.signal,
    remainingMs: leftMs,
    within: (timeoutMs) => AbortSignal.timeout(Math.max(1, Math.min(timeoutMs, leftMs() + settleMs - answerMs))),
    clear: () => clearTimeout(timer),
  };
}

/** What a piece of work runs within. Most work never asks for its signal: it is made when it is read. */
export interface Within {
  readonly signal: AbortSignal;
}

/** Runs `work` with a signal that aborts after `timeoutMs` or with `outer`, and does not wait for it any longer than that. */
export function runWithin<Result>(
  work: (within: Within) => Promise<Result>,
  { timeoutMs, outer }: { readonly timeoutMs: number; readonly outer: AbortSignal },
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const limits = new Limits(timeoutMs, outer, reject);
    work(limits).then(
      (result) => {
        limits.lift();
        resolve(result);
      },
      (thrown) => {
        limits.lift();
        reject(thrown);
      },
    );
  });
}

/** What a piece of work runs within. A class, since every job has one: functions of its own would be made for each. */
class Limits implements Within {
  #controller: AbortController | undefined;
  #end: { readonly reason: unknown } | undefined;
  readonly #outer: AbortSignal;
  readonly #onEnd: (reason: unknown) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number, outer: AbortSignal, onEnd: (reason: unknown) => void) {
    this.#outer = outer;
    this.#onEnd = onEnd;
    this.#timer = setTimeout(Limits.#expire, timeoutMs, this, timeoutMs);
    if (outer.aborted) this.handleEvent();
    else outer.addEventListener("abort", this);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#end !== undefined) this.#controller.abort(this.#end.reason);
    }
    return this.#controller.signal;
  }

  /** The outer signal has aborted. */
  handleEvent(): void {
    this.#stop(this.#outer.reason);
  }

  lift(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this);
  }

  #stop(reason: unknown): void {
    this.lift();
    this.#end = { reason };
    this.#controller?.abort(reason);
    this.#onEnd(reason);
  }

  static #expire(limits: Limits, timeoutMs: number): void {
    limits.#stop(new TimeoutError(`the job did not end within its timeout of ${wordDuration(timeoutMs)}`));
  }
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
