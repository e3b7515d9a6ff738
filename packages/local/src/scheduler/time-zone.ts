/** IANA time zones: between instants (milliseconds since 1970) and what clocks on the wall there show. */

/** Whether this is the name of a time zone, written as IANA does: `Europe/Berlin`. Offsets such as `+01:00` are none. */
export function isTimeZone(name: string): boolean {
  if (names.has(name)) return true;
  const known = /^[A-Za-z]/.test(name) ? formatterOf(name)?.resolvedOptions().timeZone : undefined;
  const isName = known !== undefined && (known === name || known.toLowerCase() !== name.toLowerCase());
  if (isName) names.add(name);
  return isName;
}

/** The names that were found to be ones. */
const names = new Set<string>();

/** What the clock on the wall shows at an instant, as the milliseconds that the same time in UTC has. */
export function wallTimeOf(instantMs: number, timezone: string): number {
  return instantMs + offsetMs(instantMs, timezone);
}

/**
 * The instant at which the clock on the wall shows this time: the first of the two when it is shown twice (clocks set
 * back), undefined when it is never shown (clocks set forward).
 */
export function firstInstantOf(wallMs: number, timezone: string): number | undefined {
  // Zones differ from UTC by less than a day, and change their offset less often than every other day.
  const candidates = [wallMs - dayMs, wallMs + dayMs].map((nearMs) => wallMs - offsetMs(nearMs, timezone));
  return candidates.sort((a, b) => a - b).find((instantMs) => wallTimeOf(instantMs, timezone) === wallMs);
}

const dayMs = 86_400_000;
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timezone: string): Intl.DateTimeFormat | undefined {
  const known = formatters.get(timezone);
  if (known) return known;
  try {
    const formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(timezone, formatter);
    return formatter;
  } catch {
    return undefined;
  }
}

function offsetMs(instantMs: number, timezone: string): number {
  if (timezone === "UTC") return 0;
  const formatter = formatterOf(timezone);
  if (!formatter) throw new RangeError(`${timezone} is no time zone.`);
  const shown = new Map(formatter.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => shown.get(type) ?? 0;
  const wallMs = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return wallMs - Math.floor(instantMs / 1000) * 1000;
}
