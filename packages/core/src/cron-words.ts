/** A schedule in words, for people. */
import type { Cron } from "./cron.ts";

/** What a schedule says, in English: `every 5 minutes`, `at 03:00 on Monday to Friday`. Its time zone is not in it. */
export function wordCron(cron: Cron): string {
  const days = wordDays(cron);
  const months = cron.months.length === 12 ? "" : `in ${series(cron.months, (month) => monthNames[month - 1])}`;
  return [wordTime(cron), days, months].filter((part) => part !== "").join(" ");
}

/** The most times of day that are named one by one. */
const mostTimes = 4;

function wordTime({ minutes, hours }: Cron): string {
  const allHours = hours.length === 24;
  const pace = wordPace(minutes);
  if (minutes.length * hours.length <= mostTimes) {
    return `at ${list(hours.flatMap((hour) => minutes.map((minute) => clock(hour, minute))))}`;
  }
  if (allHours) return pace ?? `${atMinutes(minutes)} of every hour`;
  const every = evenStep(hours, 24);
  if (every !== undefined && minutes.length === 1) {
    return minutes[0] === 0 && hours[0] === 0
      ? `every ${every} hours`
      : `every ${every} hours from ${first(hours, minutes)}`;
  }
  return `${pace ?? atMinutes(minutes)} in the hours ${series(hours, String)}`;
}

/** A whole hour's even minutes: `every minute`, `every 5 minutes`, `every hour`. */
function wordPace(minutes: readonly number[]): string | undefined {
  if (minutes.length === 60) return "every minute";
  if (minutes.length === 1 && minutes[0] === 0) return "every hour";
  const step = evenStep(minutes, 60);
  if (step === undefined) return undefined;
  return minutes[0] === 0 ? `every ${step} minutes` : `every ${step} minutes from minute ${minutes[0]}`;
}

/** The distance of values that divide the whole of `span` evenly, 2 at least; undefined for any others. */
function evenStep(values: readonly number[], span: number): number | undefined {
  const [start, second] = values;
  if (start === undefined || second === undefined) return undefined;
  const step = second - start;
  const even = values.every((value, index) => value === start + index * step);
  return even && step > 1 && values.length * step === span ? step : undefined;
}

const atMinutes = (minutes: readonly number[]): string =>
  `at minute${minutes.length === 1 ? "" : "s"} ${series(minutes, String)}`;

const first = (hours: readonly number[], minutes: readonly number[]): string => clock(hours[0] ?? 0, minutes[0] ?? 0);

function wordDays({ daysOfMonth, daysOfWeek, minutes, hours }: Cron): string {
  const inMonth = daysOfMonth === "any" ? undefined : `on day ${series(daysOfMonth, String)} of the month`;
  const inWeek = daysOfWeek === "any" ? undefined : `on ${series(daysOfWeek, (day) => dayNames[day])}`;
  // Either of the two will do when both are given; a literal "any" leaves it to the other.
  const all = (values: readonly number[] | "any", count: number): boolean =>
    values !== "any" && values.length === count;
  if ((daysOfMonth === "any" && daysOfWeek === "any") || all(daysOfMonth, 31) || all(daysOfWeek, 7)) {
    return minutes.length * hours.length <= mostTimes ? "every day" : "";
  }
  return inMonth && inWeek ? `${inMonth} and ${inWeek}` : (inMonth ?? inWeek ?? "");
}

/** Values with neighbours of three or more as `from to to`. */
function series(values: readonly number[], name: (value: number) => string | undefined): string {
  const runs: number[][] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last?.at(-1) === value - 1) last.push(value);
    else runs.push([value]);
  }
  return list(
    runs.flatMap((run) =>
      run.length > 2 ? [`${name(run[0] ?? 0)} to ${name(run.at(-1) ?? 0)}`] : run.map((value) => `${name(value)}`),
    ),
  );
}

function list(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

const two = (value: number): string => String(value).padStart(2, "0");
const clock = (hour: number, minute: number): string => `${two(hour)}:${two(minute)}`;

const dayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const monthNames = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
