import { errorText, TendrilError } from "@tendril/core/errors";
import type { Source } from "@tendril/core/source";
import { nameOf } from "../call-failed.ts";

/** A queue and where its dead letters lie. */
export interface DeadQueue {
  readonly name: string;
  readonly fifo: boolean;
  readonly url: string;
  readonly deadLetterUrl: string;
  /** Receipts after which SQS itself moves a message. */
  readonly maxReceiveCount: number | undefined;
  /** Whose envelopes it carries; of a queue that is named by its address nobody knows. */
  readonly sources: readonly Source[];
}

/**
 * Turns what an AWS call throws into an error of one line, which says what to do: `aws_call_failed`, and `rate_limited`
 * when AWS was asked too often.
 */
export function failedCall(call: string): (cause: unknown) => never {
  return (cause) => {
    const name = nameOf(cause);
    if (/Throttl|TooManyRequests|RequestLimitExceeded/i.test(name)) {
      throw new TendrilError("rate_limited", {
        where: call,
        given: "more calls than AWS takes now",
        allowed: "fewer of them",
        fix: "Try again in a moment.",
        cause,
      });
    }
    const refused = name === "ECONNREFUSED";
    throw new TendrilError("aws_call_failed", {
      where: call,
      given: refused ? "nobody at the address" : (errorText(cause, 300).split("\n")[0] ?? ""),
      allowed: "that AWS does it",
      fix: refused ? "Is `tendril dev` running, and is it its --aws-port?" : "Check region, credentials and queue.",
      cause,
    });
  };
}
