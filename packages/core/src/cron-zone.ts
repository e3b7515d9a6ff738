/**
 * When a schedule runs in its time zone. The fields of its expression are what clocks on the wall there show; as
 * EventBridge Scheduler has it, a time that the clocks skip in spring is no run, and one that they show twice in autumn
 * is one run, the first. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 */
import { type Cron, nextRun } from "./cron.ts";

/** One change of a zone's offset from UTC. */
export interface ZoneChange {
  /** The first instant of the new offset, in milliseconds since 1970. */
  readonly atMs: number;
  /** What clocks show just before and from then on, as the milliseconds that the same time in UTC has. */
  readonly wallBeforeMs: number;
  readonly wallAfterMs: number;
}

/**
 * The first run strictly after `afterMs`, in milliseconds since 1970.
 * @throws RangeError when there is none within eight years, or `timezone` is no IANA time zone.
 */
export function nextRunIn(cron: Cron, timezone: string, afterMs: number): number {
  if (timezone === "UTC") return nextRun(cron, afterMs);
  for (let wallMs = nextRun(cron, wallTimeOf(afterMs, timezone)); ; wallMs = nextRun(cron, wallMs)) {
    const instantMs = firstInstantOf(wallMs, timezone);
    if (instantMs !== undefined && instantMs > afterMs) return instantMs;
  }
}

/** The runs from `fromMs` up to but not at `toMs`, at most `limit` of them (default: all). */
export function runsWithin(
  schedule: { readonly cron: Cron; readonly timezone: string },
  { fromMs, toMs, limit = Number.POSITIVE_INFINITY }: { fromMs: number; toMs: number; limit?: number },
): number[] {
  const runs: number[] = [];
  let runMs = nextRunIn(schedule.cron, schedule.timezone, fromMs - 1);
  while (runMs < toMs && runs.length < limit) {
    runs.push(runMs);
    runMs = nextRunIn(schedule.cron, schedule.timezone, runMs);
  }
  return runs;
}

/** What the clock on the wall shows at an instant, as the milliseconds that the same time in UTC has. */
export function wallTimeOf(instantMs: number, timezone: string): number {
  return instantMs + offsetMs(instantMs, timezone);
}

/** The first instant at which the clock on the wall shows this time; undefined when it is never shown. */
export function firstInstantOf(wallMs: number, timezone: string): number | undefined {
  const early = wallMs - offsetMs(wallMs - dayMs, timezone);
  const late = wallMs - offsetMs(wallMs + dayMs, timezone);
  const candidates = early <= late ? [early, late] : [late, early];
  return candidates.find((instantMs) => wallTimeOf(instantMs, timezone) === wallMs);
}

/** The changes of the zone's offset from `fromMs` up to but not at `toMs`: two a year where there is summer time. */
export function zoneChanges(timezone: string, fromMs: number, toMs: number): ZoneChange[] {
  const changes: ZoneChange[] = [];
  for (let dayStartMs = fromMs; dayStartMs < toMs; dayStartMs += dayMs) {
    const before = offsetMs(dayStartMs, timezone);
    const dayEndMs = Math.min(dayStartMs + dayMs, toMs);
    const after = offsetMs(dayEndMs, timezone);
    if (before === after) continue;
    let [last, first] = [dayStartMs, dayEndMs];
    while (first - last > 1) {
      const middle = Math.floor((last + first) / 2);
      if (offsetMs(middle, timezone) === before) last = middle;
      else first = middle;
    }
    changes.push({ atMs: first, wallBeforeMs: first + before, wallAfterMs: first + after });
  }
  return changes;
}

const dayMs = 86_400_000;
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timezone: string): Intl.DateTimeFormat {
  const known = formatters.get(timezone);
  if (known) return known;
  const formatter = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  formatters.set(timezone, formatter);
  return formatter;
}

function offsetMs(instantMs: number, timezone: string): number {
  if (timezone === "UTC") return 0;
  const shown = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/.exec(formatterOf(timezone).format(instantMs));
  const [, month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (shown ?? []).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instantMs / 1000) * 1000;
}
