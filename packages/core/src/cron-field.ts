/**
 * One field of a cron expression: which values it may have, how it is read, and what to say when it cannot be.
 */

/** One thing wrong with an expression: what was given, what is allowed, and what to do. */
export interface CronProblem {
  /** Where `given` starts, in characters (UTF-16 units) from the start of the expression. */
  readonly offset: number;
  readonly given: string;
  readonly allowed: string;
  readonly fix: string;
}

/** A field's rules; both ends are allowed. */
export interface Field {
  readonly name: string;
  /** What the field's values repeat in. */
  readonly within: string;
  readonly min: number;
  readonly max: number;
  /** Names in the order of their values, the first one at `min`. */
  readonly names: readonly string[];
}

/** A piece of the expression. */
export interface Part {
  readonly text: string;
  /** In characters (UTF-16 units) from the start of the expression. */
  readonly offset: number;
}

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The first field. */
export const minute: Field = { name: "minute", within: "hour", min: 0, max: 59, names: [] };
/** The second field. */
export const hour: Field = { name: "hour", within: "day", min: 0, max: 23, names: [] };
/** The third field. */
export const dayOfMonth: Field = { name: "day of month", within: "month", min: 1, max: 31, names: [] };
/** The fourth field. */
export const month: Field = { name: "month", within: "year", min: 1, max: 12, names: monthNames };
/** The fifth field, where 0 and 7 are both Sunday. */
export const dayOfWeek: Field = { name: "day of week", within: "week", min: 0, max: 7, names: dayNames };

/** The field's values, ascending and without repeats; what is wrong with it is added to `problems`. */
export function readField(field: Field, token: Part, problems: CronProblem[]): number[] {
  const values = new Set<number>();
  let offset = token.offset;
  for (const text of token.text.split(",")) {
    if (text === "") problems.push(emptyElement(field, token, offset));
    else for (const value of readElement(field, { text, offset }, problems)) values.add(value);
    offset += text.length + 1;
  }
  return [...values].sort((a, b) => a - b);
}

function readElement(field: Field, element: Part, problems: CronProblem[]): number[] {
  const match = /^(?:\*|(?<from>[a-z0-9]+)(?:-(?<to>[a-z0-9]+))?)(?:\/(?<step>\d+))?$/i.exec(element.text);
  if (!match) {
    problems.push(foreignElement(field, element));
    return [];
  }
  const before = problems.length;
  const { from, to, step: stepText } = match.groups ?? {};
  const step = stepText === undefined ? 1 : readStep(field, element, stepText, problems);
  // "*" never reaches 7: Sunday would come twice.
  if (from === undefined) return step ? stepped(field.min, field === dayOfWeek ? 6 : field.max, step) : [];
  const start = readValue(field, { text: from, offset: element.offset }, problems);
  const toOffset = element.offset + from.length + 1;
  const end = to === undefined ? start : readValue(field, { text: to, offset: toOffset }, problems);
  if (start === undefined || end === undefined || step === undefined) return [];
  if (to === undefined && stepText !== undefined) problems.push(stepWithoutRange(field, element, from, stepText));
  else if (start > end) problems.push(wrappedRange(field, element, start, end, step));
  return problems.length > before ? [] : stepped(start, end, step);
}

function stepped(start: number, end: number, step: number): number[] {
  const values: number[] = [];
  for (let value = start; value <= end; value += step) values.push(value);
  return values;
}

function readStep(field: Field, element: Part, text: string, problems: CronProblem[]): number | undefined {
  const longest = field === dayOfWeek ? 6 : field.max - field.min;
  const step = Number(text);
  if (step >= 1 && step <= longest) return step;
  problems.push({
    given: text,
    offset: element.offset + element.text.length - text.length,
    allowed: `a step from 1 to ${longest} for the ${field.name}`,
    fix:
      step === 0
        ? "leave the step away"
        : `steps start again with every ${field.within}, so this one is only taken once: write the ${field.name} that is meant`,
  });
  return undefined;
}

