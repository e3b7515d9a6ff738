/** Which dead letters a request means. */
import type { DeadChoice } from "@tendril/client/operations/dead-operations";
import { kindOf, TendrilError } from "@tendril/core/errors";
import { parseJobId } from "@tendril/core/job-id";

/** The most ids of one request. */
const mostIds = 1000;

/** The most letters of one request; more than can be sent back in its time. */
const mostLetters = 1_000_000;

/** Reads `{}`, which is all, or one of `{job_ids}`, `{job_type}` and `{limit}`. Errors: `input_invalid`, `job_id_invalid`. */
export function readRedriveChoice(body: Readonly<Record<string, unknown>>): DeadChoice {
  const allowed = "{}, or one of job_ids, job_type and limit";
  const [name, value] = onlyMember(body, allowed) ?? [];
  switch (name) {
    case undefined:
      return {};
    case "limit":
      return { limit: readCount(value) };
    default:
      return readNarrow(name, value, allowed);
  }
}

/** Reads one of `{job_ids}`, `{job_type}` and `{all: true}`. Errors: `input_invalid`, `job_id_invalid`. */
export function readDropChoice(body: Readonly<Record<string, unknown>>): DeadChoice {
  const allowed = "one of job_ids, job_type and all: true";
  const [name, value] = onlyMember(body, allowed) ?? [];
  if (name === undefined) throw invalid("body", "nothing that says which", allowed);
  if (name !== "all") return readNarrow(name, value, allowed);
  if (value === true) return {};
  throw invalid("all", value === false ? "false" : kindOf(value), "true");
}

function onlyMember(body: Readonly<Record<string, unknown>>, allowed: string): [string, unknown] | undefined {
  const [first, ...others] = Object.entries(body);
  if (others.length === 0) return first;
  throw invalid("body", `${others.length + 1} members`, allowed);
}

function readNarrow(name: string, value: unknown, allowed: string): DeadChoice {
  switch (name) {
    case "job_ids":
      return { jobIds: readIds(value) };
    case "job_type":
      if (typeof value === "string" && /^[A-Za-z][A-Za-z0-9_.-]{0,79}$/.test(value)) return { jobType: value };
      throw invalid(name, typeof value === "string" ? "a text that names no job type" : kindOf(value), "a job type");
    default:
      throw invalid("body", "another member", allowed);
  }
}

function readIds(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw invalid("job_ids", kindOf(value), "a list of job ids");
  if (value.length < 1 || value.length > mostIds) throw invalid("job_ids", `${value.length} ids`, `1 to ${mostIds}`);
  return value.map((id: unknown, index) => {
    const where = `job_ids[${index}]`;
    if (typeof id === "string") return parseJobId(id, where);
    throw invalid(where, kindOf(id), "a job id");
  });
}

function readCount(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= mostLetters) return value;
  throw invalid("limit", kindOf(value), `a whole number from 1 to ${mostLetters}`);
}

function invalid(where: string, given: string, allowed: string): TendrilError {
  return new TendrilError("input_invalid", { where, given, allowed });
}
