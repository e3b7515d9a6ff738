import { type Cron, matches } from "./cron.ts";
import { wallTimeOf } from "./cron-zone.ts";

/** What the database may use: the numbers of Aurora Serverless v2. */
export interface DatabaseCapacity {
  /** Aurora capacity units, 2 GiB of memory each, in steps of a half. At 0 it sleeps when nobody uses it. */
  readonly minimumAcu: number;
  readonly maximumAcu: number;
  /** How long nobody must have used it before it sleeps. */
  readonly pauseAfterSeconds: number;
}

/** The database of a stage, as stacks/database.ts makes it: a test holds the two together. */
export function databaseOf(stage: string): DatabaseCapacity {
  return { minimumAcu: stage === "production" ? 0.5 : 0, maximumAcu: 4, pauseAfterSeconds: 300 };
}

/** How busy a database is. */
export interface DatabaseLoad {
  /** Jobs a month that use it, besides those of schedules. */
  readonly jobsPerMonth: number;
  readonly secondsPerJob: number;
  readonly callsPerMonth: number;
  /** The minutes of a year of 365 days in which schedules start jobs that use it, in any order. */
  readonly scheduledMinutes: readonly number[];
}

/** Hours in a month: a twelfth of 8,760. */
export const hoursPerMonth = 730;

/** Simple statements that half an ACU is taken to answer in a second. */
export const callsPerSecondOfHalfAcu = 100;

const secondsPerMonth = hoursPerMonth * 3600;
const minutesPerDay = 1440;
const minutesPerYear = 365 * minutesPerDay;

/**
 * What it uses in a month. It is awake for its pause after each use: for jobs that come at random, evenly over the month,
 * with a chance of 1 − e^(−rate × time); for schedules the minutes are counted. While awake it has its minimum, at least half
 * an ACU, and half an ACU for each 100 calls a second, up to its maximum.
 */
export function databaseUse(database: DatabaseCapacity, load: DatabaseLoad): { awakeHours: number; acuHours: number } {
  const awakeHours = hoursPerMonth * (database.minimumAcu > 0 ? 1 : awakeShare(database, load));
  const neededAcu = 0.5 * Math.ceil(load.callsPerMonth / secondsPerMonth / callsPerSecondOfHalfAcu);
  const acu = Math.min(database.maximumAcu, Math.max(0.5, database.minimumAcu, neededAcu));
  return { awakeHours, acuHours: awakeHours * acu };
}

function awakeShare({ pauseAfterSeconds }: DatabaseCapacity, load: DatabaseLoad): number {
  const awakeSeconds = pauseAfterSeconds + load.secondsPerJob;
  const unusedByJobs = Math.exp((-load.jobsPerMonth * awakeSeconds) / secondsPerMonth);
  return 1 - unusedByJobs * (1 - awakeMinutes(load.scheduledMinutes, Math.ceil(awakeSeconds / 60)) / minutesPerYear);
}

/** How many minutes of the year are one of those given, or less than `length` minutes after it. */
function awakeMinutes(minutes: readonly number[], length: number): number {
  const sorted = Uint32Array.from(minutes).sort();
  const [first = 0] = sorted;
  return sorted.reduce((awake, minute, index) => {
    const next = sorted[index + 1] ?? first + minutesPerYear; // after the last run comes the first of the next year
    return awake + Math.min(length, next - minute);
  }, 0);
}

const yearStartMs = Date.UTC(2027, 0, 1);

/** The minutes of 2027 in which a schedule runs, counted from its start; the zone's offset is that of its first day. */
export function minutesOfYear({ cron, timezone }: { readonly cron: Cron; readonly timezone: string }): number[] {
  const offsetMinutes = Math.round((wallTimeOf(yearStartMs, timezone) - yearStartMs) / 60_000);
  const runsOfDay = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * 60 + minute));
  const [first = 0] = runsOfDay;
  const days = Array.from({ length: 365 }, (_, day) => day * minutesPerDay);
  return days
    .filter((day) => matches(cron, yearStartMs + (day + first) * 60_000))
    .flatMap((day) => runsOfDay.map((run) => (day + run - offsetMinutes + minutesPerYear) % minutesPerYear));
}
