import { runBare } from "./attempt.ts";
import { crashed } from "./crash.ts";
import { bury, settleFailure, settleObstacle } from "./failure.ts";
import { type Delivery, type Invocation, type Runnable, receiptsOf } from "./invocation.ts";
import { logStart } from "./job-log.ts";

/**
 * Delivers a job of the type `effects: "at-least-once"`, without the ledger and without any Data API call: its attempts
 * are SQS's receipts, its follow-ups are sent once its handler has succeeded, and what that returns is dropped. More
 * receipts than attempts mean that earlier ones ended without an outcome.
 */
export async function deliverAtLeastOnce(
  { record, job, handler, input }: Runnable,
  invocation: Invocation,
): Promise<Delivery> {
  const { retry: policy } = handler.spec;
  const attempt = receiptsOf(record);
  if (attempt > policy.attempts) return buryCrashed({ record, job, handler, attempt }, invocation);
  const startedAtMs = invocation.now();
  await logStart(invocation.logger, { job, queue: invocation.queue }, attempt);
  const end = await runBare({ job, handler, input, number: attempt, invocation });
  const ms = invocation.now() - startedAtMs;
  try {
    if (end.kind === "committed") {
      if (end.followUps.length > 0) await invocation.outbox.send(end.followUps);
      return { job, ms, settlement: { kind: "done", attempt }, followUps: end.followUps.length };
    }
  } catch (thrown) {
    return settleThrown({ record, job, handler, attempt }, { kind: "failed", thrown }, ms, invocation);
  }
  return settleThrown({ record, job, handler, attempt }, end, ms, invocation);
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
  const thrown = crashed(`${attempt - 1} receipts of its message came to no end${inGroup}`);
  const dying = {
    record,
    job,
    policy: handler.spec.retry,
    attempt: attempt - 1,
    ms: 0,
    inLedger: "never",
    thrown,
  } as const;
  return { job, settlement: await bury(dying, invocation), thrown, crashed: true };
}
