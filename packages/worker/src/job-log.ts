import type { Logger } from "@aws-lambda-powertools/logger";
import { errorText } from "@tendril/core/errors";
import type { Log } from "@tendril/core/handler";
import type { WireJob } from "@tendril/core/message";
import type { Settlement } from "./batch.ts";
import { JobLogger } from "./job-logger.ts";

/** What a line says of the delivery that it is about. */
export interface Delivered {
  /** The job, or the message when it could not be read. */
  readonly job: WireJob | { readonly messageId: string };
  readonly queue: string;
  /** How long the attempt took, in milliseconds; absent when none began. */
  readonly ms?: number | undefined;
  /** How many follow-ups were sent; 0 is not told. */
  readonly followUps?: number | undefined;
  /** What a built-in job has done. */
  readonly facts?: Readonly<Record<string, number>> | undefined;
}

/** The job type that stands in logs and metrics when it is not one of the worker's own. */
export const unknownJobType = "unknown";

/**
 * Logs "job started". Resolves once the line is written: a handler that takes its process down must not begin before, or
 * nobody would know which one it was. The jobs of a batch that begin together share a write.
 */
export function logStart(logger: Logger, delivered: Delivered, attempt: number): Promise<void> | undefined {
  const keys = keysOf(delivered, { attempt });
  if (!(logger instanceof JobLogger)) {
    logger.info("job started", keys);
    return undefined;
  }
  const written = logger.keep();
  logger.line("info", "job started", keys);
  return written;
}

/** Logs one line for what became of a delivery: "job done", "job retry", "job dead", "job duplicate", "job skipped", "job returned". */
export function logSettlement(logger: Logger, delivered: Delivered, settlement: Settlement, thrown?: unknown): void {
  const [level, message] = lines[settlement.kind];
  const keys = keysOf(delivered, factsOf(settlement), thrown);
  if (!(logger instanceof JobLogger)) {
    logger[level](message, keys);
    return;
  }
  logger.keepLonger();
  logger.line(level, message, keys);
}

const lines = {
  done: ["info", "job done"],
  duplicate: ["info", "job duplicate"],
  skipped: ["info", "job skipped"],
  returned: ["warn", "job returned"],
  retry: ["warn", "job retry"],
  dead: ["error", "job dead"],
} as const satisfies Record<Settlement["kind"], readonly [level: string, message: string]>;

interface Facts {
  readonly attempt?: number;
  readonly delayMs?: number;
  readonly reason?: string;
  readonly error?: string;
}

const noFacts: Facts = {};

function factsOf(settlement: Settlement): Facts {
  switch (settlement.kind) {
    case "duplicate":
      return noFacts;
    case "done":
    case "skipped":
    case "retry":
    case "dead":
      return settlement;
    case "returned":
      return { error: settlement.reason };
  }
}

/** What handlers know as `job.log`: their own facts cannot hide whose line it is. */
export function handlerLog(logger: Logger, job: WireJob, attempt: number): Log {
  return (message, facts) => logger.info(message, { ...facts, job_id: job.id, job_type: job.type, attempt });
}

/** Logs that SQS could not be told something about a delivery, which heals by itself. */
export function logUnsettled(logger: Logger, messageId: string | undefined, error: unknown): void {
  logger.warn("message not settled", { message_id: messageId, error: errorText(error) });
}

/** Logs that a follow-up was refused: a handler that does not wait for `job.enqueue` would not hear of it. */
export function logRefused(
  logger: Logger,
  { job, attempt }: { readonly job: WireJob; readonly attempt: number },
  type: string,
  error: unknown,
): void {
  const keys = { job_id: job.id, job_type: job.type, attempt };
  logger.warn("follow-up refused", { ...keys, follow_up_type: type, error: errorText(error) });
}

/** Logs that the outbox of jobs that are done could not be cleared, which heals when they are delivered again. */
export function logUncleared(logger: Logger, records: number, error: unknown): void {
  logger.warn("follow-ups not cleared", { records, error: errorText(error) });
}

/** The Logger leaves out what is undefined. Always the same keys, so that all lines' have one shape. */
function keysOf(
  { job, queue, ms, followUps, facts }: Delivered,
  { attempt, delayMs, reason, error }: Facts,
  thrown?: unknown,
) {
  const read = "id" in job;
  const keys = {
    job_id: read ? job.id : job.messageId,
    job_type: read ? job.type : unknownJobType,
    queue,
    ms: ms === undefined ? undefined : Math.round(ms),
    follow_ups: followUps === 0 ? undefined : followUps,
    scheduled_at: read ? job.schedule?.scheduledAt.toISOString() : undefined,
    attempt,
    delay_ms: delayMs,
    reason,
    error,
    stack: thrown === undefined ? undefined : stackOf(thrown),
  };
  return facts === undefined ? keys : { ...facts, ...keys };
}

/** A line of a log has at most 256 KB, and a stack may begin with a message of any length. */
const longestStack = 4000;

/** Where a handler threw; what was thrown stands in `error`. */
function stackOf(thrown: unknown): string | undefined {
  // Whatever the type says, it may be anything.
  const stack: unknown = thrown instanceof Error ? thrown.stack : undefined;
  return typeof stack === "string" ? stack.split("\n").slice(1, 7).join("\n").slice(0, longestStack) : undefined;
}
