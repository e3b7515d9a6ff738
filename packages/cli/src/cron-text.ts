/** What `tendril cron` prints, for people. */
import { toAwsExpressions } from "@tendril/core/aws-schedule";
import type { CronChange } from "@tendril/core/cron-diff";
import type { CronWarning } from "@tendril/core/cron-warnings";
import { wordCron } from "@tendril/core/cron-words";
import type { CronEntry } from "@tendril/core/cron-yaml";
import { nextRunIn, wallTimeOf } from "@tendril/core/cron-zone";
import { wordDuration } from "@tendril/core/duration";
import { scheduleName } from "@tendril/core/schedule-plan";
import { paint } from "./paint.ts";

export const zoneOf = (entry: CronEntry): string => entry.timezone ?? "UTC";

/** That a file is right, and what to look at in it all the same. */
export function checkText(file: string, entries: readonly CronEntry[], warnings: readonly CronWarning[]): string {
  const counted = `${entries.length} ${entries.length === 1 ? "schedule" : "schedules"}`;
  const noted = warnings.length === 0 ? "" : `, ${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}`;
  const lines = warnings.map(
    ({ line, column, kind, tasks, text }) =>
      `  ${file}:${line}:${column}: ${paint("yellow", kind)} (${kind === "busy minute" ? `${tasks.length} tasks` : tasks[0]}): ${text}`,
  );
  return [`${file}: ${counted}, no problems${noted}`, ...lines].join("\n");
}

/** Every schedule in two lines: its name and words, then its expression and next run. */
export function listText(entries: readonly CronEntry[], fromMs: number): string {
  if (entries.length === 0) return "no schedules";
  const width = Math.max(...entries.map(({ name }) => name.length));
  const pad = " ".repeat(width);
  return entries
    .map((entry) => {
      const next = entry.enabled
        ? `next ${localTime(nextRunIn(entry.schedule, zoneOf(entry), fromMs - 1), zoneOf(entry))}`
        : "not enabled";
      const about = entry.description === undefined ? [] : [`${pad}  ${paint("dim", entry.description)}`];
      const words = `${paint("bold", entry.name.padEnd(width))}  ${wordCron(entry.schedule)} ${paint("dim", `(${zoneOf(entry)})`)}`;
      return [words, `${pad}  ${entry.expression}  →  ${entry.job ?? entry.url}, ${next}`, ...about].join("\n");
    })
    .join("\n");
}

/** A run a line: in the task's zone, and in UTC when that is another. */
export function nextText(entry: CronEntry, runs: readonly number[]): string {
  const zone = zoneOf(entry);
  const disabled = entry.enabled ? [] : ["not enabled; it would run at:"];
  const lines = runs.map((runMs) =>
    zone === "UTC" ? localTime(runMs, zone) : `${localTime(runMs, zone)}  ${paint("dim", localTime(runMs, "UTC"))}`,
  );
  return [...disabled, ...lines].join("\n");
}

/** What a schedule becomes on AWS, and why. */
export function explainText(entry: CronEntry): string {
  const expressions = toAwsExpressions(entry.schedule);
  const name = scheduleName(entry.name);
  const rows = expressions.map((text, index) => `  ${index === 0 ? name : `${name}-${index + 1}`}  ${text}`);
  return [
    `${paint("bold", entry.name)}: ${entry.expression}`,
    `  ${wordCron(entry.schedule)}, in ${zoneOf(entry)}`,
    `EventBridge ${expressions.length === 1 ? "schedule" : "schedules"}:`,
    ...rows,
    `Why ${expressions.length === 1 ? "one" : "two"}:`,
    ...reasons(entry, expressions.length).map((line) => `  ${line}`),
    "Retries:",
    `  ${missedText(entry)}`,
    ...(entry.overlap === "skip"
      ? ["Overlap:", "  a run is skipped while another run of the task is unfinished."]
      : []),
  ].join("\n");
}

function reasons({ schedule }: CronEntry, count: number): string[] {
  if (count === 2) {
    return [
      "it names days of the month and days of the week. Cron runs on a day that is either; AWS takes only one of the two",
      "in an expression. A day that is both fires twice: the runs have the same job id, so the job is done once.",
    ];
  }
  const { daysOfMonth, daysOfWeek } = schedule;
  if (daysOfMonth === "any" || daysOfWeek === "any") {
    return ["it names days of the month or days of the week, not both: AWS can say that in one expression."];
  }
  const everyDay = daysOfMonth.length === 31 || daysOfWeek.length === 7;
  return [
    everyDay
      ? "it names days of the month and days of the week, either will do, and one of them is every day."
      : "it names days of the month and days of the week, but none of its months has such a day: the weekdays are left.",
  ];
}

function missedText({ missedWithinSeconds }: CronEntry): string {
  if (missedWithinSeconds === undefined) return "a run that cannot be sent at its time is tried again for an hour.";
  return `a run that cannot be sent at its time is tried again for ${wordDuration(missedWithinSeconds * 1000)}.`;
}

/** What is added, removed and changed, with what that means for the runs of four weeks. */
export function diffText(changes: readonly CronChange[]): string {
  if (changes.length === 0) return "no difference";
  return changes.flatMap(changeLines).join("\n");
}

function changeLines(change: CronChange): string[] {
  switch (change.kind) {
    case "added":
      return [paint("green", `+ ${change.entry.name}: ${wordEntry(change.entry)}, ${count(change.runs)} in 28 days`)];
    case "removed":
      return [paint("red", `- ${change.entry.name}: ${wordEntry(change.entry)}, ${count(change.runs)} in 28 days`)];
    case "changed": {
      const { before, after, lost, gained } = change.runs;
      const same = lost.length === 0 && gained.length === 0;
      const runs = same
        ? `the same ${count(after)} in 28 days`
        : `${count(before)} in 28 days become ${after}: ${lost.length} lost${firstOf(lost)}, ${gained.length} gained${firstOf(gained)}`;
      return [
        paint("yellow", `~ ${change.name}: ${runs}`),
        ...change.fields.map(({ key, from, to }) => `    ${key}: ${from} → ${to}`),
      ];
    }
  }
}

const wordEntry = (entry: CronEntry): string =>
  `${wordCron(entry.schedule)} (${zoneOf(entry)})${entry.enabled ? "" : ", not enabled"}`;

const count = (runs: number): string => `${runs} ${runs === 1 ? "run" : "runs"}`;

const firstOf = ([first]: readonly number[]): string =>
  first === undefined ? "" : ` (first ${localTime(first, "UTC")})`;

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** `Fri 2026-11-20 10:00 UTC`: a time as clocks show it in a zone. */
export function localTime(timeMs: number, timezone: string): string {
  const wall = new Date(wallTimeOf(timeMs, timezone));
  return `${weekdays[wall.getUTCDay()]} ${wall.toISOString().slice(0, 16).replace("T", " ")} ${timezone}`;
}
