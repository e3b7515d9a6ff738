import { parseDuration } from "./duration.ts";
import { type Problem, TendrilError } from "./errors.ts";

/** Takes one reason against a plan. */
export type Report = (problem: Problem) => void;

/** Reports a value that is no whole number of the range. NaN passes: an unreadable duration was reported when it was read. */
export function within(
  where: string,
  value: number,
  [from, to]: readonly [number, number],
  unit: string,
  report: Report,
): void {
  if (Number.isNaN(value) || (Number.isInteger(value) && value >= from && value <= to)) return;
  report({ where, given: `${value} ${unit}`, allowed: from === to ? `${from} ${unit}` : `${from} to ${to} ${unit}` });
}

/** Whole seconds, as AWS counts; NaN and a report for what cannot be read. */
export function readSeconds(where: string, duration: string, report: Report): number {
  try {
    const milliseconds = parseDuration(duration, where);
    if (milliseconds % 1000 === 0) return milliseconds / 1000;
    report({ where, given: duration, allowed: "whole seconds" });
  } catch (error) {
    if (!(error instanceof TendrilError)) throw error;
    report({ where, given: error.facts.given, allowed: error.facts.allowed });
  }
  return Number.NaN;
}
