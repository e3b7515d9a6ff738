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
  const failed = { record, job, policy, attempt, ms: 0, inLedger: "never" } as const;
  if (attempt > policy.attempts) {
    const inGroup = record.eventSourceARN.endsWith(".fifo") ? " (or it waited behind others of its group)" : "";
    const thrown = crashed(`${attempt - 1} receipts of its message came to no end${inGroup}`);
    const dying = { ...failed, attempt: attempt - 1, thrown };
    return { job, settlement: await bury(dying, invocation), thrown, crashed: true };
  }
  const startedAtMs = invocation.now();
  logStart(invocation.logger, { job, queue: invocation.queue }, attempt);
  const end = await runBare({ job, handler, input, number: attempt, invocation });
  const ms = invocation.now() - startedAtMs;
  if (end.kind === "cut") {
    const settlement = await settleObstacle({ ...failed, attempt: 0, thrown: end.thrown }, invocation);
    return { job, ms, settlement, thrown: end.thrown };
  }
  try {
    if (end.kind === "failed") throw end.thrown;
    await invocation.outbox.send(end.followUps);
    return { job, ms, settlement: { kind: "done", attempt }, followUps: end.followUps.length };
  } catch (thrown) {
    return { job, ms, settlement: await settleFailure({ ...failed, thrown }, invocation), thrown };
  }
}
