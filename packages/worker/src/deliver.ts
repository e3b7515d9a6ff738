import type { Logger } from "@aws-lambda-powertools/logger";
import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { parseDuration } from "@tendril/core/duration";
import { errorText } from "@tendril/core/errors";
import type { Handler } from "@tendril/core/handler";
import { jobDefaults, type RetryPolicy } from "@tendril/core/job";
import type { QueueLink } from "@tendril/core/link";
import type { WireJob } from "@tendril/core/message";
import { backoffMs, outcomeOfFailure } from "@tendril/core/outcome";
import type { Claim, Ledger } from "@tendril/ledger/ledger";
import type { SQSRecord } from "aws-lambda";
import { runAttempt } from "./attempt.ts";
import type { Settlement } from "./batch.ts";
import { deadLetterOf } from "./dead-letter.ts";
import type { Deadline } from "./deadline.ts";
import { handlerLog, logStart } from "./job-log.ts";
import { readRecord } from "./read-record.ts";

/** What a worker needs to deliver a record. */
export interface DeliveryTools {
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly queue: string;
  readonly link: QueueLink;
  readonly sqs: SQSClient;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
}

/** A delivery's end: what becomes of the record, and what logs and metrics say of it. */
export interface Delivery {
  readonly settlement: Settlement;
  /** Absent when the message could not be read. */
  readonly job?: WireJob;
  /** How long the attempt took, in milliseconds; absent when none began. */
  readonly ms?: number;
  readonly thrown?: unknown;
}

/** How long a dead letter, and a failed attempt's line in the ledger, are waited for, in milliseconds. */
const longestSendMs = 2000;
const longestRecordMs = 1500;

/** The retry policy of a message whose own is not known: the defaults of job types. */
const defaultPolicy: RetryPolicy = {
  attempts: jobDefaults.attempts,
  fromMs: parseDuration(jobDefaults.from),
  toMs: parseDuration(jobDefaults.to),
};

/** Delivers one record: reads it, claims its job, runs it, and dead-letters it when no attempt is left. */
export async function deliver(record: SQSRecord, tools: DeliveryTools, deadline: Deadline): Promise<Delivery> {
  const reading = await readRecord(record, tools.handlers);
  if (reading.kind === "unusable") {
    const { job, error: thrown } = reading;
    const dying = { record, job, thrown, attempt: 0, policy: defaultPolicy, ms: 0 };
    return { settlement: await bury(dying, tools, deadline), thrown, ...(job === undefined ? {} : { job }) };
  }
  const { job, handler, input } = reading;
  const { timeoutMs, retry: policy } = handler.spec;
  if (deadline.remainingMs() < timeoutMs) {
    return { job, settlement: { kind: "returned", reason: "the invocation has too little time left for it" } };
  }
  const startedAtMs = tools.now();
  const claim = await claimJob(job, tools, deadline);
  if (claim.kind === "duplicate") return { job, settlement: { kind: "duplicate" } };
  if (claim.kind === "skipped") return { job, settlement: claim };
  if (claim.kind !== "claimed") {
    return { job, settlement: notReached(record, policy, wordObstacle(claim), tools) };
  }
  const { attempt, transaction } = claim;
  logStart(tools.logger, { job, queue: tools.queue }, attempt);
  const log = handlerLog(tools.logger, job, attempt);
  const end = await runAttempt({ job, handler, input, number: attempt, transaction, deadline, log });
  const ms = tools.now() - startedAtMs;
  switch (end.kind) {
    case "committed":
      return { job, ms, settlement: { kind: "done", attempt } };
    case "cut":
      return { job, ms, settlement: notReached(record, policy, errorText(end.thrown), tools), thrown: end.thrown };
    case "failed": {
      const failed = { record, job, policy, attempt, thrown: end.thrown, ms };
      return { job, ms, settlement: await settleFailure(failed, tools, deadline), thrown: end.thrown };
    }
  }
}

/** A claim, or the error of a database that is away. */
type ClaimResult = Claim | { readonly kind: "away"; readonly error: unknown };

async function claimJob(job: WireJob, { ledger, queue }: DeliveryTools, deadline: Deadline): Promise<ClaimResult> {
  try {
    return await ledger.claim(job, queue, deadline.signal);
  } catch (error) {
    return { kind: "away", error };
  }
}

function wordObstacle(claim: Exclude<ClaimResult, { kind: "claimed" | "duplicate" | "skipped" }>): string {
  switch (claim.kind) {
    case "busy":
      return "another delivery of the job is running";
    case "away":
      return `the job could not be claimed: ${errorText(claim.error)}`;
  }
}

/** A retry that is no attempt. The ledger counts no attempts then, so the pauses grow with SQS's count of receipts. */
function notReached(record: SQSRecord, policy: RetryPolicy, error: string, { random }: DeliveryTools): Settlement {
  const receipts = Math.max(1, Number(record.attributes.ApproximateReceiveCount));
  return { kind: "retry", attempt: 0, delayMs: backoffMs(policy, receipts, random()), error };
}

interface FailedDelivery {
  readonly record: SQSRecord;
  readonly job: WireJob | undefined;
  readonly policy: RetryPolicy;
  readonly attempt: number;
  readonly thrown: unknown;
  readonly ms: number;
}

async function settleFailure(failed: FailedDelivery, tools: DeliveryTools, deadline: Deadline): Promise<Settlement> {
  const { policy, attempt, thrown } = failed;
  const error = errorText(thrown);
  const outcome = outcomeOfFailure({ policy, attempt, thrown, error, random: tools.random() });
  if (outcome.kind === "dead") return bury(failed, tools, deadline);
  await recordFailure(failed, "retry", tools, deadline);
  return outcome;
}

/**
 * Sends the record's dead letter, and only then lets go of the record: when SQS does not take the letter, the record is
 * delivered again, and its job gets another attempt. The other way round it could be lost; this way there can be two
 * letters at worst.
 */
async function bury(failed: FailedDelivery, tools: DeliveryTools, deadline: Deadline): Promise<Settlement> {
  const { record, job, thrown, attempt, policy } = failed;
  const { queue, link, sqs, now } = tools;
  const death = { thrown, attempt, queue, atMs: now(), ...(job === undefined ? {} : { jobId: job.id }) };
  try {
    const letter = new SendMessageCommand(deadLetterOf(record, link.deadLetterUrl, death));
    await sqs.send(letter, { abortSignal: deadline.within(longestSendMs) });
  } catch (sendError) {
    await recordFailure(failed, "retry", tools, deadline);
    const error = `${errorText(thrown)} (and its dead letter could not be sent: ${errorText(sendError)})`;
    return { ...notReached(record, policy, error, tools) };
  }
  await recordFailure(failed, "dead", tools, deadline);
  return { kind: "dead", attempt, error: errorText(thrown) };
}

/** Writes a failure into the ledger when the ledger can be reached: what becomes of the job does not hang on it. */
async function recordFailure(
  { job, attempt, thrown, ms }: FailedDelivery,
  state: "retry" | "dead",
  { ledger, queue, logger }: DeliveryTools,
  deadline: Deadline,
): Promise<void> {
  if (job === undefined) return;
  const failure = { job, queue, attempt, state, error: errorText(thrown), ranForMs: ms };
  try {
    await ledger.recordFailure(failure, deadline.within(longestRecordMs));
  } catch (error) {
    logger.warn("failure not recorded", { job_id: job.id, job_type: job.type, attempt, error: errorText(error) });
  }
}
