/**
 * Reads cron.yaml as Elastic Beanstalk does, and reports everything that is wrong with it by line and column.
 * https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features-managing-env-tiers.html#worker-periodictasks
 */
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import { type Cron, parseCron } from "./cron.ts";
import { missedSeconds, missedSkipSeconds } from "./cron-missed.ts";
import { errorOfProblems, type TendrilError } from "./errors.ts";
import {
  member,
  offsetOf,
  readYaml,
  reportSyntax,
  resolved,
  shown,
  shownAt,
  type YamlProblem,
  type YamlSource,
} from "./yaml-source.ts";

/** An entry of cron.yaml. `name`, `url` and `schedule` are Beanstalk's; it ignores the others, and so do we any more. */
export interface CronEntry {
  /** Any text without control characters, unique in the file. */
  readonly name: string;
  /** The path that the run is posted to; starts with "/". */
  readonly url: string;
  readonly schedule: Cron;
  /** `schedule` as it was written. */
  readonly expression: string;
  /** The job type to run, when `url` does not say it. */
  readonly job?: string;
  /** The job's input: a JSON value. */
  readonly data?: unknown;
  /** The IANA time zone that `schedule` is meant in; UTC when absent, as in Beanstalk. At most 50 characters. */
  readonly timezone?: string;
  /** Default true. */
  readonly enabled: boolean;
  readonly description?: string;
  /** `skip`: a run is not started while another run of the task is unfinished. `allow` when absent. */
  readonly overlap?: "allow" | "skip";
  /** For how long a run that could not be sent at its time is tried again, in seconds: 60 to 86,400. Absent: an hour. */
  readonly missedWithinSeconds?: number;
  /** Where the entry starts, both counted from 1. */
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with the file: where, what was given, what is allowed, and what to do. */
export interface CronYamlProblem {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in characters (UTF-16 units). */
  readonly column: number;
  readonly given: string;
  readonly allowed: string;
  readonly fix: string;
}

/** What `readCronYaml` found. */
export type ReadCronYaml =
  | { readonly kind: "schedules"; readonly schedules: readonly CronEntry[] }
  | { readonly kind: "errors"; readonly errors: readonly CronYamlProblem[] };

/** Reads the text of a cron.yaml; `file` is the name to put into problems, which come in the file's order. Never throws. */
export function readCronYaml(text: string, file: string): ReadCronYaml {
  const yaml = readYaml(text);
  const errors: CronYamlProblem[] = [];
  const report = (offset: number, problem: YamlProblem) => errors.push({ file, ...yaml.place(offset), ...problem });
  reportSyntax(yaml, report);
  const schedules = errors.length > 0 ? [] : readRoot({ ...yaml, report });
  if (errors.length === 0) return { kind: "schedules", schedules };
  return { kind: "errors", errors: errors.sort((a, b) => a.line - b.line || a.column - b.column) };
}

/** Problems of a cron.yaml as one error (`cron_yaml_invalid`), with a line for each. */
export function cronYamlError(problems: readonly CronYamlProblem[]): TendrilError {
  const facts = problems.map(({ file, line, column, given, allowed, fix }) => ({
    where: `${file}:${line}:${column}`,
    given,
    allowed,
    fix: `${fix.charAt(0).toUpperCase()}${fix.slice(1)}.`,
  }));
  return errorOfProblems("cron_yaml_invalid", facts);
}

interface Source extends YamlSource {
  report(offset: number, problem: YamlProblem): void;
}

const skeleton = "write version: 1, and under cron: a list of entries with name, url and schedule";

function readRoot(source: Source): CronEntry[] {
  const root = resolved(source, source.document.contents);
  if (!isMap(root)) {
    const given = root ? shownAt(source, root) : "nothing";
    source.report(offsetOf(root), { given, allowed: "a mapping with version and cron", fix: skeleton });
    return [];
  }
  const version = member(source, root, "version");
  if (!isScalar(version) || version.value !== 1) {
    const problem = { given: shown(source, "version", version), allowed: "version: 1", fix: "write version: 1" };
    source.report(offsetOf(version ?? root), problem);
  }
  const list = member(source, root, "cron");
  if (isSeq(list))
    return readEntries(
      source,
      list.items.map((item) => resolved(source, item)),
    );
  source.report(offsetOf(list ?? root), {
    given: shown(source, "cron", list),
    allowed: "a list under cron",
    fix: skeleton,
  });
  return [];
}

function readEntries(source: Source, nodes: readonly (Node | undefined)[]): CronEntry[] {
  const entries: CronEntry[] = [];
  const firstLines = new Map<string, number>();
  for (const node of nodes) {
    if (!isMap(node)) {
      const given = node ? shownAt(source, node) : "nothing";
      source.report(offsetOf(node), { given, allowed: "an entry with name, url and schedule", fix: skeleton });
      continue;
    }
    const entry = readEntry(source, node, firstLines);
    if (entry) entries.push(entry);
  }
  return entries;
}

function readEntry(source: Source, node: YAMLMap, firstLines: Map<string, number>): CronEntry | undefined {
  const place = source.place(offsetOf(node));
  const name = readText(source, node, "name", "a name, as text without control characters");
  const url = readUrl(source, node);
  const schedule = readSchedule(source, node);
  const job = readText(source, node, "job", "the name of a job type", { optional: true });
  const data = readData(source, node);
  const timezone = readTimezone(source, node);
  const enabled = readEnabled(source, node);
  const description = readText(source, node, "description", "text", { optional: true });
  const overlap = readOverlap(source, node);
  const missedWithinSeconds = readMissed(source, node);
  if (name !== undefined) reportRepeated(source, node, name, firstLines, place.line);
  if (name === undefined || url === undefined || schedule === undefined) return undefined;
  return {
    name,
    url,
    ...schedule,
    ...(job === undefined ? {} : { job }),
    ...(data === undefined ? {} : { data }),
    ...(timezone === undefined ? {} : { timezone }),
    enabled,
    ...(description === undefined ? {} : { description }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(missedWithinSeconds === undefined ? {} : { missedWithinSeconds }),
    ...place,
  };
}

function reportRepeated(source: Source, node: YAMLMap, name: string, firstLines: Map<string, number>, line: number) {
  const firstLine = firstLines.get(name);
  if (firstLine === undefined) {
    firstLines.set(name, line);
    return;
  }
  source.report(offsetOf(member(source, node, "name")), {
    given: JSON.stringify(name),
    allowed: `a name once in the file: it stands in line ${firstLine} already`,
    fix: "give one of the two another name; Elastic Beanstalk would forget the first",
  });
}

function readText(
  source: Source,
  map: YAMLMap,
  key: string,
  allowed: string,
  { optional = false } = {},
): string | undefined {
  const node = member(source, map, key);
  if (node === undefined && optional) return undefined;
  const value = isScalar(node) ? node.value : undefined;
  if (typeof value === "string" && /^[“”„‘’]/u.test(value)) {
    const given = shown(source, key, node);
    source.report(offsetOf(node), { given, allowed, fix: "write straight quotes: these belong to the text" });
    return undefined;
  }
  // What SQS takes in a message attribute: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
  if (typeof value === "string" && value.trim() !== "" && !/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/u.test(value)) return value;
  const isNumber = typeof value === "number" || typeof value === "boolean";
  const fix = node === undefined ? `add ${key}:` : isNumber ? "put it in quotes" : `write ${allowed}`;
  source.report(offsetOf(node ?? map), { given: shown(source, key, node), allowed, fix });
  return undefined;
}

function readUrl(source: Source, map: YAMLMap): string | undefined {
  const allowed = 'a path that starts with "/"';
  const url = readText(source, map, "url", allowed);
  if (url === undefined || url.startsWith("/")) return url;
  const path = /^https?:\/\/[^/]*(\/.*)?$/i.exec(url);
  const fix = path ? `write the path alone: ${path[1] ?? "/"}` : `write /${url}`;
  source.report(offsetOf(member(source, map, "url")), { given: JSON.stringify(url), allowed, fix });
  return undefined;
}

function readSchedule(source: Source, map: YAMLMap): { schedule: Cron; expression: string } | undefined {
  const expression = readText(source, map, "schedule", 'a cron expression in quotes, such as "*/5 * * * *"');
  if (expression === undefined) return undefined;
  const parsed = parseCron(expression);
  if (parsed.kind === "cron") return { schedule: parsed.cron, expression };
  const offset = textOffset(source, member(source, map, "schedule"), expression);
  for (const problem of parsed.errors) {
    const at = offset.exact ? offset.start + problem.offset : offset.start;
    source.report(at, { given: problem.given, allowed: problem.allowed, fix: problem.fix });
  }
  return undefined;
}

/** Where a scalar's text starts in the file; not exact when it is written with escapes or over several lines. */
function textOffset(source: Source, node: Node | undefined, text: string): { start: number; exact: boolean } {
  const start = offsetOf(node);
  const inside = [start, start + 1].find((offset) => source.text.startsWith(text, offset));
  return inside === undefined ? { start, exact: false } : { start: inside, exact: true };
}

function readTimezone(source: Source, map: YAMLMap): string | undefined {
  const allowed = "an IANA time zone such as Europe/Berlin, at most 50 characters long";
  const timezone = readText(source, map, "timezone", allowed, { optional: true });
  if (timezone === undefined) return undefined;
  const known = knownTimezone(timezone);
  if (known === timezone) return timezone;
  const fix = known === undefined ? "write Area/City, or leave it away for UTC" : `write ${known}`;
  source.report(offsetOf(member(source, map, "timezone")), { given: JSON.stringify(timezone), allowed, fix });
  return undefined;
}

/** The name as IANA writes it, where upper and lower case count; undefined when there is no such zone. */
function knownTimezone(timezone: string): string | undefined {
  if (!/^[a-z]/i.test(timezone) || timezone.length > 50) return undefined;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: timezone }).resolvedOptions();
    return timeZone.toLowerCase() === timezone.toLowerCase() ? timeZone : timezone;
  } catch {
    return undefined;
  }
}

