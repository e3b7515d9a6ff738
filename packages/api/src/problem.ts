import { type ErrorCode, errorCatalogue, type TendrilError } from "@tendril/core/errors";

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

/** The problem that a caller is told of: everything about what the caller did, nothing of what is behind the API. */
export function problemOf(error: TendrilError): Problem {
  const { status, title } = errorCatalogue[error.code];
  if (status >= 500) return serverProblem(error.code === "aws_call_failed" ? "aws_call_failed" : "request_failed");
  return { type: typeOf(error.code), title, status, detail: error.message, code: error.code, ...error.facts };
}

/** The problem of a request that failed through no fault of the caller's. */
export function serverProblem(code: "aws_call_failed" | "request_failed"): Problem {
  const { status, title } = errorCatalogue[code];
  const detail = `${title}. Nothing is wrong with the request: try it again; the log has more under its x-request-id.`;
  return { type: typeOf(code), title, status, detail, code };
}

const typeOf = (code: ErrorCode): string => `urn:tendril:error:${code}`;
