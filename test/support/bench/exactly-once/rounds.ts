import { setTimeout as delay } from "node:timers/promises";
import { batchSize, type Lane, type LocalAws, openLane, openWires } from "./lane.ts";
import type { Way } from "./ways.ts";

/** What was measured of one way; a value for each round. */
export interface Timing {
  readonly way: string;
  /** How long each call of the Data API was held up, in milliseconds. */
  readonly callMs: number;
  /** Milliseconds of an invocation with ten jobs. */
  readonly batchMs: number[];
}

export interface RoundsOptions {
  readonly ways: readonly Way[];
  readonly aws: LocalAws;
  /** Jobs of each way in each round, a multiple of ten. */
  readonly jobs: number;
  readonly rounds: number;
  /** Without a wire between when it is 0. */
  readonly callMs: number;
  readonly progress: (line: string) => void;
}

/** Lets each way do its jobs in each round, in an order that turns from round to round, one invocation at a time. */
export async function measureRounds(options: RoundsOptions): Promise<Timing[]> {
  const { aws, callMs, rounds, progress } = options;
  const wires = callMs === 0 ? undefined : await openWires(aws.url);
  wires?.database.decide(() => delay(callMs, "pass"));
  const lanes: { readonly lane: Lane; readonly timing: Timing }[] = [];
  for (const way of options.ways) {
    lanes.push({ lane: await openLane(way, aws, wires), timing: { way: way.name, callMs, batchMs: [] } });
  }
  const batches = options.jobs / batchSize;
  progress(`calls of ${callMs} ms: warming up`);
  for (const { lane } of lanes) await runBatches(lane, 3);
  for (let round = 1; round <= rounds; round += 1) {
    if (round % 5 === 1) progress(`calls of ${callMs} ms: round ${round} of ${rounds}`);
    const turn = round % lanes.length;
    for (const { lane, timing } of [...lanes.slice(turn), ...lanes.slice(0, turn)]) {
      timing.batchMs.push((await runBatches(lane, batches)) / batches);
    }
  }
  for (const { lane } of lanes) await lane.close();
  await wires?.close();
  return lanes.map(({ timing }) => timing);
}

async function runBatches(lane: Lane, batches: number): Promise<number> {
  let totalMs = 0;
  for (let batch = 0; batch < batches; batch += 1) totalMs += await lane.runBatch();
  return totalMs;
}
