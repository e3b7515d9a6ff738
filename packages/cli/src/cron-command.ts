import { parseWords, readNumber, usageError } from "./usage-error.ts";

/** What `tendril cron` may be told. Times are in milliseconds since 1970. */
export type CronCommand = CronSource &
  (
    | { readonly name: "check" | "list" }
    | { readonly name: "next"; readonly task: string; readonly count: number }
    | { readonly name: "explain"; readonly task: string }
    /** `month` as 2026-11; `timezone` is the one that the calendar is shown in. */
    | { readonly name: "calendar"; readonly month: string; readonly timezone: string }
    | { readonly name: "diff"; readonly before: string; readonly after: string }
  );

/** Which file, from when on, and how to print. */
export interface CronSource {
  /** A cron.yaml, from the working folder; undefined for the project's own. */
  readonly file: string | undefined;
  readonly fromMs: number;
  readonly json: boolean;
}

export const cronUsage = `tendril cron check              every problem of the project's cron.yaml at once, and warnings
tendril cron list               what runs when, in words, with the next run
tendril cron next NAME          the next runs of a task; -n NUMBER of them (10)
tendril cron explain NAME       the task's EventBridge schedules, and why there are one or two
tendril cron calendar           what runs when in a month; --month 2027-01, --timezone Europe/Berlin (UTC)
tendril cron diff OLD NEW       what another file would add, remove and change, and in which runs

  --file FILE              another cron.yaml than the project's; needs no project
  --from TIME              look from this time on, such as 2027-01-01 or 2027-01-01T12:00Z (now)
  --json                   print list, next and diff as JSON`;

const commands = "check, list, next NAME, explain NAME, calendar, diff OLD NEW";

/** Reads the words after `tendril cron`. Error: `usage`. */
export function readCronCommand(words: readonly string[], nowMs: number): CronCommand {
  const { values, positionals } = parse(words);
  const [name = "", ...operands] = positionals;
  const fromMs = values.from === undefined ? nowMs : readTime(values.from);
  const source: CronSource = { file: values.file, fromMs, json: values.json };
  const [first, second] = operands;
  if (name === "diff" && first !== undefined && second !== undefined && operands.length === 2) {
    return { ...source, name, before: first, after: second };
  }
  if ((name === "next" || name === "explain") && first !== undefined && operands.length === 1) {
    return name === "next"
      ? { ...source, name, task: first, count: readNumber("-n", values.number, [1, 10_000]) }
      : { ...source, name, task: first };
  }
  if (operands.length > 0) throw usageError(`cron ${positionals.join(" ")}`, `one of ${commands}`);
  if (name === "check" || name === "list") return { ...source, name };
  if (name === "calendar") {
    const timezone = readTimezone(values.timezone);
    return { ...source, name, timezone, month: readMonth(values.month ?? new Date(fromMs).toISOString().slice(0, 7)) };
  }
  throw usageError(`cron ${positionals.join(" ")}`.trim(), `one of ${commands}`);
}

function parse(words: readonly string[]) {
  const config = {
    args: [...words],
    allowPositionals: true,
    options: {
      file: { type: "string" },
      from: { type: "string" },
      json: { type: "boolean", default: false },
      number: { type: "string", short: "n", default: "10" },
      month: { type: "string" },
      timezone: { type: "string", default: "UTC" },
    },
  } as const;
  return parseWords(config, `cron ${words.join(" ")}`);
}

function readTime(text: string): number {
  const withZone = /^\d{4}-\d\d-\d\d$/.test(text) || /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?Z$/.test(text);
  const timeMs = withZone ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw usageError(`--from ${text}`, "--from with a time in UTC, such as 2027-01-01 or 2027-01-01T12:00Z");
}

function readMonth(text: string): string {
  if (/^\d{4}-(?:0[1-9]|1[0-2])$/.test(text)) return text;
  throw usageError(`--month ${text}`, "--month with a year and a month, such as 2027-01");
}

function readTimezone(text: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }) && text;
  } catch {
    throw usageError(`--timezone ${text}`, "--timezone with an IANA time zone, such as Europe/Berlin");
  }
}
