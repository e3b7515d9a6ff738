import type { HttpCall } from "@tendril/client/http-call";
import { machineSleep } from "@tendril/client/sleep";
import { TendrilError } from "@tendril/core/errors";
import type { SeenJob } from "./await-job.ts";
import { changedAtMs, changeText } from "./job-text.ts";
import type { JobFilter, JobsCommand } from "./jobs-command.ts";
import type { Remote } from "./remote.ts";
import { jobPages, type Page } from "./remote-pages.ts";
import { stopSignal } from "./stop-signal.ts";

/** Pauses between two looks, in milliseconds: short while something happens, then longer and longer. */
const shortestPauseMs = 500;
const longestPauseMs = 5_000;

/**
 * `tendril tail`: prints each job's changes as they are seen, until Ctrl-C, which is no failure. What changes twice between
 * two looks is seen once. An API that does not answer any more is asked again and again. Errors: those of the first look.
 */
export async function tail({ filter, json }: Extract<JobsCommand, { name: "tail" }>, remote: Remote): Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  void stopSignal().then(() => stopping.abort());
  const follow = createFollower((request) => remote.call({ ...request, signal }), filter, Date.now());
  let pauseMs = shortestPauseMs;
  let isAway = false;
  for (let looks = 0; !signal.aborted; looks += 1) {
    try {
      const changes = await follow();
      for (const { job, json: said } of changes) console.log(json ? JSON.stringify(said) : changeText(job, Date.now()));
      if (isAway) console.error("it answers again");
      isAway = false;
      pauseMs = changes.length > 0 ? shortestPauseMs : Math.min(longestPauseMs, pauseMs * 1.5);
    } catch (error) {
      if (signal.aborted) return;
      if (looks === 0 || !(error instanceof TendrilError) || !passes(error)) throw error;
      if (!isAway) console.error(`${error.message} Asking again …`);
      isAway = true;
      pauseMs = longestPauseMs;
    }
    await machineSleep(pauseMs, signal).catch(() => {});
  }
}

const passes = ({ code }: TendrilError): boolean =>
  code === "request_failed" || code === "rate_limited" || code === "database_away";

/**
 * How far back a look goes, in milliseconds: a job is listed by when its attempt began, and shows when it ends, at most 15
 * minutes later, which is what Lambda allows.
 */
const longestAttemptMs = 16 * 60_000;

/**
 * How many pages a look reads at most from the newest job on; it ends before that at a page on which nothing is new. What
 * is further back is gone through slowly, a few pages with each look.
 */
const mostPages = 20;
const pagesOfSweep = 2;

/** Gives, each time it is called, what has changed since it was made, or since the filter's time; the oldest change first. */
export function createFollower(
  call: HttpCall,
  filter: JobFilter,
  startMs: number,
  now: () => number = Date.now,
): () => Promise<readonly SeenJob[]> {
  const seen = new Map<string, { readonly change: string; readonly atMs: number }>();
  const fromMs = filter.sinceMs ?? startMs;
  let sweep: AsyncGenerator<Page> | undefined;
  let isFirst = true;
  return async () => {
    const oldestMs = Math.min(isFirst ? fromMs : now(), now() - longestAttemptMs);
    const pages = () => jobPages(call, { ...filter, sinceMs: oldestMs });
    const readsAll = isFirst && filter.sinceMs !== undefined;
    const changes: SeenJob[] = [];
    let left = readsAll ? Number.POSITIVE_INFINITY : mostPages;
    for await (const { jobs } of pages()) {
      const fresh = jobs.filter(isNew);
      changes.push(...fresh);
      left -= 1;
      if (left === 0 || (fresh.length === 0 && !readsAll)) break;
    }
    for (let count = 0; count < pagesOfSweep && !isFirst; count += 1) {
      sweep ??= pages();
      const { value, done } = await sweep.next();
      if (done) sweep = undefined;
      else changes.push(...value.jobs.filter(isNew));
    }
    isFirst = false;
    forget(oldestMs);
    return changes.sort((a, b) => (changedAtMs(a.job) ?? 0) - (changedAtMs(b.job) ?? 0));
  };

  function isNew({ job }: SeenJob): boolean {
    const change = `${job.state} ${job.attempts}`;
    if ((changedAtMs(job) ?? 0) < fromMs || seen.get(job.id)?.change === change) return false;
    seen.set(job.id, { change, atMs: job.startedAt?.getTime() ?? now() });
    return true;
  }

  /** Jobs that began so long ago are not listed any more. */
  function forget(beforeMs: number): void {
    for (const [id, { atMs }] of seen) if (atMs < beforeMs) seen.delete(id);
  }
}
