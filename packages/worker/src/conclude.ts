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
  return new InvocationConclusion(invocation);
}

class InvocationConclusion implements Conclusion {
  readonly #invocation: Invocation;
  readonly #told = new Set<SQSRecord>();
  /** Their outbox was not cleared. */
  readonly #uncleared = new Set<SQSRecord>();

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  async early(settled: readonly Settled[]): Promise<void> {
    await this.#tell(await this.#clear(settled), [changeVisibility, deleteSettled]);
  }

  async final(settled: readonly Settled[]): Promise<readonly Settled[]> {
    const cleared = await this.#clear(settled);
    // Most batches have nothing to tell.
    if (cleared.some(({ settlement }) => asksForRedelivery(settlement))) await this.#tell(cleared, [changeVisibility]);
    return cleared;
  }

  async #clear(settled: readonly Settled[]): Promise<readonly Settled[]> {
    const { outbox, logger } = this.#invocation;
    if (outbox.hasSent) {
      const { records, error } = await outbox.clear();
      if (records.size > 0) logUncleared(logger, records.size, error);
      for (const record of records) this.#uncleared.add(record);
    }
    if (this.#uncleared.size === 0) return settled;
    return settled.map((each) => (this.#uncleared.has(each.record) ? sentButUncleared(each, this.#invocation) : each));
  }

  async #tell(
    settled: readonly Settled[],
    ways: readonly ((telling: Telling) => ReturnType<typeof changeVisibility>)[],
  ): Promise<void> {
    const { sqs, link, logger, deadline } = this.#invocation;
    const signal = deadline.within(longestTellingMs);
    const telling = { sqs, queueUrl: link.url, settled, told: this.#told, signal };
    const failures = (await Promise.all(ways.map((way) => way(telling)))).flat();
    for (const { record, error } of failures) logUnsettled(logger, record?.messageId, error);
    const failed = new Set(failures.map(({ record }) => record));
    for (const { record } of settled) if (!failed.has(record)) this.#told.add(record);
  }
}

function sentButUncleared(settled: Settled, invocation: Invocation): Settled {
  const { record, settlement } = settled;
  if (asksForRedelivery(settlement)) return settled;
  const thrown = new Error("the job is done and its follow-ups are sent, but the outbox could not be cleared of them");
  return { ...settled, settlement: comeBack({ record, policy: defaultPolicy, thrown }, invocation) };
}
