import { Cron } from "croner";

/** The times of an AWS cron expression, as wall-clock times: the milliseconds that the same time in UTC has. */
export interface AwsCron {
  /** The first time strictly after `wallMs`, or undefined when there is none until the end of 2199. */
  next(wallMs: number): number | undefined;
}

/**
 * Reads the six fields that stand in `cron(...)`; undefined when AWS would refuse them.
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
 *
 * Stricter than AWS may be where its documentation is silent: the year is required, a range runs upwards, days of week
 * have no steps, `L`, `W` and `#` stand alone in their field, and a date that never comes is refused.
 */
export function parseAwsCron(text: string): AwsCron | undefined {
  const [minutes, hours, daysOfMonth, months, daysOfWeek, years, ...extra] = text.split(/ +/);
  if (years === undefined || daysOfWeek === undefined || extra.length > 0) return undefined;
  if ((daysOfMonth === "?") === (daysOfWeek === "?")) return undefined;
  const valid =
    isField(minute, minutes) &&
    isField(hour, hours) &&
    isField(dayOfMonth, daysOfMonth) &&
    isField(month, months) &&
    isField(dayOfWeek, daysOfWeek) &&
    isField(year, years);
  if (!valid) return undefined;
  // A lone L is the last day of the week, which croner does not know.
  const weekdays = daysOfWeek.toUpperCase() === "L" ? "7" : daysOfWeek;
  const cron = evaluator([minutes, hours, daysOfMonth, months, weekdays, years].join(" "));
  return cron.next(Date.UTC(1969, 11, 31, 23, 59)) === undefined ? undefined : cron;
}

function evaluator(fields: string): AwsCron {
  const cron = new Cron(`0 ${fields}`, {
    mode: "7-part",
    alternativeWeekdays: true,
    sloppyRanges: true,
    utcOffset: 0,
  });
  return {
    next(wallMs) {
      const time = cron.nextRun(new Date(wallMs))?.getTime();
      return time !== undefined && time < Date.UTC(2200, 0) ? time : undefined;
    },
  };
}

interface Field {
  readonly min: number;
  readonly max: number;
  /** Names in the order of their values, the first one at `min`. */
  readonly names?: readonly string[];
  /** What may stand alone in the field besides `*` and lists. */
  readonly alone?: RegExp;
  readonly hasSteps: boolean;
}

const monthNames = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const dayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const minute: Field = { min: 0, max: 59, hasSteps: true };
const hour: Field = { min: 0, max: 23, hasSteps: true };
const dayOfMonth: Field = { min: 1, max: 31, hasSteps: true, alone: /^(\?|L|LW|([1-9]|[12]\d|3[01])W)$/i };
const month: Field = { min: 1, max: 12, hasSteps: true, names: monthNames };
const dayOfWeek: Field = {
  min: 1,
  max: 7,
  hasSteps: false,
  names: dayNames,
  alone: new RegExp(`^(\\?|L|([1-7]|${dayNames.join("|")})(L|#[1-5]))$`, "i"),
};
const year: Field = { min: 1970, max: 2199, hasSteps: true };

function isField(field: Field, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (text === "*" || field.alone?.test(text)) return true;
  return text.split(",").every((element) => isElement(field, element));
}

function isElement(field: Field, text: string): boolean {
  const match = /^(?:\*|(?<from>\w+)(?:-(?<to>\w+))?)(?:\/(?<step>\d+))?$/.exec(text);
  if (!match) return false;
  const { from, to, step } = match.groups ?? {};
  if (step !== undefined && !(field.hasSteps && Number(step) >= 1 && Number(step) <= field.max)) return false;
  if (from === undefined) return step !== undefined;
  const start = valueIn(field, from);
  const end = to === undefined ? start : valueIn(field, to);
  return start !== undefined && end !== undefined && start <= end;
}

function valueIn(field: Field, text: string): number | undefined {
  const named = field.names?.indexOf(text.toUpperCase()) ?? -1;
  const value = named >= 0 ? named + field.min : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.min && value <= field.max ? value : undefined;
}
