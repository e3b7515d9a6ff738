import { TendrilError } from "./errors.ts";

const unitMs = { millisecond: 1, second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

type Unit = keyof typeof unitMs;

/** A length of time in words: `"30 seconds"`, `"1.5 minutes"`, `"1 day"`. Never negative. */
export type Duration = `${number} ${Unit | `${Unit}s`}`;

const pattern = /^(\d+(?:\.\d+)?) (millisecond|second|minute|hour|day)s?$/;

/**
 * A duration in milliseconds, read strictly: `"1.5 minutes"` is 90,000; a fraction of a millisecond, a sign, an exponent
 * or another unit is the error `duration_invalid`.
 */
export function parseDuration(duration: string, where?: string): number {
  const match = pattern.exec(duration);
  const milliseconds = match === null ? Number.NaN : Number(match[1]) * unitMs[match[2] as Unit];
  // 1.1 minutes is 66,000.00000000001 in floating point: what is whole but for rounding is whole.
  const whole = Math.round(milliseconds);
  if (Number.isNaN(milliseconds) || Math.abs(milliseconds - whole) > 1e-6 || !Number.isSafeInteger(whole)) {
    throw new TendrilError("duration_invalid", {
      ...(where === undefined ? {} : { where }),
      given: JSON.stringify(duration),
      allowed: 'a number and a unit, such as "30 seconds", "1.5 minutes", "2 hours" or "1 day"',
    });
  }
  return whole;
}

/** Milliseconds in words, for people: `"250 ms"`, `"1.5 s"`, `"4 min"`, `"2 h 5 min"`, `"14 d"`. */
export function wordDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1000).toFixed(1))} s`;
  const minutes = Math.round(milliseconds / 60_000);
  const parts = [
    [Math.floor(minutes / 1440), "d"],
    [Math.floor((minutes % 1440) / 60), "h"],
    [minutes % 60, "min"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}
