import { wordCron } from "@tendril/core/cron-words";
import type { CronEntry } from "@tendril/core/cron-yaml";
import { firstInstantOf, runsWithin, wallTimeOf } from "@tendril/core/cron-zone";
import { paint } from "./paint.ts";

/** What a calendar shows: a month such as `2026-11`, in a time zone. */
export interface CalendarOptions {
  readonly month: string;
  readonly timezone: string;
}

/** A task that runs more often than this on a day is told in one line for the month. */
const mostRunsShown = 4;

/** A month's days with what runs on each, then the tasks that run too often for that. Entries not enabled are left out. */
export function calendarText(entries: readonly CronEntry[], { month, timezone }: CalendarOptions): string {
  const [year = 0, monthNumber = 1] = month.split("-").map(Number);
  const dayCount = new Date(Date.UTC(year, monthNumber, 0)).getUTCDate();
  const midnightMs = (day: number): number => startOf(Date.UTC(year, monthNumber - 1, day), timezone);
  const period = { fromMs: midnightMs(1), toMs: midnightMs(dayCount + 1) };
  const rows = Array.from({ length: dayCount }, (): { wallMs: number; name: string }[] => []);
  const often: string[] = [];
  for (const entry of entries.filter(({ enabled }) => enabled)) {
    const zone = entry.timezone ?? "UTC";
    const walls = runsWithin({ cron: entry.schedule, timezone: zone }, period).map((ms) => wallTimeOf(ms, timezone));
    if (mostADay(walls) > mostRunsShown) {
      often.push(`  ${entry.name}: ${wordCron(entry.schedule)} (${zone}), ${walls.length} runs`);
      continue;
    }
    for (const wallMs of walls) rows[new Date(wallMs).getUTCDate() - 1]?.push({ wallMs, name: entry.name });
  }
  const days = rows.map((runs, index) => dayLine(new Date(Date.UTC(year, monthNumber - 1, index + 1)), runs));
  const more = often.length === 0 ? [] : ["", "many times a day:", ...often];
  return [paint("bold", `${month}, times in ${timezone}`), ...days, ...more].join("\n");
}

const hourMs = 3_600_000;

/** The first instant of a day, also where clocks skip midnight. */
function startOf(wallMs: number, timezone: string): number {
  for (let later = 0; later < 24; later++) {
    const instantMs = firstInstantOf(wallMs + (later * hourMs) / 4, timezone);
    if (instantMs !== undefined) return instantMs;
  }
  return wallMs;
}

function mostADay(walls: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const wallMs of walls) {
    const day = Math.floor(wallMs / (24 * hourMs));
    counts.set(day, (counts.get(day) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

function dayLine(date: Date, runs: readonly { wallMs: number; name: string }[]): string {
  const day = `${weekdays[date.getUTCDay()]} ${date.toISOString().slice(8, 10)}`;
  if (runs.length === 0) return paint("dim", `${day}  ·`);
  const byTime = new Map<string, string[]>();
  for (const { wallMs, name } of runs.toSorted((a, b) => a.wallMs - b.wallMs)) {
    const time = new Date(wallMs).toISOString().slice(11, 16);
    byTime.set(time, [...(byTime.get(time) ?? []), name]);
  }
  return `${day}  ${[...byTime].map(([time, names]) => `${time} ${names.join(", ")}`).join(" · ")}`;
}
