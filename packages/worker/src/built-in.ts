import { purgeJobType, relayJobType } from "@tendril/core/built-in";
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

/** How long one run purges, in milliseconds, and how many jobs a call forgets; the next run goes on. */
const longestPurgeMs = 30_000;
const purgedAtOnce = 1_000;

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
  return { purged: rows };
}

/** Its attempts are SQS's receipts. */
async function deliverPurge({ record, job }: BuiltInRecord, invocation: Invocation): Promise<Delivery> {
  const startedAtMs = invocation.now();
  const attempt = receiptsOf(record);
  try {
    const facts = await purgeLedger(invocation);
    return { job, ms: invocation.now() - startedAtMs, settlement: { kind: "done", attempt }, facts };
  } catch (thrown) {
    const ms = invocation.now() - startedAtMs;
    const failed = { record, job, policy: defaultPolicy, attempt, thrown, ms, inLedger: "never" } as const;
    return { job, ms, settlement: await settleFailure(failed, invocation), thrown };
  }
}
