import { TendrilError } from "@tendril/core/errors";

/** The error `aws_call_failed` for a message that AWS has not taken, or not said so. */
export function callFailed(call: string, given: string, cause: unknown): TendrilError {
  return new TendrilError("aws_call_failed", {
    where: call,
    given,
    allowed: "that AWS takes the message",
    fix: "Try again; with the same job id it takes effect once, even when AWS has it already.",
    cause,
  });
}

/** `AccessDenied`, `ECONNREFUSED` …: what happened, without the text of the answer. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "something thrown that is no error";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
