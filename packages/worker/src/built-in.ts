import { randomBytes } from "node:crypto";
import { purgeJobType, relayJobType } from "@tendril/core/built-in";
import { newJobId } from "@tendril/core/job-id";
import { writeMessage } from "@tendril/core/message";
import { isFifo } from "./batch.ts";
import { defaultPolicy, settleFailure } from "./failure.ts";
import { type Delivery, type Invocation, type Runnable, receiptsOf } from "./invocation.ts";
import { deliverRelay } from "./relay.ts";

/** A record of a job type that is Tendril's own. */
export type BuiltInRecord = Pick<Runnable, "record" | "job">;

/** A job type that is Tendril's own. It needs no claim: running it twice does no harm. */
export interface BuiltInJob {
  /** Ends by itself before the invocation's deadline, and does not reject. */
  deliver(given: BuiltInRecord, invocation: Invocation): Promise<Delivery>;
}

/** Tendril's own job types, by name. */
export const builtInJobs: ReadonlyMap<string, BuiltInJob> = new Map([
  [purgeJobType, { deliver: deliverPurge }],
  [relayJobType, { deliver: deliverRelay }],
]);

/** How long one run purges, in milliseconds, and how many jobs a call forgets. */
const longestPurgeMs = 30_000;
const purgedAtOnce = 1_000;

/** Resolves to how many jobs are forgotten, and whether there may be more. */
async function purgeLedger({ ledger, ledgerRetentionMs, deadline, now }: Invocation) {
  // The last call may take a while, too.
  const endsAtMs = now() + Math.min(longestPurgeMs, deadline.remainingMs() - 2_000);
  let rows = 0;
  let purged: number;
  do {
    const { signal } = deadline;
    purged = await ledger.purge({ olderThanMs: ledgerRetentionMs, most: purgedAtOnce, signal });
    rows += purged;
  } while (purged === purgedAtOnce && now() < endsAtMs);
  return { purged: rows, isLeft: purged === purgedAtOnce };
}

/** Its attempts are SQS's receipts. */
async function deliverPurge({ record, job }: BuiltInRecord, invocation: Invocation): Promise<Delivery> {
  const startedAtMs = invocation.now();
  const attempt = receiptsOf(record);
  try {
    const { purged, isLeft } = await purgeLedger(invocation);
    if (isLeft) await goOn(record, invocation);
    const ms = invocation.now() - startedAtMs;
    return { job, ms, settlement: { kind: "done", attempt }, facts: { purged } };
  } catch (thrown) {
    const ms = invocation.now() - startedAtMs;
    const failed = { record, job, policy: defaultPolicy, attempt, thrown, ms, inLedger: "never" } as const;
    return { job, ms, settlement: await settleFailure(failed, invocation), thrown };
  }
}

/** What one run has no time for is another's: left to the schedule, a busy tier's ledger would grow from day to day. */
async function goOn(record: BuiltInRecord["record"], { outbox, queue, now }: Invocation): Promise<void> {
  const id = newJobId(now(), randomBytes(16));
  const message = writeMessage({ id, type: purgeJobType, input: undefined });
  await outbox.send([{ id, queue, ...message, ...(isFifo([record]) ? { group: id } : {}) }]);
}
