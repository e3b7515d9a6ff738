import type { Context } from "hono";

/** How long a request may take, in milliseconds. */
const defaultBudgetMs = 26_000;

/** What is kept of the function's time for the answer, in milliseconds. */
const reserveMs = 1500;

/** The time that is left for a request. */
export interface Budget {
  readonly leftMs: number;
  /** Aborts when it is over, or when the caller is gone. */
  readonly signal: AbortSignal;
}

/** The time that a request has: Lambda's own, less what the answer takes, and at most `longestMs`. */
export function budgetOf(context: Pick<Context, "env" | "req">, longestMs = defaultBudgetMs): Budget {
  const ofFunctionMs = (functionLeftMs(context.env) ?? Number.POSITIVE_INFINITY) - reserveMs;
  const leftMs = Math.max(0, Math.min(longestMs, ofFunctionMs));
  return { leftMs, signal: AbortSignal.any([context.req.raw.signal, AbortSignal.timeout(leftMs)]) };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function functionLeftMs(env: unknown): number | undefined {
  const context = member(env, "lambdaContext");
  const read = member(context, "getRemainingTimeInMillis");
  const leftMs: unknown = typeof read === "function" ? read.call(context) : undefined;
  return typeof leftMs === "number" ? leftMs : undefined;
}

/** A member of what may be an object. */
export const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

/** Rejects with the signal's reason when it aborts; else it never settles. */
export function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
