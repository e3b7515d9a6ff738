import { type ErrorCode, errorCatalogue, TendrilError } from "@tendril/core/errors";

/** Problem details, the body of every refused request. https://www.rfc-editor.org/rfc/rfc9457 */
export interface Problem {
  /** `urn:tendril:error:CODE`: stable, and the same in every version. */
  readonly type: string;
  readonly title: string;
  readonly status: (typeof errorCatalogue)[ErrorCode]["status"];
  /** What is wrong with this request, in a sentence. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** The part of the request that is wrong, such as `data.email`. */
  readonly where?: string;
  /** What was given: its kind or size, never its content. */
  readonly given?: string;
  readonly allowed?: string;
  readonly fix?: string;
}

/** The media type of a `Problem`. */
export const problemMediaType = "application/problem+json";

/**
 * The problem that a caller is told of, whatever was thrown: everything about what the caller did, nothing of what is
 * behind the API.
 */
export function problemOf(thrown: unknown): Problem {
  const error = refusalOf(thrown);
  if (error === undefined) return serverProblem("request_failed");
  const { status, title } = errorCatalogue[error.code];
  if (status >= 500) return serverProblem(error.code);
  return { type: typeOf(error.code), title, status, detail: error.message, code: error.code, ...error.facts };
}

/** Seconds after which the caller should try again, for the header `retry-after`; undefined when that would change nothing. */
export function retryAfterSeconds(thrown: unknown): number | undefined {
  switch (refusalOf(thrown)?.code) {
    case "rate_limited":
      return 1;
    case "database_away":
      return 5; // a database that sleeps takes about 15 to wake
    default:
      return undefined;
  }
}

/** What was thrown as one of Tendril's errors: a call that AWS throttled is a request too many. */
function refusalOf(thrown: unknown): TendrilError | undefined {
  if (isThrottled(thrown)) {
    return new TendrilError("rate_limited", {
      given: "more requests than AWS takes at the moment",
      allowed: "fewer",
      fix: "Try again after the seconds in retry-after, and later each time.",
    });
  }
  return thrown instanceof TendrilError ? thrown : undefined;
}

/** Names and codes by which SQS, S3, Scheduler, Lambda, KMS and the Data API say that they were called too often. */
const throttles: ReadonlySet<unknown> = new Set([
  "KmsThrottled",
  "RequestThrottled",
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
]);

/** Whether an error, or one of those behind it, is AWS's word for too many calls. */
export function isThrottled(thrown: unknown): boolean {
  let error = thrown;
  for (let depth = 0; depth < 5 && typeof error === "object" && error !== null; depth += 1) {
    if (throttles.has(Reflect.get(error, "name")) || throttles.has(Reflect.get(error, "Code"))) return true;
    error = Reflect.get(error, "cause");
  }
  return false;
}

/** Codes of the server's own failures that callers are told; any other is `request_failed`. */
const toldCodes: ReadonlySet<ErrorCode> = new Set(["aws_call_failed", "database_away"]);

/** The problem of a request that failed through no fault of the caller's. */
function serverProblem(given: ErrorCode): Problem {
  const code = toldCodes.has(given) ? given : "request_failed";
  const { status, title } = errorCatalogue[code];
  const detail = `${title}. Nothing is wrong with the request: try it again; the log has more under its x-request-id.`;
  return { type: typeOf(code), title, status, detail, code };
}

const typeOf = (code: ErrorCode): string => `urn:tendril:error:${code}`;
