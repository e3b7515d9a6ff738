import { errorText } from "@tendril/core/errors";
import type { Outcome } from "@tendril/core/outcome";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { type Committing, type Delivery, suspect } from "./invocation.ts";
import { type Limit, lazyLimit } from "./lazy-limit.ts";
import { readable } from "./thrown.ts";

/** What becomes of a record: its job's outcome, or that it goes back without having been tried. */
export type Settlement = Outcome | { readonly kind: "returned"; readonly reason: string };

/** A record, and what becomes of it. */
export interface Settled {
  readonly record: SQSRecord;
  readonly settlement: Settlement;
  /** Absent when the record was held back, or its delivery broke. */
  readonly delivery?: Delivery;
}

/** Whether SQS has to deliver the record again. */
export function asksForRedelivery(settlement: Settlement): boolean {
  switch (settlement.kind) {
    case "retry":
    case "returned":
      return true;
    case "done":
    case "dead":
    case "duplicate":
    case "skipped":
      return false;
  }
}

/** Lambda's answer: as failed, and so not deleted, exactly the records that ask for redelivery. */
export function responseTo(settled: readonly Settled[]): SQSBatchResponse {
  const failed = settled.filter(({ settlement }) => asksForRedelivery(settlement));
  return { batchItemFailures: failed.map(({ record }) => ({ itemIdentifier: record.messageId })) };
}

/** How a batch is worked through. */
export interface BatchOptions {
  /** Jobs at the same time: 1 or more. */
  readonly jobsAtOnce: number;
  /** Resolves to `suspect`, with nothing done, when the record's job is only to be run alone and `alone` is false. */
  deliver(record: SQSRecord, alone: boolean): Promise<Delivery | Committing | typeof suspect>;
  /** Called once for each delivery that has come to its end. */
  onDelivered?(record: SQSRecord, delivery: Delivery): void;
  /** Called once every handler has ended but those of suspects; never when records of a FIFO queue are held back. */
  onHandlersEnded?(): void;
  /** Called before a suspect is run: tells SQS of the records that are settled, so that its end is not theirs. */
  settleEarly(settled: readonly Settled[]): Promise<void>;
}

/**
 * Works through a batch: each record on its own, at most `jobsAtOnce` at a time; of a FIFO queue one after the other, and
 * after a record that is delivered again the later ones of its group are returned. Suspects run alone, one after the
 * other, when all other records are settled; of a FIFO queue in their turn. Whatever `deliver` throws returns its record;
 * this function itself does not reject. Resolves to one settlement for each record, in the event's order.
 */
export function processBatch({ Records }: SQSEvent, options: BatchOptions): Promise<readonly Settled[]> {
  return new BatchRun(Records, options).run();
}

class BatchRun {
  readonly #records: readonly SQSRecord[];
  readonly #options: BatchOptions;
  /** Undefined for so few records that there is nothing to limit. */
  readonly #limit: Limit | undefined;
  readonly #oneByOne = lazyLimit(1);
  /** In the records' order. */
  readonly #settled: (Settled | undefined)[];
  #handlersLeft: number;
  #othersLeft: number;
  /** Settles when no record is left but suspects; made for the first of them. */
  #othersEnded: PromiseWithResolvers<void> | undefined;

  constructor(records: readonly SQSRecord[], options: BatchOptions) {
    this.#records = records;
    this.#options = options;
    this.#limit = records.length <= options.jobsAtOnce ? undefined : lazyLimit(options.jobsAtOnce);
    this.#settled = records.map(() => undefined);
    this.#handlersLeft = records.length;
    this.#othersLeft = records.length;
  }

  async run(): Promise<readonly Settled[]> {
    if (!isFifo(this.#records)) await Promise.all(this.#records.map((record, index) => this.#handle(record, index)));
    else await this.#handleInTurn();
    return this.#records.map((record, index) => this.#settled[index] ?? { record, settlement: heldBack });
  }

  /** One record after the other; after one that is delivered again, the later ones of its group are left out. */
  async #handleInTurn(): Promise<void> {
    const stopped = new Set<string | undefined>();
    for (const [index, record] of this.#records.entries()) {
      const group = record.attributes.MessageGroupId;
      if (stopped.has(group)) continue;
      await this.#handle(record, index);
      const settled = this.#settled[index];
      if (settled === undefined || asksForRedelivery(settled.settlement)) stopped.add(group);
    }
  }

  async #handle(record: SQSRecord, index: number): Promise<void> {
    let ended: Delivery | Committing | typeof suspect | Broken;
    try {
      const isAlone = this.#records.length === 1;
      ended = await (this.#limit?.(() => this.#options.deliver(record, isAlone)) ??
        this.#options.deliver(record, isAlone));
    } catch (thrown) {
      ended = { broken: thrown };
    }
    this.#handlersLeft -= 1;
    if (this.#handlersLeft === 0) this.#options.onHandlersEnded?.();
    if (ended === suspect) {
      this.#countOther();
      if (!isFifo(this.#records)) await this.#untilOthersEnded();
      await this.#oneByOne(() => this.#runAlone(record, index));
      return;
    }
    this.#settle(record, index, "committing" in ended ? await ended.committing.catch(broken) : ended);
    this.#countOther();
  }

  /** Settled before the next suspect begins. */
  async #runAlone(record: SQSRecord, index: number): Promise<void> {
    await this.#options.settleEarly(this.#settled.filter((each) => each !== undefined)).catch(() => {});
    const ended = await attempted(() => this.#options.deliver(record, true));
    if (ended === suspect) this.#settled[index] = { record, settlement: refused };
    else this.#settle(record, index, "committing" in ended ? await ended.committing.catch(broken) : ended);
  }

  #settle(record: SQSRecord, index: number, delivery: Delivery | Broken): void {
    if ("broken" in delivery) {
      this.#settled[index] = { record, settlement: returnedBy(delivery.broken) };
      return;
    }
    this.#settled[index] = { record, settlement: delivery.settlement, delivery };
    try {
      this.#options.onDelivered?.(record, delivery);
    } catch {
      // What is said of a record changes nothing of it, nor of the others.
    }
  }

  #countOther(): void {
    this.#othersLeft -= 1;
    if (this.#othersLeft === 0) this.#othersEnded?.resolve();
  }

  async #untilOthersEnded(): Promise<void> {
    if (this.#othersLeft === 0) return;
    this.#othersEnded ??= Promise.withResolvers();
    await this.#othersEnded.promise;
  }
}

/** A delivery that has thrown. */
interface Broken {
  readonly broken: unknown;
}

/** Also what throws before there is a promise. */
async function attempted<Ended>(work: () => Promise<Ended>): Promise<Ended | Broken> {
  try {
    return await work();
  } catch (thrown) {
    return { broken: thrown };
  }
}

const broken = (thrown: unknown): Broken => ({ broken: thrown });

/** Whether records come from a FIFO queue: the name of one ends in `.fifo`. */
export function isFifo(records: readonly SQSRecord[]): boolean {
  return records[0]?.eventSourceARN.endsWith(".fifo") === true;
}

const heldBack: Settlement = { kind: "returned", reason: "an earlier message of its group is delivered again" };

const refused: Settlement = { kind: "returned", reason: "it was not run although it was alone" };

const returnedBy = (thrown: unknown): Settlement => ({ kind: "returned", reason: errorText(readable(thrown)) });
