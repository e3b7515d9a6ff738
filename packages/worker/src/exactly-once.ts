import { errorText } from "@tendril/core/errors";
import type { Claim } from "@tendril/ledger/ledger";
import { giveBack, runInTransaction } from "./attempt.ts";
import { crashed } from "./crash.ts";
import { bury, comeBack, type FailedDelivery, settleFailure, settleObstacle } from "./failure.ts";
import { type Delivery, type Invocation, type Runnable, receiptsOf, suspect } from "./invocation.ts";
import { logStart } from "./job-log.ts";

/**
 * Delivers a job whose effects are to happen once: claims it, runs it in the claim's transaction, commits, and sends its
 * follow-ups. `alone`: no other job of the batch is running or waits to be run; only then is a suspect run.
 */
export async function deliverExactlyOnce(
  runnable: Runnable,
  invocation: Invocation,
  alone: boolean,
): Promise<Delivery | typeof suspect> {
  const { job, record, handler } = runnable;
  const obstacle = { record, job, policy: handler.spec.retry, attempt: 0, ms: 0, inLedger: "when dead" } as const;
  const startedAtMs = runnable.ahead?.startedAtMs ?? invocation.now();
  const claim = await claimJob(runnable, invocation);
  switch (claim.kind) {
    case "claimed":
      return runClaimed({ ...runnable, claim, startedAtMs }, invocation, alone);
    case "duplicate":
      return claim.owes ? flush(runnable, invocation) : { job, settlement: { kind: "duplicate" } };
    case "skipped":
      return { job, settlement: claim };
    case "busy": {
      // Even at its last receipt: this delivery has nothing to report, the one that runs has.
      const thrown = new Error("another delivery of the job is running");
      return { job, settlement: comeBack({ ...obstacle, thrown }, invocation) };
    }
    case "away": {
      const thrown = new Error(`the job could not be claimed: ${errorText(claim.error)}`, { cause: claim.error });
      return { job, settlement: await settleObstacle({ ...obstacle, thrown }, invocation) };
    }
  }
}

/** A claim, or the error of a database that is away. */
type ClaimResult = Claim | { readonly kind: "away"; readonly error: unknown };

async function claimJob({ job, record }: Runnable, { ledger, queue, deadline }: Invocation): Promise<ClaimResult> {
  try {
    return await ledger.claim({ job, queue, messageId: record.messageId }, deadline.signal);
  } catch (error) {
    return { kind: "away", error };
  }
}

/** A job that is this delivery's to run. */
interface Claimed extends Runnable {
  readonly claim: Claim & { readonly kind: "claimed" };
  readonly startedAtMs: number;
}

async function runClaimed(
  claimed: Claimed,
  invocation: Invocation,
  alone: boolean,
): Promise<Delivery | typeof suspect> {
  const { record, job, handler, claim, ahead } = claimed;
  const { attempt, crashes, transaction } = claim;
  const { deadline, ledger } = invocation;
  if (crashes > 0) {
    // At a message's first receipt they are the starts of an earlier message, whose death could not be written down.
    const isSpent = attempt > handler.spec.retry.attempts && receiptsOf(record) > 1;
    if (isSpent || !alone) await giveBack(transaction, deadline);
    if (isSpent) return buryCrashed(claimed, invocation);
    if (!alone) return suspect;
  }
  const isMarked = receiptsOf(record) > 1;
  if (isMarked) {
    try {
      await ledger.markStart(job.id, deadline.signal);
    } catch (thrown) {
      await giveBack(transaction, deadline);
      return settleCut({ claimed, thrown, isMarked }, invocation);
    }
  }
  if (ahead === undefined) await logStart(invocation.logger, { job, queue: invocation.queue }, attempt);
  const end = await runInTransaction({ ...claimed, number: attempt, invocation }, transaction);
  switch (end.kind) {
    case "committed":
      return finishDone({ ...claimed, attempt }, end.followUps, invocation);
    case "cut":
      return settleCut({ claimed, thrown: end.thrown, isMarked }, invocation);
    case "failed": {
      const failed = { ...failureOf(claimed, end.thrown, invocation), inLedger: "always" as const };
      return { job, ms: failed.ms, settlement: await settleFailure(failed, invocation), thrown: end.thrown };
    }
  }
}

function failureOf(
  { record, job, handler, claim, startedAtMs }: Claimed,
  thrown: unknown,
  { now }: Invocation,
): Omit<FailedDelivery, "inLedger"> {
  return { record, job, policy: handler.spec.retry, attempt: claim.attempt, thrown, ms: now() - startedAtMs };
}

/** The ledger keeps the marks of its starts until the letter is sent, so that a delivery after this one buries it too. */
async function buryCrashed(claimed: Claimed, invocation: Invocation): Promise<Delivery> {
  const { job, claim } = claimed;
  const attempts = claim.attempt - 1;
  const thrown = crashed(`${attempts} attempts`);
  const failed = { ...failureOf(claimed, thrown, invocation), attempt: attempts, inLedger: "when dead" as const };
  return { job, settlement: await bury(failed, invocation), thrown, crashed: true };
}

/** An attempt that was none: its start is unmarked, so that the next claim does not take it for a crash. */
async function settleCut(
  { claimed, thrown, isMarked }: { readonly claimed: Claimed; readonly thrown: unknown; readonly isMarked: boolean },
  invocation: Invocation,
): Promise<Delivery> {
  const { job, claim } = claimed;
  // With the marks the ledger loses its count of earlier crashes, so they are written down as attempts.
  const attempt = claim.crashes === 0 ? 0 : claim.attempt - 1;
  const inLedger = isMarked ? ("always" as const) : ("when dead" as const);
  const failed = { ...failureOf(claimed, thrown, invocation), attempt, inLedger };
  return { job, ms: failed.ms, settlement: await settleObstacle(failed, invocation), thrown };
}

/** After the commit: sends the follow-ups. What SQS does not take stays in the ledger for the message's next delivery. */
export async function finishDone(
  done: Runnable & { readonly attempt: number; readonly startedAtMs: number },
  followUps: Parameters<Invocation["outbox"]["send"]>[0],
  invocation: Invocation,
): Promise<Delivery> {
  const { job, record, attempt, startedAtMs } = done;
  const ms = invocation.now() - startedAtMs;
  try {
    await invocation.outbox.sendCommitted(record, followUps);
    return { job, ms, settlement: { kind: "done", attempt }, followUps: followUps.length };
  } catch (thrown) {
    return { job, ms, settlement: await settleOwing(done, thrown, invocation), thrown };
  }
}

/** Sends the follow-ups of a job that was done before; never is its message let go before they are sent. */
async function flush(runnable: Runnable, invocation: Invocation): Promise<Delivery> {
  const { job, record } = runnable;
  try {
    const followUps = await invocation.outbox.flush(record, job.id);
    return { job, settlement: { kind: "duplicate" }, followUps };
  } catch (thrown) {
    return { job, settlement: await settleOwing(runnable, thrown, invocation), thrown };
  }
}

function settleOwing({ record, job, handler }: Runnable, cause: unknown, invocation: Invocation) {
  const thrown = new Error(`the job is done, but ${errorText(cause)}`, { cause });
  const owing = { record, job, policy: handler.spec.retry, attempt: 0, thrown, ms: 0, inLedger: "never" } as const;
  return settleObstacle(owing, invocation);
}
