/**
 * The cron dialect of Elastic Beanstalk's worker tier: five fields in UTC (minute, hour, day of month, month, day of
 * week), or a macro such as `@daily`. https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features-managing-env-tiers.html
 *
 * Whatever Beanstalk's daemon misreads in silence (a sixth field, `*15`, `fri-mon`, a day that never comes) is a problem
 * here, said before anything is deployed.
 */
import {
  type CronProblem,
  dayOfMonth,
  dayOfWeek,
  given,
  hour,
  minute,
  month,
  type Part,
  readField,
} from "./cron-field.ts";

export type { CronProblem } from "./cron-field.ts";

/**
 * The minutes at which a schedule runs, in UTC. Values are ascending and without repeats.
 *
 * A day matches when its day of month or its day of week matches. `"any"` stands for a literal `*`, and then the other
 * of the two decides alone; any other way to write every day, such as `0-6`, is a restriction of its own.
 */
export interface Cron {
  /** 0 to 59 */
  readonly minutes: readonly number[];
  /** 0 to 23 */
  readonly hours: readonly number[];
  /** 1 to 31 */
  readonly daysOfMonth: readonly number[] | "any";
  /** 1 to 12 */
  readonly months: readonly number[];
  /** 0 to 6, Sunday is 0 */
  readonly daysOfWeek: readonly number[] | "any";
}

/** What `parseCron` found. */
export type ParsedCron =
  | { readonly kind: "cron"; readonly cron: Cron }
  | { readonly kind: "errors"; readonly errors: readonly CronProblem[] };

const macros: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);

/** The most days that each month has, in a leap year. */
const longestMonthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Reads an expression, or says everything that is wrong with it, in the order of the expression. Never throws. */
export function parseCron(expression: string): ParsedCron {
  const tokens: Part[] = [...expression.matchAll(/\S+/g)].map((match) => ({ text: match[0], offset: match.index }));
  const [first] = tokens;
  if (first?.text.startsWith("@")) return parseMacro(tokens, first);
  const [minutes, hours, days, months, weekdays, ...extra] = tokens;
  if (!minutes || !hours || !days || !months || !weekdays) {
    return { kind: "errors", errors: [tooFewFields(expression, tokens.length)] };
  }
  const problems: CronProblem[] = [];
  const cron: Cron = {
    minutes: readField(minute, minutes, problems),
    hours: readField(hour, hours, problems),
    daysOfMonth: days.text === "*" ? "any" : readField(dayOfMonth, days, problems),
    months: readField(month, months, problems),
    daysOfWeek: weekdays.text === "*" ? "any" : weekdaysFrom(readField(dayOfWeek, weekdays, problems)),
  };
  if (extra[0]) problems.push(tooManyFields(expression, extra[0]));
  else if (problems.length === 0 && neverComes(cron)) problems.push(noSuchDate(days, months));
  return problems.length > 0 ? { kind: "errors", errors: problems } : { kind: "cron", cron };
}

/** Whether the schedule runs in the UTC minute that `timeMs` (milliseconds since 1970) lies in. */
export function matches(cron: Cron, timeMs: number): boolean {
  const time = new Date(timeMs);
  return (
    cron.minutes.includes(time.getUTCMinutes()) && cron.hours.includes(time.getUTCHours()) && matchesDay(cron, time)
  );
}

/**
 * The first run strictly after `afterMs`; both in milliseconds since 1970, the result at the start of a UTC minute.
 * @throws RangeError when `afterMs` is not a time, or stands at the end of what a Date can hold.
 */
export function nextRun(cron: Cron, afterMs: number): number {
  const startMs = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs;
  const firstDayMs = Math.floor(startMs / dayMs) * dayMs;
  // The longest wait is from 29 February 2096 to that of 2104.
  for (let dayStartMs = firstDayMs; dayStartMs <= firstDayMs + 8 * 366 * dayMs; dayStartMs += dayMs) {
    if (!matchesDay(cron, new Date(dayStartMs))) continue;
    for (const hourOfDay of cron.hours) {
      for (const minuteOfHour of cron.minutes) {
        const runMs = dayStartMs + hourOfDay * hourMs + minuteOfHour * minuteMs;
        if (runMs >= startMs) return runMs;
      }
    }
  }
  throw new RangeError(`No run is found after ${afterMs} ms.`);
}

/** Whether a month ever has one of these days: `[30, 31]` in February never comes. */
export function dateExists(months: readonly number[], daysOfMonth: readonly number[]): boolean {
  return months.some((each) => daysOfMonth.some((day) => day <= (longestMonthDays[each - 1] ?? 0)));
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

function matchesDay(cron: Cron, time: Date): boolean {
  if (!cron.months.includes(time.getUTCMonth() + 1)) return false;
  const inMonth = cron.daysOfMonth === "any" || cron.daysOfMonth.includes(time.getUTCDate());
  const inWeek = cron.daysOfWeek === "any" || cron.daysOfWeek.includes(time.getUTCDay());
  return cron.daysOfMonth === "any" || cron.daysOfWeek === "any" ? inMonth && inWeek : inMonth || inWeek;
}

function parseMacro(tokens: readonly Part[], macro: Part): ParsedCron {
  const expanded = macros.get(macro.text);
  if (expanded && tokens.length === 1) return parseCron(expanded);
  const known = macros.has(macro.text.toLowerCase());
  const problem: CronProblem = {
    ...given(macro),
    allowed: `one of ${[...macros.keys()].join(", ")}, alone and in lower case`,
    fix: known
      ? `write ${macro.text.toLowerCase()} alone`
      : "write five fields: minute, hour, day of month, month, day of week",
  };
  const reboot = "nothing boots here: run it once at deploy instead, or give it a time";
  return { kind: "errors", errors: [macro.text === "@reboot" ? { ...problem, fix: reboot } : problem] };
}

/** 7 is Sunday too. */
function weekdaysFrom(values: readonly number[]): number[] {
  return [...new Set(values.map((value) => value % 7))].sort((a, b) => a - b);
}

function neverComes(cron: Cron): boolean {
  return cron.daysOfWeek === "any" && cron.daysOfMonth !== "any" && !dateExists(cron.months, cron.daysOfMonth);
}

const fiveFields = "five fields (minute, hour, day of month, month, day of week) or a macro such as @daily";

function tooFewFields(expression: string, count: number): CronProblem {
  const fix = count === 0 ? 'write an expression, such as "*/5 * * * *"' : `add the ${5 - count} missing: "*" is any`;
  return { given: expression, offset: 0, allowed: fiveFields, fix };
}

function tooManyFields(expression: string, sixth: Part): CronProblem {
  const kept = expression.slice(0, sixth.offset).trim();
  const fix = `there are no seconds and no years: write "${kept}", which is what Elastic Beanstalk reads, or say in five fields what is meant`;
  return { given: expression.slice(sixth.offset).trim(), offset: sixth.offset, allowed: fiveFields, fix };
}

function noSuchDate(days: Part, months: Part): CronProblem {
  return {
    given: `day ${days.text} of month ${months.text}`,
    offset: days.offset,
    allowed: "a day that at least one of the months has",
    fix: "no month given has such a day, so it would never run: change the day of month or the month",
  };
}
