import { parseDuration } from "@tendril/core/duration";
import { usageError } from "./usage-error.ts";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const shortPattern = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Whether a word is a span in its short form, as `30s`. */
export const isShortSpan = (word: string): boolean => shortPattern.test(word);

/** Reads a span of time in milliseconds: `30s`, `10m`, `2h`, `1d`, or in words, `10 minutes`. Error: `usage`. */
export function readSpan(option: string, text: string): number {
  const [, number, unit = ""] = shortPattern.exec(text) ?? [];
  const ms = Number(number) * (unitMs[unit] ?? Number.NaN);
  if (!Number.isNaN(ms)) return ms;
  try {
    return parseDuration(text);
  } catch {
    throw usageError(`${option} ${text}`, `${option} with a time, such as 30s, 10m, 2h, 1d or "10 minutes"`);
  }
}

/** Milliseconds in one word: `45s`, `12m`, `3h`, `5d`; of less than a second `0s`. */
export function shortSpan(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
