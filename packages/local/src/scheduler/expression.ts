import { type AwsCron, parseAwsCron } from "./aws-cron.ts";
import { firstInstantOf, wallTimeOf } from "./time-zone.ts";

/** A schedule expression, read. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html */
export type Expression =
  | { readonly kind: "cron"; readonly cron: AwsCron }
  | { readonly kind: "rate"; readonly everyMs: number }
  /** `wallMs`: the wall-clock time, as the milliseconds that the same time in UTC has. */
  | { readonly kind: "at"; readonly wallMs: number };

/** Reads `cron(...)`, `rate(...)` or `at(...)`; undefined when AWS would refuse it. */
export function parseExpression(text: string): Expression | undefined {
  const match = /^(cron|rate|at)\((.*)\)$/.exec(text);
  const inner = match?.[2] ?? "";
  if (match?.[1] === "cron") {
    const cron = parseAwsCron(inner);
    return cron && { kind: "cron", cron };
  }
  return match?.[1] === "rate" ? parseRate(inner) : match?.[1] === "at" ? parseAt(inner) : undefined;
}

/** What, besides the expression, decides when a schedule runs. */
export interface Timing {
  /** An IANA time zone; `rate` has none. */
  readonly timezone: string;
  /** When a `rate` runs for the first time, in milliseconds since 1970. */
  readonly anchorMs: number;
}

/**
 * The first run strictly after `afterMs` (milliseconds since 1970), or undefined when there is none.
 *
 * As AWS has it, a time that the clocks skip in spring is no run, and one that they show twice in autumn is one run, the
 * first. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 */
export function nextOccurrence(expression: Expression, timing: Timing, afterMs: number): number | undefined {
  switch (expression.kind) {
    case "cron":
      return nextOfCron(expression.cron, timing.timezone, afterMs);
    case "rate": {
      const runs = Math.floor((afterMs - timing.anchorMs) / expression.everyMs) + 1;
      return timing.anchorMs + Math.max(0, runs) * expression.everyMs;
    }
    case "at": {
      const onceMs = firstInstantOf(expression.wallMs, timing.timezone);
      return onceMs !== undefined && onceMs > afterMs ? onceMs : undefined;
    }
  }
}

function nextOfCron(cron: AwsCron, timezone: string, afterMs: number): number | undefined {
  let wallMs = cron.next(wallTimeOf(afterMs, timezone));
  while (wallMs !== undefined) {
    const instantMs = firstInstantOf(wallMs, timezone);
    if (instantMs !== undefined && instantMs > afterMs) return instantMs;
    wallMs = cron.next(wallMs);
  }
  return undefined;
}

const unitMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

function parseRate(text: string): Expression | undefined {
  const match = /^([1-9]\d{0,8}) (minute|hour|day)s?$/.exec(text);
  const unit = match?.[2];
  if (unit !== "minute" && unit !== "hour" && unit !== "day") return undefined;
  return { kind: "rate", everyMs: Number(match?.[1]) * unitMs[unit] };
}

function parseAt(text: string): Expression | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)) return undefined;
  const time = new Date(`${text}Z`);
  // 31 February is read as 3 March, and hour 24 as the next day: neither is written back as it was.
  const exists = !Number.isNaN(time.getTime()) && time.toISOString() === `${text}.000Z`;
  return exists ? { kind: "at", wallMs: time.getTime() } : undefined;
}
