import type { PassingCall } from "../../faulty-wire.ts";
import { batchSize, type LocalAws, openLane, openWires } from "./lane.ts";
import type { Way } from "./ways.ts";

/** How often each action was called in one batch of ten jobs. */
export type CallCounts = Readonly<Record<string, number>>;

/** The calls of one batch, as they passed over the wires. */
export interface BatchCalls {
  readonly way: string;
  readonly database: CallCounts;
  /** The worker's own calls of SQS. */
  readonly sqs: CallCounts;
  /** Those of the event source mapping. They are billed too. */
  readonly mapping: CallCounts;
}

/** Counts the calls of one batch; another one goes before it, so that nothing is counted that happens once. */
export async function countCalls(way: Way, aws: LocalAws): Promise<BatchCalls> {
  const wires = await openWires(aws.url);
  const lane = await openLane(way, aws, wires);
  await lane.runBatch();
  const { database, sqs, mapping } = wires;
  const before = [database, sqs, mapping].map(({ calls }) => calls.length);
  await lane.runBatch();
  const [ofDatabase = {}, ofSqs = {}, ofMapping = {}] = [database, sqs, mapping].map(({ calls }, index) =>
    timesOf(calls.slice(before[index])),
  );
  await lane.close();
  await wires.close();
  return { way: way.name, database: ofDatabase, sqs: ofSqs, mapping: ofMapping };
}

function timesOf(calls: readonly PassingCall[]): Record<string, number> {
  const times: Record<string, number> = {};
  for (const { action } of calls) times[action] = (times[action] ?? 0) + 1;
  return times;
}

/** Calls for each job of a batch. */
export const perJob = (counts: CallCounts): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0) / batchSize;
