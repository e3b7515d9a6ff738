import type { Operations } from "@tendril/client/operations/operations";
import { TendrilError } from "@tendril/core/errors";
import { type JobId, parseJobId } from "@tendril/core/job-id";
import { endStates } from "@tendril/core/job-record";
import { Hono } from "hono";
import { type ApiEnv, allow } from "./access.ts";
import { budgetOf } from "./budget.ts";
import type { FoundJob, JobLookup } from "./job-lookup.ts";
import { readJobQuery, readQuery, readWait } from "./job-query.ts";
import { viewJob } from "./job-view.ts";
import type { RequestLog } from "./request-log.ts";

/** What `jobRoutes` takes. */
export interface JobRoutesOptions {
  readonly lookup: JobLookup;
  /** Opened when the first job is retried. */
  readonly operations: (() => Promise<Pick<Operations, "retryDead">>) | undefined;
  readonly log: Pick<RequestLog, "tell">;
  readonly now: () => number;
  /** Waits; rejects when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** `GET /jobs`, `GET /jobs/ID`, `DELETE /jobs/ID` and `POST /jobs/ID/retry`. */
export function jobRoutes(options: JobRoutesOptions): Hono<ApiEnv> {
  const { lookup, operations, log } = options;
  const routes = new Hono<ApiEnv>();

  routes.get("/jobs", allow("read"), async (context) => {
    const { jobs, next } = await lookup.list(readJobQuery(context.req.url), budgetOf(context).signal);
    return context.json({ jobs: jobs.map((job) => viewJob(job)), ...(next === undefined ? {} : { next }) });
  });

  routes.get("/jobs/:id", allow("read"), async (context) => {
    const id = parseJobId(context.req.param("id"), "job_id");
    const waitMs = readWait(readQuery(context.req.url, ["wait"]).wait);
    const { job, tracked } = await awaitEnd(id, waitMs, budgetOf(context), options);
    return context.json(viewJob(job, tracked));
  });

  routes.delete("/jobs/:id", allow("operate"), async (context) => {
    const id = parseJobId(context.req.param("id"), "job_id");
    const { signal } = budgetOf(context);
    const { job, tracked } = await lookup.find(id, signal);
    if (!tracked) throw jobUntracked(job.type);
    const cancellation = await lookup.ask((ledger) => ledger.cancel(job, signal), signal);
    if (cancellation.kind === "begun") throw jobBegun(cancellation.state);
    log.tell(context, "job cancelled", { job_id: id, job_type: job.type, queue: job.queue });
    return context.json({ job_id: id, state: "cancelled" });
  });

  routes.post("/jobs/:id/retry", allow("operate"), async (context) => {
    const id = parseJobId(context.req.param("id"), "job_id");
    const { job, tracked } = await lookup.find(id, budgetOf(context).signal);
    // The ledger never hears of an untracked job: its letter must say whether it is dead.
    if (tracked && job.state !== "dead") throw jobNotDead(job.state);
    if (operations === undefined) throw new TendrilError("link_missing", noOperations);
    await (await operations()).retryDead(job.queue, id);
    log.tell(context, "job retried", { job_id: id, job_type: job.type, queue: job.queue });
    return context.json({ job_id: id, queue: job.queue }, 202);
  });
  return routes;
}

const noOperations = { where: "operations", given: "nothing", allowed: "what works on queues" };

/** The first pause between two looks, and the longest, in milliseconds. */
const pauses = { firstMs: 50, longestMs: 1000 };

/** Looks until the job has ended, the wait is over, the caller is gone, or the function's time is. */
async function awaitEnd(
  id: JobId,
  waitMs: number,
  { signal, leftMs }: { readonly signal: AbortSignal; readonly leftMs: number },
  { lookup, now, sleep }: JobRoutesOptions,
): Promise<FoundJob> {
  const endMs = now() + Math.min(waitMs, leftMs);
  let found = await lookup.find(id, signal);
  for (let pauseMs = pauses.firstMs; ; pauseMs = Math.min(pauses.longestMs, pauseMs * 1.5)) {
    const restMs = endMs - now();
    if (endStates.has(found.job.state) || !found.tracked || restMs <= 0 || signal.aborted) return found;
    try {
      await sleep(Math.min(pauseMs, restMs), signal);
      found = await lookup.find(id, signal);
    } catch (error) {
      if (signal.aborted) return found; // as it stood last
      throw error;
    }
  }
}

function jobBegun(state: string): TendrilError {
  return new TendrilError("job_begun", {
    where: "job_id",
    given: `a job that is ${state}`,
    allowed: "one that has not begun",
  });
}

function jobNotDead(state: string): TendrilError {
  return new TendrilError("job_not_dead", {
    where: "job_id",
    given: `a job that is ${state}`,
    allowed: "one that is dead",
  });
}

function jobUntracked(type: string): TendrilError {
  return new TendrilError("job_untracked", {
    where: "job_id",
    given: `a job of ${type}, whose effects are at-least-once`,
    allowed: "a job whose effects are exactly-once",
    fix: "The ledger never hears of it: nothing keeps it from running.",
  });
}
