import { setTimeout as delay } from "node:timers/promises";
import { RDSDataServiceException } from "@aws-sdk/client-rds-data";
import { TendrilError } from "@tendril/core/errors";

/** Waits; rejects when the signal aborts. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

export interface CallOptions {
  /** Whether the call may be made again when nobody knows whether the first one was run. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

export type Caller = <Output>(send: () => Promise<Output>, options: CallOptions) => Promise<Output>;

/** How long one call waits for a database that resumes, in milliseconds. Aurora takes about 15 seconds from 0 ACU. */
const longestResumeMs = 30_000;
const longestResumePauseMs = 4_000;
/** How often a call is made in all, and the first pause, for other errors that pass. */
const mostTries = 3;
const firstPauseMs = 100;

const defaultSleep: Sleep = (milliseconds, signal) =>
  delay(milliseconds, undefined, signal === undefined ? undefined : { signal });

/**
 * Makes calls again when that is safe. A database that resumes has not seen the call ("wait a few seconds and try again"):
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html
 */
export function createCaller(sleep: Sleep = defaultSleep): Caller {
  return async (send, { repeatable, signal }) => {
    let waitedMs = 0;
    let tries = 0;
    for (;;) {
      try {
        return await send();
      } catch (error) {
        if (signal?.aborted) throw error;
        const pauseMs = nextPauseMs(error, { repeatable, waitedMs, tries });
        if (pauseMs === undefined) throw error;
        if (isResuming(error)) waitedMs += pauseMs;
        else tries += 1;
        await sleep(pauseMs, signal);
      }
    }
  };
}

function nextPauseMs(
  error: unknown,
  { repeatable, waitedMs, tries }: { repeatable: boolean; waitedMs: number; tries: number },
): number | undefined {
  if (isResuming(error)) {
    const pauseMs = Math.min(longestResumePauseMs, Math.max(500, waitedMs));
    return waitedMs + pauseMs <= longestResumeMs ? pauseMs : undefined;
  }
  const mayRepeat = wasNotRun(error) || (repeatable && isDatabaseAway(error));
  return mayRepeat && tries + 1 < mostTries ? firstPauseMs * 2 ** tries : undefined;
}

const isResuming = (error: unknown): boolean => nameOf(error) === "DatabaseResumingException";

/** Errors that say for sure that the statement was not run. */
const notRunNames = ["ThrottlingException", "TooManyRequestsException"];
const notRunCodes = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"];

function wasNotRun(error: unknown): boolean {
  return notRunNames.includes(nameOf(error)) || notRunCodes.includes(codeOf(error));
}

/** Errors by which the database, or the Data API before it, answers a statement. */
const answerNames = [
  "BadRequestException",
  "DatabaseErrorException",
  "SerializationException",
  "StatementTimeoutException",
  "TransactionNotFoundException",
  "UnsupportedResultException",
  "ValidationException",
];

/** SQLState classes that say that the server, not the statement, is in trouble: connection, resources, shutdown. */
const troubleStates = /^(?:08|53|57P|58)/;

/**
 * Whether a call failed without an answer to its statement: no connection, no right to connect, a server in trouble. What
 * the call did is then unknown, and the caller is not to blame.
 */
export function isDatabaseAway(error: unknown): boolean {
  // Refused before it was sent: by this room, or by the SDK, which found the input to be no input.
  if (error instanceof TendrilError || error instanceof TypeError) return false;
  if (error instanceof RDSDataServiceException && answerNames.includes(error.name)) {
    return troubleStates.test(sqlState(error) ?? "");
  }
  return true;
}

/**
 * The five characters of Postgres' SQLState in an error of the Data API, e.g. `23505`.
 * https://www.postgresql.org/docs/17/errcodes-appendix.html
 */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return /SQLState: ([0-9A-Z]{5})/.exec(error.message)?.[1];
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "");

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  // Node reports a host with several addresses as one AggregateError; the SDK wraps what it cannot name.
  return error.cause === undefined ? "" : codeOf(error.cause);
}
