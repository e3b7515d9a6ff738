/** What a new cron.yaml changes. */
import type { CronEntry } from "./cron-yaml.ts";
import { runsWithin } from "./cron-zone.ts";

/** What becomes of one task. */
export type CronChange =
  | { readonly kind: "added" | "removed"; readonly entry: CronEntry; readonly runs: number }
  | {
      readonly kind: "changed";
      readonly name: string;
      /** What is written otherwise: the key, and JSON of what stood and stands there ("nothing" for no value). */
      readonly fields: readonly { readonly key: string; readonly from: string; readonly to: string }[];
      readonly runs: RunChange;
    };

/** How the runs of a period change: times in milliseconds since 1970. */
export interface RunChange {
  readonly before: number;
  readonly after: number;
  /** Runs that will be no more, and runs that were not. */
  readonly lost: readonly number[];
  readonly gained: readonly number[];
}

/** Compares two files by task name, over the runs from `fromMs` for `days` days (default 28). Order: the new file's, then what is removed. */
export function diffSchedules(
  before: readonly CronEntry[],
  after: readonly CronEntry[],
  { fromMs, days = 28 }: { fromMs: number; days?: number },
): CronChange[] {
  const period = { fromMs, toMs: fromMs + days * 86_400_000 };
  const old = new Map(before.map((entry) => [entry.name, entry]));
  const kept = new Set(after.map(({ name }) => name));
  const changes = after.flatMap((entry): CronChange[] => {
    const was = old.get(entry.name);
    return was ? change(was, entry, period) : [{ kind: "added", entry, runs: runsOf(entry, period).length }];
  });
  const removed = before
    .filter(({ name }) => !kept.has(name))
    .map((entry): CronChange => ({ kind: "removed", entry, runs: runsOf(entry, period).length }));
  return [...changes, ...removed];
}

interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

const runsOf = (entry: CronEntry, period: Period): number[] =>
  entry.enabled ? runsWithin({ cron: entry.schedule, timezone: entry.timezone ?? "UTC" }, period) : [];

function change(before: CronEntry, after: CronEntry, period: Period): CronChange[] {
  const [old, now] = [written(before), written(after)];
  const fields = Object.keys({ ...old, ...now })
    .map((key) => ({ key, from: old[key] ?? "nothing", to: now[key] ?? "nothing" }))
    .filter(({ from, to }) => from !== to);
  if (fields.length === 0) return [];
  const [oldRuns, newRuns] = [runsOf(before, period), runsOf(after, period)];
  const [oldSet, newSet] = [new Set(oldRuns), new Set(newRuns)];
  const runs: RunChange = {
    before: oldRuns.length,
    after: newRuns.length,
    lost: oldRuns.filter((run) => !newSet.has(run)),
    gained: newRuns.filter((run) => !oldSet.has(run)),
  };
  return [{ kind: "changed", name: after.name, fields, runs }];
}

/** An entry's values by key, as JSON; what was worked out from them, and where it stands, is no value. */
function written({ name, schedule, expression, line, column, enabled, ...entry }: CronEntry): Record<string, string> {
  const values = { ...entry, schedule: expression, ...(enabled ? {} : { enabled }) };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]));
}
