import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { parseDuration } from "@tendril/core/duration";
import { errorText, TendrilError } from "@tendril/core/errors";
import { jobDefaults, type RetryPolicy } from "@tendril/core/job";
import type { WireJob } from "@tendril/core/message";
import { backoffMs, type Outcome, outcomeOfFailure } from "@tendril/core/outcome";
import type { SQSRecord } from "aws-lambda";
import type { Settlement } from "./batch.ts";
import { deadLetterOf } from "./dead-letter.ts";
import { type Invocation, receiptsOf } from "./invocation.ts";

/** A delivery that did not come to its good end. */
export interface FailedDelivery {
  readonly record: SQSRecord;
  /** Absent when the message could not be read. */
  readonly job: WireJob | undefined;
  readonly policy: RetryPolicy;
  /** 0 when the handler was not reached. */
  readonly attempt: number;
  readonly thrown: unknown;
  /** How long the attempt took, in milliseconds. */
  readonly ms: number;
  /**
   * Whether the ledger hears of it: `always`; `never`, for at-least-once jobs, and for those whose row says that they are
   * done; `when dead`, for what the ledger knows already as long as the job lives.
   */
  readonly inLedger: "always" | "when dead" | "never";
}

/** How long a dead letter, and a failed attempt's line in the ledger, are waited for, in milliseconds. */
const longestSendMs = 2000;
const longestRecordMs = 1500;

/** The retry policy of a message whose own is not known: the defaults of job types. */
export const defaultPolicy: RetryPolicy = {
  attempts: jobDefaults.attempts,
  fromMs: parseDuration(jobDefaults.from),
  toMs: parseDuration(jobDefaults.to),
};

/** What becomes of a record whose attempt failed: another attempt later, or its dead letter. */
export async function settleFailure(failed: FailedDelivery, invocation: Invocation): Promise<Settlement> {
  const { policy, attempt, thrown } = failed;
  const error = errorText(thrown);
  const outcome = outcomeOfFailure({ policy, attempt, thrown, error, random: invocation.random() });
  if (outcome.kind === "dead") return bury(failed, invocation);
  if (isLastReceipt(failed.record, invocation)) return bury(exhausted(failed, invocation), invocation);
  if (failed.inLedger === "always") await recordFailure(failed, "retry", invocation);
  return outcome;
}

/** What becomes of a record that has to come back for something that is no attempt of its job. */
export async function settleObstacle(failed: FailedDelivery, invocation: Invocation): Promise<Settlement> {
  if (isLastReceipt(failed.record, invocation)) return bury(exhausted(failed, invocation), invocation);
  if (failed.inLedger === "always") await recordFailure(failed, "retry", invocation);
  return comeBack(failed, invocation);
}

/** A retry that is no attempt. The ledger counts no attempts then, so the pauses grow with SQS's count of receipts. */
export function comeBack(
  { record, policy, thrown }: Pick<FailedDelivery, "record" | "policy" | "thrown">,
  { random }: Pick<Invocation, "random">,
): Outcome & { readonly kind: "retry" } {
  const delayMs = backoffMs(policy, receiptsOf(record), random());
  return { kind: "retry", attempt: 0, delayMs, error: errorText(thrown) };
}

/**
 * Sends the record's dead letter, and only then lets go of the record: when SQS does not take the letter, the record is
 * delivered again, and its job gets another attempt. The other way round it could be lost; this way there can be two
 * letters at worst.
 */
export async function bury(failed: FailedDelivery, invocation: Invocation): Promise<Settlement> {
  const { record, job, thrown, attempt, inLedger } = failed;
  const { queue, link, sqs, now, deadline } = invocation;
  const death = { thrown, attempt, queue, atMs: now(), ...(job === undefined ? {} : { jobId: job.id }) };
  try {
    const letter = new SendMessageCommand(deadLetterOf(record, link.deadLetterUrl, death));
    await sqs.send(letter, { abortSignal: deadline.within(longestSendMs) });
  } catch (sendError) {
    if (inLedger === "always") await recordFailure(failed, "retry", invocation);
    const error = `${errorText(thrown)} (and its dead letter could not be sent: ${errorText(sendError)})`;
    return { ...comeBack(failed, invocation), error };
  }
  if (inLedger !== "never") await recordFailure(failed, "dead", invocation);
  return { kind: "dead", attempt, error: errorText(thrown) };
}

/** Whether SQS would take the message away, without a reason, instead of delivering it again. */
function isLastReceipt(record: SQSRecord, { maxReceiveCount }: Invocation): boolean {
  return receiptsOf(record) >= maxReceiveCount;
}

function exhausted(failed: FailedDelivery, { maxReceiveCount }: Invocation): FailedDelivery {
  const { record, thrown } = failed;
  const error = new TendrilError("receipts_exhausted", {
    where: "ApproximateReceiveCount",
    given: `receipt ${receiptsOf(record)}, whose delivery ended with: ${errorText(thrown, 700)}`,
    allowed: `${maxReceiveCount} receipts of a message (the queue's maxReceiveCount)`,
    cause: thrown,
  });
  return { ...failed, thrown: error };
}

/** Writes a failure into the ledger when the ledger can be reached: what becomes of the job does not hang on it. */
async function recordFailure(
  { record, job, attempt, thrown, ms }: FailedDelivery,
  state: "retry" | "dead",
  { ledger, queue, logger, deadline }: Invocation,
): Promise<void> {
  if (job === undefined) return;
  const { messageId } = record;
  const failure = { job, queue, messageId, attempt, state, error: errorText(thrown), ranForMs: ms };
  try {
    await ledger.recordFailure(failure, deadline.within(longestRecordMs));
  } catch (error) {
    logger.warn("failure not recorded", { job_id: job.id, job_type: job.type, attempt, error: errorText(error) });
  }
}
