import type { SQSRecord } from "aws-lambda";
import { asksForRedelivery, type Settled } from "./batch.ts";
import { comeBack, defaultPolicy } from "./failure.ts";
import type { Invocation } from "./invocation.ts";
import { logUncleared, logUnsettled } from "./job-log.ts";
import { changeVisibility, deleteSettled, type Telling } from "./settle.ts";

/** How long SQS is given to hear what became of the records, in milliseconds. */
const longestTellingMs = 2000;

/** Brings settlements to the ledger and to SQS. */
export interface Conclusion {
  /** Before the batch's end: clears the outbox, deletes what is settled, changes the visibility of what comes back. */
  early(settled: readonly Settled[]): Promise<void>;
  /**
   * At the batch's end: clears the outbox and changes the visibility of what comes back; Lambda deletes the others.
   * Resolves to the settlements as they are to be reported: a job whose outbox could not be cleared comes back.
   */
  final(settled: readonly Settled[]): Promise<readonly Settled[]>;
}

/** Concludes one invocation. SQS is told of each record once. */
export function openConclusion(invocation: Invocation): Conclusion {
  const { sqs, link, logger, deadline } = invocation;
  const told = new Set<SQSRecord>();
  /** Their outbox was not cleared. */
  const uncleared = new Set<SQSRecord>();
  const clear = async (settled: readonly Settled[]): Promise<readonly Settled[]> => {
    const { records, error } = await invocation.outbox.clear();
    if (records.size > 0) logUncleared(logger, records.size, error);
    for (const record of records) uncleared.add(record);
    return settled.map((each) => (uncleared.has(each.record) ? sentButUncleared(each, invocation) : each));
  };
  const tell = async (
    settled: readonly Settled[],
    ways: readonly ((telling: Telling) => ReturnType<typeof changeVisibility>)[],
  ): Promise<void> => {
    const telling = {
      sqs,
      queueUrl: link.url,
      settled,
      told,
      // Most batches have nothing to tell, and a signal is a timer.
      get signal() {
        return deadline.within(longestTellingMs);
      },
    };
    const failures = (await Promise.all(ways.map((way) => way(telling)))).flat();
    for (const { record, error } of failures) logUnsettled(logger, record?.messageId, error);
    const failed = new Set(failures.map(({ record }) => record));
    for (const { record } of settled) if (!failed.has(record)) told.add(record);
  };
  return {
    async early(settled) {
      await tell(await clear(settled), [changeVisibility, deleteSettled]);
    },
    async final(settled) {
      const cleared = await clear(settled);
      await tell(cleared, [changeVisibility]);
      return cleared;
    },
  };
}

function sentButUncleared({ record, settlement }: Settled, invocation: Invocation): Settled {
  if (asksForRedelivery(settlement)) return { record, settlement };
  const thrown = new Error("the job is done and its follow-ups are sent, but the outbox could not be cleared of them");
  return { record, settlement: comeBack({ record, policy: defaultPolicy, thrown }, invocation) };
}
