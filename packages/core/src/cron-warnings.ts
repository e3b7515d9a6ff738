/** What is allowed in a cron.yaml, and probably not meant. */
import { type Cron, nextRun } from "./cron.ts";
import type { CronEntry } from "./cron-yaml.ts";
import { runsWithin, type ZoneChange, zoneChanges } from "./cron-zone.ts";
import { wordDuration } from "./duration.ts";

/** One thing that somebody should look at. */
export interface CronWarning {
  readonly kind: "clock change" | "short period" | "busy minute";
  /** The tasks it is about, in the file's order. */
  readonly tasks: readonly string[];
  /** Where the first of them starts, both counted from 1. */
  readonly line: number;
  readonly column: number;
  /** A sentence: what happens, and what to do. */
  readonly text: string;
}

/** What warnings are looked for with. */
export interface WarningOptions {
  /** Now, in milliseconds since 1970: clock changes of the year after it count, and busy minutes of the week after it. */
  readonly fromMs: number;
  /** The timeout of the job that an entry runs, in milliseconds; undefined when it is not known. Default: never known. */
  readonly timeoutMsOf?: (entry: CronEntry) => number | undefined;
  /** How many tasks in one minute are many. Default 5. */
  readonly manyTasks?: number;
}

/** Everything worth a warning, in the file's order. Entries that are not enabled are passed over. Pure. */
export function warnOfSchedules(entries: readonly CronEntry[], options: WarningOptions): CronWarning[] {
  const enabled = entries.filter((entry) => entry.enabled);
  const warnings = enabled.flatMap((entry) => [
    ...warnOfClockChanges(entry, options.fromMs),
    ...warnOfPeriod(entry, options),
  ]);
  return [...warnings, ...warnOfBusyMinute(enabled, options)].sort((a, b) => a.line - b.line || a.column - b.column);
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

function warnOfClockChanges(entry: CronEntry, fromMs: number): CronWarning[] {
  if (entry.timezone === undefined) return [];
  return zoneChanges(entry.timezone, fromMs, fromMs + 366 * dayMs).flatMap((change) => {
    const count = runsInChange(entry.schedule, change);
    if (count === 0) return [];
    const date = new Date(change.wallAfterMs).toISOString().slice(0, 10);
    const { wallBeforeMs, wallAfterMs } = change;
    const [from, to] = [Math.min(wallBeforeMs, wallAfterMs), Math.max(wallBeforeMs, wallAfterMs)].map(wallClock);
    const runs = count === 1 ? "1 run" : `${count} runs`;
    const happens =
      wallAfterMs > wallBeforeMs
        ? `clocks in ${entry.timezone} skip ${from} to ${to} on ${date}: ${runs} will not happen.`
        : `clocks in ${entry.timezone} show ${from} to ${to} twice on ${date}: ${runs} will happen at the first time only.`;
    return [warning("clock change", [entry], `${happens} Choose another hour, or UTC, if that matters.`)];
  });
}

/** How many of the schedule's times lie in what the clocks skip or show twice. */
function runsInChange(cron: Cron, { wallBeforeMs, wallAfterMs }: ZoneChange): number {
  const [fromMs, toMs] = [Math.min(wallBeforeMs, wallAfterMs), Math.max(wallBeforeMs, wallAfterMs)];
  return runsWithin({ cron, timezone: "UTC" }, { fromMs, toMs }).length;
}

function warnOfPeriod(entry: CronEntry, { fromMs, timeoutMsOf }: WarningOptions): CronWarning[] {
  const timeoutMs = timeoutMsOf?.(entry);
  if (timeoutMs === undefined || entry.overlap === "skip") return [];
  const periodMs = shortestPeriodMs(entry.schedule, fromMs);
  if (periodMs >= timeoutMs) return [];
  const text = `runs come ${wordDuration(periodMs)} apart and may take ${wordDuration(timeoutMs)} each, so they may overlap. Run it less often, shorten the job's timeout, or say \`overlap: skip\`.`;
  return [warning("short period", [entry], text)];
}

/** The shortest time between two runs, in milliseconds, among the 1,500 after `fromMs`: more than a day of minutes. */
export function shortestPeriodMs(cron: Cron, fromMs: number): number {
  let shortestMs = Number.POSITIVE_INFINITY;
  let lastMs = nextRun(cron, fromMs);
  for (let run = 0; run < 1500 && shortestMs > minuteMs; run++) {
    const runMs = nextRun(cron, lastMs);
    shortestMs = Math.min(shortestMs, runMs - lastMs);
    lastMs = runMs;
  }
  return shortestMs;
}

/** The minute of the coming week in which the most tasks run, if those are many. */
function warnOfBusyMinute(entries: readonly CronEntry[], { fromMs, manyTasks = 5 }: WarningOptions): CronWarning[] {
  const byMinute = new Map<number, CronEntry[]>();
  for (const entry of entries) {
    const schedule = { cron: entry.schedule, timezone: entry.timezone ?? "UTC" };
    for (const runMs of runsWithin(schedule, { fromMs, toMs: fromMs + 7 * dayMs })) {
      const others = byMinute.get(runMs);
      if (others) others.push(entry);
      else byMinute.set(runMs, [entry]);
    }
  }
  let [busiestMs, together]: [number, CronEntry[]] = [fromMs, []];
  for (const [runMs, tasks] of byMinute) {
    if (tasks.length > together.length || (tasks.length === together.length && runMs < busiestMs)) {
      [busiestMs, together] = [runMs, tasks];
    }
  }
  if (together.length < manyTasks) return [];
  const when = new Date(busiestMs).toISOString().slice(0, 16).replace("T", " ");
  const names = together.map(({ name }) => name).join(", ");
  const text = `${together.length} tasks run in the same minute, for the first time at ${when} UTC (${names}). Spread them over the hour to even out the load.`;
  return [warning("busy minute", together, text)];
}

function warning(kind: CronWarning["kind"], entries: readonly CronEntry[], text: string): CronWarning {
  const [first] = entries;
  return { kind, tasks: entries.map(({ name }) => name), line: first?.line ?? 1, column: first?.column ?? 1, text };
}

const wallClock = (wallMs: number): string => new Date(wallMs).toISOString().slice(11, 16);
