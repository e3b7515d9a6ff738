import { errorText } from "@tendril/core/errors";
import type { Outcome } from "@tendril/core/outcome";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { suspect } from "./invocation.ts";
import { lazyLimit, unlimited } from "./lazy-limit.ts";
import { readable } from "./thrown.ts";

/** What becomes of a record: its job's outcome, or that it goes back without having been tried. */
export type Settlement = Outcome | { readonly kind: "returned"; readonly reason: string };

/** A record, and what becomes of it. */
export interface Settled {
  readonly record: SQSRecord;
  readonly settlement: Settlement;
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

/** Its handler has ended, and it takes the place of none of those that are to run. */
export interface CommittingRecord {
  readonly committing: Promise<Settlement>;
}

/** How a batch is worked through. */
export interface BatchOptions {
  /** Jobs at the same time: 1 or more. */
  readonly jobsAtOnce: number;
  /** Resolves to `suspect`, with nothing done, when the record's job is only to be run alone and `alone` is false. */
  readonly deliver: (record: SQSRecord, alone: boolean) => Promise<Settlement | CommittingRecord | typeof suspect>;
  /** Called once every handler has ended but those of suspects; never when records of a FIFO queue are held back. */
  readonly onHandlersEnded?: () => void;
  /** Called before a suspect is run: tells SQS of the records that are settled, so that its end is not theirs. */
  readonly settleEarly: (settled: readonly Settled[]) => Promise<void>;
}

/**
 * Works through a batch: each record on its own, at most `jobsAtOnce` at a time; of a FIFO queue one after the other, and
 * after a record that is delivered again the later ones of its group are returned. Suspects run alone, one after the
 * other, when all other records are settled; of a FIFO queue in their turn. Whatever `deliver` throws returns its record;
 * this function itself does not reject. Resolves to one settlement for each record, in the event's order.
 */
export async function processBatch(event: SQSEvent, options: BatchOptions): Promise<readonly Settled[]> {
  const { deliver, onHandlersEnded, settleEarly } = options;
  const limit = event.Records.length <= options.jobsAtOnce ? unlimited : lazyLimit(options.jobsAtOnce);
  const oneByOne = lazyLimit(1);
  const handlers = countdown(event.Records.length);
  void handlers.ended.then(() => onHandlersEnded?.());
  const others = countdown(event.Records.length);
  const settled = new Map<SQSRecord, Settlement>();
  /** Settled before the next suspect begins. */
  const runAlone = async (record: SQSRecord): Promise<void> => {
    await settleEarly(inOrder(event, settled)).catch(() => {});
    const settlement = await deliver(record, true).then(committed).catch(returnedBy);
    settled.set(record, settlement === suspect ? refused : settlement);
  };
  const handleRecord = async (record: SQSRecord): Promise<void> => {
    const ended = await limit(() => deliver(record, event.Records.length === 1)).catch(returnedBy);
    handlers.count();
    const first = await committed(ended).catch(returnedBy);
    if (first !== suspect) settled.set(record, first);
    others.count();
    if (first === suspect) {
      if (!isFifo(event)) await others.ended;
      await oneByOne(() => runAlone(record));
    }
  };
  if (!isFifo(event)) await Promise.all(event.Records.map(handleRecord));
  else await inTurn(event, settled, handleRecord);
  return event.Records.map((record) => ({ record, settlement: settled.get(record) ?? heldBack }));
}

async function committed(ended: Settlement | CommittingRecord | typeof suspect): Promise<Settlement | typeof suspect> {
  return typeof ended === "object" && "committing" in ended ? ended.committing : ended;
}

function inOrder(event: SQSEvent, settled: ReadonlyMap<SQSRecord, Settlement>): Settled[] {
  return event.Records.flatMap((record) => {
    const settlement = settled.get(record);
    return settlement === undefined ? [] : [{ record, settlement }];
  });
}

/** `ended` resolves when `count` has been called so many times. */
function countdown(from: number): { readonly ended: Promise<void>; count(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = from;
  return {
    ended: promise,
    count: () => {
      left -= 1;
      if (left === 0) resolve();
    },
  };
}

/** One record after the other; after one that is delivered again, the later ones of its group are left out. */
async function inTurn(
  event: SQSEvent,
  settled: ReadonlyMap<SQSRecord, Settlement>,
  handleRecord: (record: SQSRecord) => Promise<void>,
): Promise<void> {
  const stopped = new Set<string | undefined>();
  for (const record of event.Records) {
    const group = record.attributes.MessageGroupId;
    if (stopped.has(group)) continue;
    await handleRecord(record);
    const settlement = settled.get(record);
    if (settlement === undefined || asksForRedelivery(settlement)) stopped.add(group);
  }
}

/** Whether the batch comes from a FIFO queue: the name of one ends in `.fifo`. */
export function isFifo(event: SQSEvent): boolean {
  return event.Records.some((record) => record.eventSourceARN.endsWith(".fifo"));
}

const heldBack: Settlement = { kind: "returned", reason: "an earlier message of its group is delivered again" };

const refused: Settlement = { kind: "returned", reason: "it was not run although it was alone" };

const returnedBy = (thrown: unknown): Settlement => ({ kind: "returned", reason: errorText(readable(thrown)) });
