import { toAwsExpressions } from "@tendril/core/aws-schedule";
import { type Cron, matches, parseCron } from "@tendril/core/cron";
import { nextRunIn } from "@tendril/core/cron-zone";
import { type Expression, nextOccurrence, parseExpression } from "@tendril/local/scheduler/expression";

/** A stretch of time in milliseconds since 1970: from the first, up to but not at the second. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A minute on which two evaluations differ, and who says that there is a run. */
export interface Difference {
  readonly at: string;
  readonly saidBy: string;
}

/** What a comparison came to. */
export interface Compared {
  /** Minutes that both were asked about. */
  readonly minutes: number;
  readonly runs: number;
  /** The first of them, at most ten. */
  readonly differences: readonly Difference[];
}

export const minuteMs = 60_000;
const quarterMs = 15 * minuteMs;
const dayMs = 1440 * minuteMs;

/** A schedule of Elastic Beanstalk. Throws when the expression cannot be read. */
export function cronOf(expression: string): Cron {
  const parsed = parseCron(expression);
  if (parsed.kind === "errors") throw new Error(`${expression}: ${JSON.stringify(parsed.errors)}`);
  return parsed.cron;
}

/**
 * What AWS would run, by the local Scheduler's reading of AWS's rules, against what clocks on the wall show at each
 * minute: Beanstalk's rule is asked about every single minute, and nothing of `nextRun` or of the Scheduler is in it.
 */
export function compareMinutes(cron: Cron, timezone: string, period: Period): Compared {
  const aws = awsRuns(cron, timezone, period);
  const differences: Difference[] = [];
  const wallTime = wallClock(timezone);
  const isRepeated = timezone === "UTC" ? () => false : repeats();
  let [minutes, runs] = [0, 0];
  // A wall time that is shown a second time is no run: what was shown in the day before the period has to be known.
  const dayBeforeMs = timezone === "UTC" ? period.fromMs : period.fromMs - dayMs;
  for (let timeMs = dayBeforeMs; timeMs < period.toMs; timeMs += minuteMs) {
    const wallMs = wallTime(timeMs);
    const repeated = isRepeated(wallMs);
    if (timeMs < period.fromMs) continue;
    minutes += 1;
    const expected = !repeated && matches(cron, wallMs);
    if (expected) runs += 1;
    if (expected !== aws.has(timeMs) && differences.length < 10) {
      differences.push({ at: new Date(timeMs).toISOString(), saidBy: expected ? "Beanstalk" : "AWS" });
    }
  }
  return { minutes, runs, differences };
}

/** Says whether a wall time has been shown in the last day, and remembers it. */
function repeats(): (wallMs: number) => boolean {
  const shownMs = new Float64Array((2 * dayMs) / minuteMs).fill(Number.NaN);
  return (wallMs) => {
    const place = (wallMs / minuteMs) % shownMs.length;
    const isRepeated = shownMs[place] === wallMs;
    shownMs[place] = wallMs;
    return isRepeated;
  };
}

/** When the AWS expressions of a schedule run: the times of both, where there are two. */
export function awsRuns(cron: Cron, timezone: string, { fromMs, toMs }: Period): Set<number> {
  const runs = new Set<number>();
  for (const text of toAwsExpressions(cron)) {
    const expression = awsExpression(text);
    const next = (afterMs: number) => nextOccurrence(expression, { timezone, anchorMs: 0 }, afterMs);
    for (let run = next(fromMs - 1); run !== undefined && run < toMs; run = next(run)) runs.add(run);
  }
  return runs;
}

/** The runs that `tendril cron` tells of, and locally and on AWS the schedule's first ones. */
export function toldRuns(cron: Cron, timezone: string, { fromMs, toMs }: Period): Set<number> {
  const runs = new Set<number>();
  for (let run = nextRunIn(cron, timezone, fromMs - 1); run < toMs; run = nextRunIn(cron, timezone, run)) runs.add(run);
  return runs;
}

function awsExpression(text: string): Expression {
  const expression = parseExpression(text);
  if (!expression || text.length > 256) throw new Error(`The local Scheduler refuses ${text}.`);
  return expression;
}

/**
 * What clocks show, by a way of its own: the offset that Intl names (`GMT-03:30`), looked up at both ends of a day, and on
 * a day that ends with another one once a quarter of an hour, since no zone changes at another minute.
 */
function wallClock(timezone: string): (timeMs: number) => number {
  if (timezone === "UTC") return (timeMs) => timeMs;
  const names = new Intl.DateTimeFormat("en-US", { timeZone: timezone, timeZoneName: "longOffset" });
  const offsetAt = (timeMs: number): number => {
    const name = names.formatToParts(timeMs).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign, hours = 0, minutes = 0] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(name) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * minuteMs;
  };
  let [knownFromMs, knownToMs, offsetMs] = [Number.NaN, Number.NaN, 0];
  return (timeMs) => {
    if (!(timeMs >= knownFromMs && timeMs < knownToMs)) {
      const fromMs = timeMs - (timeMs % dayMs);
      const changes = offsetAt(fromMs) !== offsetAt(fromMs + dayMs);
      knownFromMs = changes ? timeMs - (timeMs % quarterMs) : fromMs;
      knownToMs = knownFromMs + (changes ? quarterMs : dayMs);
      offsetMs = offsetAt(knownFromMs);
    }
    return timeMs + offsetMs;
  };
}
