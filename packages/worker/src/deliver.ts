import { wordDuration } from "@tendril/core/duration";
import { TendrilError } from "@tendril/core/errors";
import type { SQSRecord } from "aws-lambda";
import { deliverAtLeastOnce } from "./at-least-once.ts";
import { claimedBytes } from "./claimed-input.ts";
import { deliverExactlyOnce } from "./exactly-once.ts";
import { bury, defaultPolicy, settleObstacle } from "./failure.ts";
import { deliverInGroup, goesInGroup } from "./group-delivery.ts";
import type { Committing, Delivery, Invocation, Runnable, suspect } from "./invocation.ts";
import { type RecordReading, readRecord } from "./read-record.ts";

/**
 * Delivers one record, once there is room for its input: reads it, runs its job as the job type promises, and dead-letters
 * it when no attempt is left.
 * Resolves to `suspect` for a job that has taken its process down before and has not been run now, because it is not
 * `alone`: other jobs of the batch are running or wait to be run.
 */
export function deliver(
  record: SQSRecord,
  invocation: Invocation,
  alone: boolean,
): Promise<Delivery | Committing | typeof suspect> {
  const bytes = claimedBytes(record);
  return bytes === 0 ? readAndDeliver(record, invocation, alone) : deliverLarge(record, invocation, { alone, bytes });
}

async function deliverLarge(
  record: SQSRecord,
  invocation: Invocation,
  { alone, bytes }: { readonly alone: boolean; readonly bytes: number },
): Promise<Delivery | Committing | typeof suspect> {
  const giveBack = await invocation.inputRoom.take(bytes);
  try {
    return await readAndDeliver(record, invocation, alone);
  } finally {
    giveBack();
  }
}

/** Not async: a promise for each step of each record is what a short job would cost most. */
function readAndDeliver(
  record: SQSRecord,
  invocation: Invocation,
  alone: boolean,
): Promise<Delivery | Committing | typeof suspect> {
  const reading = readRecord(record, invocation);
  return reading instanceof Promise
    ? reading.then((late) => deliverRead(record, late, { invocation, alone }))
    : deliverRead(record, reading, { invocation, alone });
}

function deliverRead(
  record: SQSRecord,
  reading: RecordReading,
  { invocation, alone }: { readonly invocation: Invocation; readonly alone: boolean },
): Promise<Delivery | Committing | typeof suspect> {
  switch (reading.kind) {
    case "unusable":
      return buryUnusable(record, reading, invocation);
    case "ignored":
      return Promise.resolve({ settlement: { kind: "skipped", reason: reading.reason } });
    case "built-in":
      return reading.builtIn.deliver({ record, job: reading.job }, invocation);
    case "away":
      return returnAway({ ...reading, record }, invocation);
    case "job": {
      const { job, handler, input } = reading;
      const runnable = { record, job, handler, input };
      const { timeoutMs } = handler.spec;
      if (timeoutMs > invocation.longestJobMs) {
        return buryUnusable(record, { kind: "unusable", job, error: unfit(timeoutMs, invocation) }, invocation);
      }
      if (invocation.deadline.remainingMs() < timeoutMs) return returnUntried(runnable, invocation);
      if (handler.spec.effects === "at-least-once") return deliverAtLeastOnce(runnable, invocation, alone);
      if (goesInGroup(runnable)) return deliverInGroup(runnable, invocation);
      return deliverExactlyOnce(runnable, invocation, alone);
    }
  }
}

/** No attempt can help. The ledger hears of it, but for the types that cost no Data API call. */
async function buryUnusable(
  record: SQSRecord,
  { job, error: thrown }: RecordReading & { readonly kind: "unusable" },
  invocation: Invocation,
): Promise<Delivery> {
  const spec = job === undefined ? undefined : invocation.handlers.get(job.type)?.spec;
  const inLedger = spec?.effects === "at-least-once" ? "never" : "always";
  const dying = { record, job, thrown, attempt: 0, policy: defaultPolicy, ms: 0, inLedger } as const;
  return { settlement: await bury(dying, invocation), thrown, ...(job === undefined ? {} : { job }) };
}

/** The input could not be had in time: the job comes back, and that is no attempt. */
async function returnAway(
  { record, job, handler, error: thrown }: RecordReading & { readonly kind: "away"; readonly record: SQSRecord },
  invocation: Invocation,
): Promise<Delivery> {
  const { effects, retry: policy } = handler.spec;
  const inLedger = effects === "at-least-once" ? "never" : "when dead";
  const settlement = await settleObstacle({ record, job, policy, attempt: 0, thrown, ms: 0, inLedger }, invocation);
  return { job, settlement, thrown };
}

async function returnUntried(runnable: Runnable, invocation: Invocation): Promise<Delivery> {
  const { record, job, handler } = runnable;
  const { effects, retry: policy } = handler.spec;
  const reason = "the invocation has too little time left for it";
  const inLedger = effects === "at-least-once" ? "never" : "when dead";
  const untried = { record, job, policy, attempt: 0, thrown: new Error(reason), ms: 0, inLedger } as const;
  const settlement = await settleObstacle(untried, invocation);
  return { job, settlement: settlement.kind === "dead" ? settlement : { kind: "returned", reason } };
}

/** A job on a queue that was not planned for it: it would be returned for lack of time at each receipt. */
function unfit(timeoutMs: number, { queue, longestJobMs }: Invocation): TendrilError {
  return new TendrilError("queue_unfit", {
    where: `queue ${queue}`,
    given: `a job type with a timeout of ${wordDuration(timeoutMs)}`,
    allowed: `at most ${wordDuration(longestJobMs)} on this queue`,
    fix: "Send the job to its own queue, or raise this queue's `worker.timeout`.",
  });
}
