import type { OutgoingMessage } from "@tendril/core/message";
import { runBare } from "./attempt.ts";
import { crashed } from "./crash.ts";
import { DeadlineError } from "./deadline.ts";
import { bury, settleFailure, settleObstacle } from "./failure.ts";
import { type Delivery, type Invocation, type Runnable, receiptsOf, suspect } from "./invocation.ts";
import { logStart } from "./job-log.ts";

/**
 * Delivers a job of the type `effects: "at-least-once"`, without the ledger and without any Data API call: its attempts
 * are SQS's receipts, its follow-ups are sent once its handler has succeeded, and what that returns is dropped.
 *
 * More receipts than attempts mean that earlier ones ended without an outcome. Either its process died, or it was not tried:
 * there was no time for it, S3 was away, it waited behind others of its group, or another job took the process down. Nobody
 * wrote down which. So a job has twice as many receipts as attempts, which is what a queue's `maxReceiveCount` allows too,
 * and those above its attempts count as the last one: it is not dead untried for what was not its fault. By then it is run
 * alone: resolves to `suspect`, with nothing done, when it is not. So a job that takes its process down does not take
 * those with it that were in its batch each time.
 */
export async function deliverAtLeastOnce(
  { record, job, handler, input }: Runnable,
  invocation: Invocation,
  alone: boolean,
): Promise<Delivery | typeof suspect> {
  const { retry: policy } = handler.spec;
  const receipts = receiptsOf(record);
  const attempt = Math.min(receipts, policy.attempts);
  const mostReceipts = Math.max(policy.attempts, Math.min(2 * policy.attempts, invocation.maxReceiveCount - 1));
  if (receipts > mostReceipts) return buryCrashed({ record, job, handler, attempt }, invocation);
  if (receipts > policy.attempts && !alone) return suspect;
  const startedAtMs = invocation.now();
  await logStart(invocation.logger, { job, queue: invocation.queue }, attempt);
  const received = { record, job, handler, attempt };
  let followUps: readonly OutgoingMessage[];
  let ms: number;
  try {
    ({ followUps } = await runBare({ job, handler, input, number: attempt, invocation }));
    ms = invocation.now() - startedAtMs;
  } catch (thrown) {
    const kind = thrown instanceof DeadlineError ? "cut" : "failed";
    return settleThrown(received, { kind, thrown }, invocation.now() - startedAtMs, invocation);
  }
  try {
    if (followUps.length > 0) await invocation.outbox.send(followUps);
    return { job, ms, settlement: { kind: "done", attempt }, followUps: followUps.length };
  } catch (thrown) {
    return settleThrown(received, { kind: "failed", thrown }, ms, invocation);
  }
}

type Received = Pick<Runnable, "record" | "job" | "handler"> & { readonly attempt: number };

async function settleThrown(
  { record, job, handler, attempt }: Received,
  { kind, thrown }: { readonly kind: "failed" | "cut"; readonly thrown: unknown },
  ms: number,
  invocation: Invocation,
): Promise<Delivery> {
  const failed = { record, job, policy: handler.spec.retry, ms: 0, inLedger: "never", thrown } as const;
  const settlement =
    kind === "cut"
      ? await settleObstacle({ ...failed, attempt: 0 }, invocation)
      : await settleFailure({ ...failed, attempt }, invocation);
  return { job, ms, settlement, thrown };
}

async function buryCrashed({ record, job, handler, attempt }: Received, invocation: Invocation): Promise<Delivery> {
  const inGroup = record.eventSourceARN.endsWith(".fifo") ? " (or it waited behind others of its group)" : "";
  const thrown = crashed(`${receiptsOf(record) - 1} receipts of its message came to no end${inGroup}`);
  const dying = { record, job, policy: handler.spec.retry, attempt, ms: 0, inLedger: "never", thrown } as const;
  return { job, settlement: await bury(dying, invocation), thrown, crashed: true };
}
