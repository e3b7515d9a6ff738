import { purgeJobType } from "@tendril/core/built-in";
import { defaultPolicy, settleFailure } from "./failure.ts";
import { type Delivery, type Invocation, type Runnable, receiptsOf } from "./invocation.ts";

/** A job type that is Tendril's own. It needs no claim: running it twice does no harm. */
export interface BuiltInJob {
  /** Ends by itself before the invocation's deadline. Resolves to what its log line says. */
  run(invocation: Invocation): Promise<Readonly<Record<string, number>>>;
}

/** Tendril's own job types, by name. */
export const builtInJobs: ReadonlyMap<string, BuiltInJob> = new Map([[purgeJobType, { run: purgeLedger }]]);

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

/** Runs a built-in job. Its attempts are SQS's receipts. */
export async function deliverBuiltIn(
  { record, job, builtIn }: Pick<Runnable, "record" | "job"> & { readonly builtIn: BuiltInJob },
  invocation: Invocation,
): Promise<Delivery> {
  const startedAtMs = invocation.now();
  const attempt = receiptsOf(record);
  try {
    const facts = await builtIn.run(invocation);
    return { job, ms: invocation.now() - startedAtMs, settlement: { kind: "done", attempt }, facts };
  } catch (thrown) {
    const ms = invocation.now() - startedAtMs;
    const failed = { record, job, policy: defaultPolicy, attempt, thrown, ms, inLedger: "never" } as const;
    return { job, ms, settlement: await settleFailure(failed, invocation), thrown };
  }
}
