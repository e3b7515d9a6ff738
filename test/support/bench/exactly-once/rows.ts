import type { Ratio, Row } from "../bench.ts";
import { medianOf, ratioOf, spreadOf } from "../statistics.ts";
import { type BatchCalls, perJob } from "./calls.ts";
import type { KillResult } from "./kills.ts";
import { batchSize } from "./lane.ts";
import type { Timing } from "./rounds.ts";
import { atLeastOnce, exactlyOnce, grouped, powertools } from "./ways.ts";

/** What each way is held against: the same work without "once", and the others that have it. */
function othersOf(way: string): readonly string[] {
  if (way === exactlyOnce.name) return [atLeastOnce.name, powertools.name];
  if (way === grouped.name) return [atLeastOnce.name, exactlyOnce.name, powertools.name];
  if (way === powertools.name) return [atLeastOnce.name];
  return way === "no-op, exactly-once" ? ["no-op, at-least-once", exactlyOnce.name] : [];
}

/** The calls of the Data API, of ten jobs that do their work at once. */
export function callRows(calls: readonly BatchCalls[]): Row[] {
  const of = (name: string): number => perJob(calls.find(({ way }) => way === name)?.database ?? {});
  return calls.map(
    ({ way }): Row => ({
      figure: `Data API calls, the insert's own included: ${way}`,
      value: of(way),
      unit: "calls/job",
      ratios: othersOf(way).map((to): Ratio => ({ to, ratio: of(way) / of(to) })),
    }),
  );
}

/** Milliseconds of a job, by how long calls are held up. */
export function timingRows(timings: readonly Timing[]): Row[] {
  return timings.map(({ way, callMs, batchMs }): Row => {
    const of = (name: string): readonly number[] =>
      timings.find((timing) => timing.way === name && timing.callMs === callMs)?.batchMs ?? [];
    return {
      figure: `a job, its calls held up for ${callMs} ms: ${way}`,
      value: medianOf(batchMs) / batchSize,
      unit: "ms/job",
      spread: spreadOf(batchMs) / batchSize,
      ratios: othersOf(way).map((to) => ({ to, ratio: ratioOf(batchMs, of(to)) })),
    };
  });
}

/** What a fault leaves. Exactly once is a budget: none is doubled, lost, or left in the queue. */
export function killRows(results: readonly KillResult[]): Row[] {
  return results.flatMap(({ fault, way, jobs, doubled, lost, left }): Row[] => {
    const isOnce = way === exactlyOnce.name || way === grouped.name;
    const base = results.find((each) => each.fault === fault && each.way === atLeastOnce.name)?.doubled ?? Number.NaN;
    const ratios = way === atLeastOnce.name ? [] : [{ to: atLeastOnce.name, ratio: doubled / base }];
    const doubledRow: Row = {
      figure: `doubled of ${jobs} jobs, ${fault}: ${way}`,
      value: doubled,
      unit: "jobs",
      ratios,
    };
    if (!isOnce) return [doubledRow];
    const gone: Row = {
      figure: `lost or left of ${jobs} jobs, ${fault}: ${way}`,
      value: lost + left,
      unit: "jobs",
      atMost: 0,
    };
    return [{ ...doubledRow, atMost: 0 }, gone];
  });
}
