/**
 * From Elastic Beanstalk's cron to EventBridge Scheduler's: six fields, days of week by name, never both day fields.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
 */
import { type Cron, dateExists } from "./cron.ts";

/**
 * One or two `cron(minutes hours day-of-month month day-of-week *)` expressions, each at most 256 characters long, that
 * together run exactly when the schedule does (in UTC).
 *
 * Two when the schedule restricts the day of month and the day of week, for then either will do, which AWS cannot say
 * in one. Both run on a day that matches both: the second run of one scheduled time is a duplicate to drop.
 */
export function toAwsExpressions(cron: Cron): string[] {
  const { daysOfMonth, daysOfWeek } = cron;
  const time = `${ranges(cron.minutes, minuteRange)} ${ranges(cron.hours, hourRange)}`;
  const months = ranges(cron.months, monthRange);
  const onDays = (days: readonly number[]): string => `cron(${time} ${ranges(days, dayRange)} ${months} ? *)`;
  const onWeekdays = (days: readonly number[]): string => `cron(${time} ? ${months} ${weekdays(days)} *)`;
  const everyDay = `cron(${time} * ${months} ? *)`;
  if (daysOfMonth === "any") {
    return [daysOfWeek === "any" || daysOfWeek.length === 7 ? everyDay : onWeekdays(daysOfWeek)];
  }
  if (daysOfWeek === "any") return [onDays(daysOfMonth)];
  if (daysOfMonth.length === 31 || daysOfWeek.length === 7) return [everyDay];
  return dateExists(cron.months, daysOfMonth)
    ? [onDays(daysOfMonth), onWeekdays(daysOfWeek)]
    : [onWeekdays(daysOfWeek)];
}

interface Range {
  readonly min: number;
  readonly max: number;
}

const minuteRange: Range = { min: 0, max: 59 };
const hourRange: Range = { min: 0, max: 23 };
const dayRange: Range = { min: 1, max: 31 };
const monthRange: Range = { min: 1, max: 12 };

/** AWS counts days from 1, Sunday: names leave nothing to mistake. AWS has no steps here. */
const dayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

function weekdays(days: readonly number[]): string {
  return runs(days)
    .map((run) => (run.length > 2 ? `${dayNames[run.min]}-${dayNames[run.max]}` : namesOf(run)))
    .join(",");
}

function namesOf(run: Run): string {
  return run.length === 1 ? `${dayNames[run.min]}` : `${dayNames[run.min]},${dayNames[run.max]}`;
}

/** The shortest of `*`, `start/step` to the field's end, and a list of values and ranges. */
function ranges(values: readonly number[], { min, max }: Range): string {
  if (values.length === max - min + 1) return "*";
  return stepped(values, max) ?? runs(values).map(rangeOf).join(",");
}

function rangeOf(run: Run): string {
  if (run.length === 1) return `${run.min}`;
  return run.length === 2 ? `${run.min},${run.max}` : `${run.min}-${run.max}`;
}

/** Three or more values at one distance of 2 or more, as far as the field goes. */
function stepped(values: readonly number[], max: number): string | undefined {
  const [first, second] = values;
  const last = values.at(-1);
  if (first === undefined || second === undefined || last === undefined || values.length < 3) return undefined;
  const step = second - first;
  const even = values.every((value, index) => value === first + index * step);
  return even && step > 1 && last + step > max ? `${first}/${step}` : undefined;
}

/** Neighbouring values, from `min` to `max`. */
interface Run extends Range {
  readonly length: number;
}

function runs(values: readonly number[]): Run[] {
  const found: Run[] = [];
  for (const value of values) {
    const last = found.at(-1);
    if (last?.max === value - 1) found[found.length - 1] = { min: last.min, max: value, length: last.length + 1 };
    else found.push({ min: value, max: value, length: 1 });
  }
  return found;
}
