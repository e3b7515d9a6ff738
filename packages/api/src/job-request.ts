import { type Duration, parseDuration } from "@tendril/core/duration";
import { kindOf, TendrilError } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import { checkDepth } from "./json-value.ts";

/** A job that somebody wants to be enqueued. Its input is not checked against its job type yet. */
export interface JobRequest {
  readonly spec: JobSpec;
  readonly input: unknown;
  /** What the request calls the input. */
  readonly inputName: "data" | "input";
  readonly key?: string;
  readonly delay?: Duration;
  readonly at?: Date;
  readonly group?: string;
  readonly queue?: string;
}

/** Job types by name. */
export type Specs = ReadonlyMap<string, JobSpec>;

/**
 * Reads the body of `POST /job/post/TYPE`: `data`, and the job type too, as a message has it, when it is the path's.
 * Errors: `job_type_unknown`, `input_invalid`.
 */
export function readPostedJob(
  specs: Specs,
  type: string,
  body: Record<string, unknown>,
  key: string | undefined,
): JobRequest {
  const spec = specOf(specs, type, "path");
  const { data, job_type: named, ...others } = body;
  refuseOthers(others, "data", 'Put the whole input under "data".');
  if ("job_type" in body && named !== spec.type) {
    throw new TendrilError("input_invalid", {
      where: "job_type",
      given: typeof named === "string" ? "another job type than the path's" : kindOf(named),
      allowed: `no job_type, or ${JSON.stringify(spec.type)} as in the path`,
    });
  }
  checkDepth(data, "data");
  return { spec, input: data, inputName: "data", ...(key === undefined ? {} : { key }) };
}

/**
 * Reads one job of `POST /jobs`. `headerKey` is what the request's header says. Errors: `body_not_object`,
 * `job_type_missing`, `job_type_unknown`, `input_invalid`, `duration_invalid`.
 */
export function readJobRequest(specs: Specs, given: unknown, headerKey?: string): JobRequest {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const allowed = 'an object such as {"type": "…", "input": …}';
    throw new TendrilError("body_not_object", { where: "job", given: kindOf(given), allowed });
  }
  const { type, input, delay, at, key: ownKey, group, queue, ...others }: Record<string, unknown> = { ...given };
  refuseOthers(others, "type, input, delay, at, key, group and queue", "Put the whole input under `input`.");
  if (typeof type !== "string" || type === "") {
    throw new TendrilError("job_type_missing", { where: "type", given: kindOf(type), allowed: namesOf(specs) });
  }
  const spec = specOf(specs, type, "type");
  if (delay !== undefined && at !== undefined) {
    throw new TendrilError("input_invalid", { where: "delay", given: "delay and at", allowed: "one of them" });
  }
  checkDepth(input, "input");
  const key = readKey(ownKey, headerKey);
  return {
    spec,
    input,
    inputName: "input",
    ...(key === undefined ? {} : { key }),
    ...(delay === undefined ? {} : { delay: readDelay(delay) }),
    ...(at === undefined ? {} : { at: readTime(at, "at", "duration_invalid") }),
    ...(group === undefined ? {} : { group: readName(group, "group") }),
    ...(queue === undefined ? {} : { queue: readName(queue, "queue") }),
  };
}

/** Reads an idempotency key: 1 to 255 visible ASCII characters. Error: `input_invalid`, without the key. */
export function checkKey(key: unknown, where: string): string {
  if (typeof key === "string" && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  const given = typeof key === "string" ? `${key.length} characters` : kindOf(key);
  throw new TendrilError("input_invalid", { where, given, allowed: "1 to 255 visible ASCII characters" });
}

function readKey(own: unknown, header: string | undefined): string | undefined {
  const key = own === undefined ? header : checkKey(own, "key");
  if (header === undefined || key === header) return key;
  throw new TendrilError("input_invalid", {
    where: "key",
    given: "another key than the header Idempotency-Key",
    allowed: "one of them, or both the same",
  });
}

function readDelay(given: unknown): Duration {
  if (typeof given !== "string" || given.length > 40) {
    throw new TendrilError("duration_invalid", {
      where: "delay",
      given: typeof given === "string" ? `${given.length} characters` : kindOf(given),
      allowed: 'a number and a unit, such as "30 seconds", "1.5 minutes", "2 hours" or "1 day"',
    });
  }
  checkDuration(given);
  return given;
}

function checkDuration(text: string): asserts text is Duration {
  parseDuration(text, "delay");
}

const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)$/;

/** Reads a time of ISO 8601 with its zone. Error: the given code. */
export function readTime(given: unknown, where: string, code: "duration_invalid" | "query_invalid"): Date {
  const [, local = "", zone = ""] = typeof given === "string" ? (timePattern.exec(given) ?? []) : [];
  const time = new Date(local + zone);
  // The 30th of February would be read as a day in March.
  const asGiven = new Date(`${local}Z`);
  if (!Number.isNaN(time.getTime()) && asGiven.toISOString().startsWith(local.slice(0, 16))) return time;
  throw new TendrilError(code, {
    where,
    given: typeof given === "string" ? `${given.length} characters that are no such time` : kindOf(given),
    allowed: "a time with its zone, such as 2026-11-20T10:00:00Z or 2026-11-20T11:00:00+01:00",
  });
}

function readName(given: unknown, where: string): string {
  if (typeof given === "string" && given.length <= 128) return given;
  const said = typeof given === "string" ? `${given.length} characters` : kindOf(given);
  throw new TendrilError("input_invalid", { where, given: said, allowed: "a text of at most 128 characters" });
}

/** The job type of a name. Error: `job_type_unknown`. */
export function specOf(specs: Specs, type: string, where: string): JobSpec {
  const spec = specs.get(type);
  if (spec !== undefined) return spec;
  throw new TendrilError("job_type_unknown", {
    where,
    given: /^[A-Za-z][A-Za-z0-9_-]{0,79}$/.test(type) ? type : `${type.length} characters that name no job type`,
    allowed: namesOf(specs),
  });
}

const namesOf = (specs: Specs): string => [...specs.keys()].join(", ") || "none: the tier has no job types";

function refuseOthers(others: Record<string, unknown>, known: string, fix: string): void {
  const unknown = Object.keys(others);
  if (unknown.length === 0) return;
  throw new TendrilError("input_invalid", {
    where: "body",
    given: `${wordKeys(unknown)} beside ${known}`,
    allowed: `${known}, and nothing else`,
    fix,
  });
}

/** Names of up to five members, each cut at 40 characters. */
function wordKeys(keys: readonly string[]): string {
  const named = keys.slice(0, 5).map((key) => JSON.stringify(key.length > 40 ? `${key.slice(0, 39)}…` : key));
  return keys.length > 5 ? `${named.join(", ")} and ${keys.length - 5} more` : named.join(", ");
}