function readEnabled(source: Source, map: YAMLMap): boolean {
  const node = member(source, map, "enabled");
  if (node === undefined) return true;
  if (isScalar(node) && typeof node.value === "boolean") return node.value;
  const given = shown(source, "enabled", node);
  source.report(offsetOf(node), { given, allowed: "true or false", fix: "write true or false" });
  return true;
}

function readOverlap(source: Source, map: YAMLMap): "allow" | "skip" | undefined {
  const node = member(source, map, "overlap");
  if (node === undefined) return undefined;
  const value = isScalar(node) ? node.value : undefined;
  if (value === "allow" || value === "skip") return value;
  const allowed = "allow, or skip: not while another run of the task is unfinished";
  source.report(offsetOf(node), { given: shown(source, "overlap", node), allowed, fix: "write allow or skip" });
  return undefined;
}

function readMissed(source: Source, map: YAMLMap): number | undefined {
  const node = member(source, map, "missed");
  if (node === undefined) return undefined;
  const seconds = isScalar(node) && typeof node.value === "string" ? missedSeconds(node.value) : undefined;
  if (seconds !== undefined) return seconds;
  const allowed = `skip, run, or "run within" and a duration from ${missedSkipSeconds} seconds to 24 hours`;
  const fix = "write skip, run, or for example: run within 6 hours";
  source.report(offsetOf(node), { given: shown(source, "missed", node), allowed, fix });
  return undefined;
}

function readData(source: Source, map: YAMLMap): unknown {
  const node = member(source, map, "data");
  if (node === undefined) return undefined;
  try {
    const value: unknown = node.toJS(source.document);
    if (isJson(value)) return value;
  } catch {
    // An alias without its anchor, or aliases that multiply beyond measure.
  }
  const allowed = "a JSON value: text, a finite number, true, false, null, or lists and mappings of them";
  source.report(offsetOf(node), {
    given: shown(source, "data", node),
    allowed,
    fix: "write a value that JSON can hold",
  });
  return undefined;
}

function isJson(value: unknown, within: readonly unknown[] = []): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || within.includes(value)) return false;
  const inside = [...within, value];
  if (Array.isArray(value)) return value.every((item) => isJson(item, inside));
  return (
    Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every((item) => isJson(item, inside))
  );
}
