import type { HttpCall } from "@tendril/client/http-call";
import { membersOf } from "@tendril/client/job-json";
import { readSeenJob, type SeenJob } from "./await-job.ts";
import type { JobFilter } from "./jobs-command.ts";

/** A page of jobs. */
export interface Page {
  readonly jobs: readonly SeenJob[];
  /** Where the next one begins. */
  readonly next: string | undefined;
}

/** The most jobs of a page. */
export const mostOfPage = 100;

/** Pages of jobs, those whose attempts began last first. Errors: what the API answers. */
export async function* jobPages(
  call: HttpCall,
  { state, type, queue, sinceMs }: JobFilter,
  pageSize = mostOfPage,
): AsyncGenerator<Page> {
  let next: string | undefined;
  do {
    const query = new URLSearchParams({
      ...(state === undefined ? {} : { state }),
      ...(type === undefined ? {} : { type }),
      ...(queue === undefined ? {} : { queue }),
      ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
      limit: String(pageSize),
      ...(next === undefined ? {} : { cursor: next }),
    });
    const answer = membersOf(await call({ method: "GET", path: `/jobs?${query}`, repeatable: true }));
    next = typeof answer.next === "string" ? answer.next : undefined;
    yield { jobs: listOf(answer.jobs).map(readSeenJob), next };
  } while (next !== undefined);
}

/** A list in an answer; none when it is no list. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
