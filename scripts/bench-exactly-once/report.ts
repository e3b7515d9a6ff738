import { numberText, ratioOf, spreadOf, tableOf } from "../bench-aws/statistics.ts";
import { type BatchCalls, type CallCounts, perJob } from "./calls.ts";
import { faults, type KillResult } from "./kills.ts";
import { batchSize } from "./lane.ts";
import type { Timing } from "./rounds.ts";

/** How many calls each way makes, by action and for each job. */
export function callsTable(calls: readonly BatchCalls[]): string {
  const rows = calls.map(({ way, database, sqs, mapping }) => [
    `  ${way}`,
    numberText(perJob(database)),
    numberText(perJob(sqs)),
    numberText(perJob(mapping)),
    worded(database),
  ]);
  return tableOf([["", "Data API", "SQS, worker", "SQS, mapping", "Data API calls of a batch of 10"], ...rows]);
}

const worded = (counts: CallCounts): string =>
  Object.entries(counts)
    .map(([action, count]) => `${count} ${action}`)
    .join(", ") || "none";

/** Speed by way; what a way adds is held against at-least-once with the same work. */
export function timingsTable(timings: readonly Timing[]): string {
  const rows = timings.map(({ way, batchMs }) => {
    const base = batchMsOf(timings, way.startsWith("no-op") ? "no-op, at-least-once" : "at-least-once");
    const perSecond = spreadOf(batchMs.map((ms) => (1000 * batchSize) / ms));
    return [
      `  ${way}`,
      numberText(perSecond.median),
      `${numberText(perSecond.lowest)} – ${numberText(perSecond.highest)}`,
      (spreadOf(batchMs).median / batchSize).toFixed(2),
      (spreadOf(differences(batchMs, base)).median / batchSize).toFixed(2),
      ratioOf(batchMs, base).toFixed(2),
    ];
  });
  return tableOf([["", "jobs/s", "lowest – highest", "ms a job", "added", "times at-least-once"], ...rows]);
}

/** What exactly-once costs over at-least-once, and over Powertools, in one line each. */
export function summary(timings: readonly Timing[]): string {
  const of = (way: string) => batchMsOf(timings, way);
  const added = (more: string, less: string): string => {
    const { median, lowest, highest } = spreadOf(differences(of(more), of(less)));
    const [middle, from, to] = [median, lowest, highest].map((ms) => (ms / batchSize).toFixed(2));
    return `${middle} ms a job (${from} to ${to}), ${median.toFixed(1)} ms a batch of ${batchSize}`;
  };
  return [
    `  exactly-once adds to at-least-once: ${added("exactly-once", "at-least-once")}`,
    `  grouped it adds: ${added("exactly-once, grouped", "at-least-once")}`,
    `  Powertools idempotency adds to at-least-once: ${added("Powertools idempotency", "at-least-once")}`,
    `  the claim of a job that does nothing adds: ${added("no-op, exactly-once", "no-op, at-least-once")}`,
    `  grouped it takes ${ratioOf(of("exactly-once, grouped"), of("exactly-once")).toFixed(2)} times as long as exactly-once alone`,
    `  exactly-once takes ${ratioOf(of("exactly-once"), of("Powertools idempotency")).toFixed(2)} times as long as Powertools idempotency`,
  ].join("\n");
}

const batchMsOf = (timings: readonly Timing[], name: string): readonly number[] =>
  timings.find(({ way }) => way === name)?.batchMs ?? [];

/** Round by round. */
const differences = (values: readonly number[], others: readonly number[]): number[] =>
  values.map((value, round) => value - (others[round] ?? Number.NaN));

/** What became of the effects, by fault and way. */
export function killsTable(results: readonly KillResult[]): string {
  const tables = faults.map((fault) => {
    const rows = results
      .filter((result) => result.fault === fault)
      .map(({ way, ...counts }) => [
        `  ${way}`,
        ...[counts.jobs, counts.effects, counts.doubled, counts.lost, counts.left].map(String),
      ]);
    return `${fault}\n${tableOf([["", "jobs", "effects", "doubled", "lost", "left"], ...rows])}`;
  });
  return tables.join("\n\n");
}