function readValue(field: Field, value: Part, problems: CronProblem[]): number | undefined {
  const named = field.names.indexOf(value.text.toLowerCase());
  if (named >= 0) return named + field.min;
  const number = /^\d+$/.test(value.text) ? Number(value.text) : Number.NaN;
  if (number >= field.min && number <= field.max) return number;
  problems.push(Number.isNaN(number) ? foreignWord(field, value) : outOfRange(field, value, number));
  return undefined;
}

/** The two members that place a problem. */
export const given = (part: Part): { given: string; offset: number } => ({ given: part.text, offset: part.offset });

function allowedIn(field: Field): string {
  const first = field.names[0];
  const names = first ? ` or ${first}-${field.names.at(-1)}` : "";
  return `${field.name} ${field.min}-${field.max}${names}: *, */n, n, n-m, n-m/s, and lists of them with commas`;
}

const a = (field: Field): string => (field === hour ? `an ${field.name}` : `a ${field.name}`);

function outOfRange(field: Field, value: Part, number: number): CronProblem {
  const midnight = field === hour && number === 24 ? ": midnight is hour 0" : "";
  const fix = `write ${a(field)} from ${field.min} to ${field.max}${midnight}`;
  return { ...given(value), allowed: allowedIn(field), fix };
}

function stepWithoutRange(field: Field, element: Part, from: string, step: string): CronProblem {
  const last = field === dayOfWeek ? 6 : field.max;
  return { ...given(element), allowed: allowedIn(field), fix: `write ${from}-${last}/${step}` };
}

function wrappedRange(field: Field, element: Part, start: number, end: number, step: number): CronProblem {
  const last = field === dayOfWeek ? 6 : field.max;
  const span = last - field.min + 1;
  const range = (from: number, to: number): string =>
    from === to ? written(field, element, from) : `${written(field, element, from)}-${written(field, element, to)}`;
  const list = stepped(start, end + span, step).map((value) => ((value - field.min) % span) + field.min);
  const ranges = start > last ? range(field.min, end) : `${range(start, last)},${range(field.min, end)}`;
  const fix = step === 1 ? ranges : list.map((value) => written(field, element, value)).join(",");
  return { ...given(element), allowed: `${allowedIn(field)}; a range runs upwards`, fix: `write ${fix}` };
}

/** A value the way the author writes values: by name when the element has names. */
function written(field: Field, element: Part, value: number): string {
  return (/[a-z]/i.test(element.text) ? field.names[value - field.min] : undefined) ?? String(value);
}

function emptyElement(field: Field, token: Part, offset: number): CronProblem {
  const comma = Math.max(token.offset, offset - 1);
  return { given: ",", offset: comma, allowed: allowedIn(field), fix: "take the extra comma away" };
}

function foreignElement(field: Field, element: Part): CronProblem {
  const problem = { ...given(element), allowed: allowedIn(field) };
  const starStep = /^\*(\d+)$/.exec(element.text)?.[1];
  if (starStep) return { ...problem, fix: `write */${starStep}` };
  if (element.text === "?") return { ...problem, fix: "write *" };
  if (element.text.includes("#")) return { ...problem, fix: nthWeekday };
  return { ...problem, fix: `write ${a(field)} in one of these forms` };
}

const nthWeekday = "name the weekday alone, and let the job look at the date: there is no n-th weekday here";
const lastDay = "name the days it can be, such as 28-31, and let the job look at the date: there is no last day here";
const nearestWeekday = "name the day, and let the job look at the weekday: there is no nearest weekday here";

function foreignWord(field: Field, word: Part): CronProblem {
  const problem = { ...given(word), allowed: allowedIn(field) };
  const text = word.text.toLowerCase();
  const short = text.slice(0, 3);
  const other = [month, dayOfWeek].find((each) => each !== field && each.names.includes(short));
  if (/^(\d+w|lw)$/.test(text)) return { ...problem, fix: nearestWeekday };
  if (/^\d*l$/.test(text)) return { ...problem, fix: lastDay };
  if (text.length > 3 && field.names.includes(short)) return { ...problem, fix: `write ${short}` };
  if (other) return { ...problem, fix: `${short} is a ${other.name}: write it in that field` };
  return { ...problem, fix: `write ${a(field)} in one of these forms` };
}
