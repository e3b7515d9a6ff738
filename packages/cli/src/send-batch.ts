import type { EnqueueResult } from "@tendril/client/client-interface";
import { sendEntries } from "@tendril/client/http-batch";
import type { HttpCall } from "@tendril/client/http-call";
import type { Entry } from "@tendril/client/http-entry";
import { machineSleep } from "@tendril/client/sleep";
import type { ErrorCode, TendrilError } from "@tendril/core/errors";

/** A job that was refused for its own sake: sent again, it would be refused again. */
export interface Refusal {
  readonly lineNumber: number;
  readonly error: TendrilError;
}

/** Codes that are about one job. With any other, the API did not take it, and may yet. */
const aboutTheJob: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "input_invalid",
  "duration_invalid",
  "key_conflict",
  "queue_unknown",
  "body_not_object",
  "body_too_large",
]);

/** Codes after which waiting helps. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["rate_limited", "aws_call_failed", "request_failed"]);

/** Codes of a request that was turned away as a whole. */
const turnedAway: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "unauthorized",
  "forbidden",
  "job_type_unknown",
  "route_unknown",
]);

/** Whether what `sendBatch` throws tells that no job of a first batch was taken. */
export const tookNothing = ({ code, facts }: TendrilError): boolean =>
  turnedAway.has(code) || /^no answer \((?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN)\)/.test(facts.given);

/** How long to wait before each further try, in milliseconds: about a minute, besides the pauses of each call itself. */
const pausesMs = [1_000, 2_000, 5_000, 10_000, 20_000, 20_000];

/** What `sendBatch` is told. */
export interface BatchOptions {
  readonly call: HttpCall;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Whether to try for a minute what is not taken. */
  readonly patient: boolean;
}

/**
 * Sends the jobs of lines, all of which have keys, so that they may be sent again. Resolves to those that were refused.
 * Rejects when others are left, with why: these may have been taken all the same.
 */
export async function sendBatch(
  entries: ReadonlyMap<number, Entry>,
  { call, signal, patient }: BatchOptions,
): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  let left = entries;
  for (let tries = 0; left.size > 0; tries += 1) {
    const failures = failuresOf(await sendEntries(left, { call }));
    refusals.push(...failures.filter(({ error }) => aboutTheJob.has(error.code)));
    const others = failures.filter(({ error }) => !aboutTheJob.has(error.code));
    const [first] = others;
    if (first === undefined) return refusals;
    const pauseMs = patient ? pausesMs[tries] : undefined;
    if (pauseMs === undefined || signal.aborted || !others.every(({ error }) => passing.has(error.code))) {
      throw first.error;
    }
    await machineSleep(pauseMs, signal).catch(() => {}); // stopping: once more, then it is over
    left = new Map([...left].filter(([lineNumber]) => others.some((each) => each.lineNumber === lineNumber)));
  }
  return refusals;
}

const failuresOf = (results: ReadonlyMap<number, EnqueueResult>): Refusal[] =>
  [...results].flatMap(([lineNumber, result]) =>
    result.kind === "refused" ? [{ lineNumber, error: result.error }] : [],
  );
