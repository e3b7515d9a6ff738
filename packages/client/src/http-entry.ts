import { TendrilError } from "@tendril/core/errors";
import { type JobSpec, parseInput } from "@tendril/core/job";
import { type JobId, keyedJobId, newJobId, parseJobId } from "@tendril/core/job-id";
import type { EnqueueOptions } from "./client-interface.ts";
import { membersOf } from "./job-json.ts";
import { writeJobMessage } from "./job-message.ts";
import { readNotBefore } from "./wait-options.ts";

/** One job as `POST /jobs` takes it. */
export interface Entry {
  readonly type: string;
  /** What stands under it is JSON. */
  readonly input: unknown;
  readonly delay?: string;
  readonly at?: string;
  readonly key?: string;
  readonly group?: string;
  readonly queue?: string;
}

/** Where and when: what is the same for all of one call. Errors: `duration_invalid`, `input_invalid` for an id. */
export function placeOf(options: EnqueueOptions, nowMs: number): Omit<Entry, "type" | "input" | "key"> {
  const { id, delay, at, group, queue } = options;
  if (id !== undefined) {
    throw new TendrilError("input_invalid", {
      where: "id",
      given: "an id",
      allowed: "none over HTTP, where the API makes ids",
      fix: "Pass a `key`: it makes the id.",
    });
  }
  readNotBefore(options, nowMs);
  return {
    ...(at === undefined ? (delay === undefined ? {} : { delay }) : { at: at.toISOString() }),
    ...(group === undefined ? {} : { group }),
    ...(queue === undefined ? {} : { queue }),
  };
}

/** What Lambda takes; the API says whether the tier takes as much. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const longestRequestBytes = 6 * 1024 * 1024;

const anyId = newJobId(0, new Uint8Array(16));

/** Checks what a worker will read: Dates are texts by then. Errors: `input_invalid`, `body_too_large`. */
export async function writeEntry(spec: JobSpec, input: unknown, place: Omit<Entry, "type" | "input">): Promise<Entry> {
  const { body } = writeJobMessage({ id: anyId, type: spec.type, input }, longestRequestBytes);
  const { data }: { data?: unknown } = JSON.parse(body);
  await parseInput(spec, data);
  return { type: spec.type, input: data, ...place };
}

/** The id in an answer of 202. Error: `request_failed`. */
export function readJobId(answer: unknown): JobId {
  const { job_id: id } = membersOf(answer);
  if (typeof id === "string") return parseJobId(id, "job_id");
  throw new TendrilError("request_failed", {
    where: "POST /jobs",
    given: "an answer without a job_id",
    allowed: "one with it",
    fix: "See whether the address is a Tendril API's.",
  });
}

/** The id that a key makes, here as in the API. */
export const idOf = ({ type, key }: Entry): JobId | undefined =>
  key === undefined ? undefined : keyedJobId(type, key);
