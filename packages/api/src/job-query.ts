import { TendrilError } from "@tendril/core/errors";
import { type JobQuery, jobStates } from "@tendril/core/job-record";
import { readTime } from "./job-request.ts";

/** The longest that `GET /jobs/ID` waits, in milliseconds: API Gateway gives up after 30 seconds. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
export const longestJobWaitMs = 25_000;

/** A request's query, each parameter at most once and none but these. Error: `query_invalid`. */
export function readQuery<Name extends string>(
  url: string,
  names: readonly Name[],
): { readonly [name in Name]?: string } {
  const given = new URL(url).searchParams;
  const found: { [name in Name]?: string } = {};
  for (const name of new Set(given.keys())) {
    const known = names.find((each) => each === name);
    if (known === undefined) {
      const allowed = names.join(", ") || "none";
      throw queryInvalid(name.slice(0, 40), "a parameter that is not known here", allowed);
    }
    const [value, ...more] = given.getAll(name);
    if (more.length > 0) throw queryInvalid(known, `${more.length + 1} times`, "once");
    if (value !== undefined) found[known] = value;
  }
  return found;
}

/** Reads `GET /jobs`' query. Error: `query_invalid`. */
export function readJobQuery(url: string): JobQuery {
  const names = ["state", "type", "queue", "since", "until", "limit", "cursor"] as const;
  const { state, type, queue, since, until, limit, cursor } = readQuery(url, names);
  return {
    ...(state === undefined ? {} : { state: readState(state) }),
    ...(type === undefined ? {} : { type: readName("type", type, /^[A-Za-z][A-Za-z0-9_-]{0,79}$/) }),
    ...(queue === undefined ? {} : { queue: readName("queue", queue, /^[a-z0-9-]{1,20}$/) }),
    ...(since === undefined ? {} : { since: readTime(since, "since", "query_invalid") }),
    ...(until === undefined ? {} : { until: readTime(until, "until", "query_invalid") }),
    limit: readLimit(limit),
    ...(cursor === undefined ? {} : { cursor: readCursor(cursor) }),
  };
}

/** Reads a page's `limit`: 1 to 100, 20 when it is not given. Error: `query_invalid`. */
export function readLimit(given: string | undefined): number {
  if (given === undefined) return 20;
  const limit = /^[1-9]\d{0,2}$/.test(given) ? Number(given) : Number.NaN;
  if (limit <= 100) return limit;
  throw queryInvalid("limit", `${given.length} characters`, "a whole number from 1 to 100");
}

const waitPattern = /^(\d{1,6}(?:\.\d{1,6})?)(ms|s| ?milliseconds?| ?seconds?)$/;

/** Reads `wait` in milliseconds: `20s`, `500ms`, `20 seconds`, at most 25 seconds; 0 when it is not given. Error: `query_invalid`. */
export function readWait(given: string | undefined): number {
  if (given === undefined) return 0;
  const [, amount, unit = ""] = waitPattern.exec(given) ?? [];
  const waitMs = Math.round(Number(amount) * (unit.trim().startsWith("m") ? 1 : 1000));
  if (waitMs <= longestJobWaitMs) return waitMs;
  throw queryInvalid("wait", `${given.length} characters`, "0s to 25s, such as 20s or 1.5 seconds");
}

/** Reads `true` or `false`; false when it is not given. Error: `query_invalid`. */
export function readFlag(name: string, given: string | undefined): boolean {
  if (given === undefined || given === "false") return false;
  if (given === "true") return true;
  throw queryInvalid(name, `${given.length} characters`, "true or false");
}

function readState(given: string): (typeof jobStates)[number] {
  const state = jobStates.find((each) => each === given);
  if (state !== undefined) return state;
  throw queryInvalid("state", `${given.length} characters that name no state`, jobStates.join(", "));
}

function readName(where: string, given: string, pattern: RegExp): string {
  if (pattern.test(given)) return given;
  throw queryInvalid(where, `${given.length} characters that name no ${where}`, `the name of a ${where}`);
}

function readCursor(given: string): string {
  if (/^[\x21-\x7e]{1,1000}$/.test(given)) return given;
  throw queryInvalid("cursor", `${given.length} characters`, "`next` of the page before");
}

function queryInvalid(where: string, given: string, allowed: string): TendrilError {
  return new TendrilError("query_invalid", { where, given, allowed });
}
