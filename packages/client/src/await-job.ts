import { TendrilError } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import type { JobId } from "@tendril/core/job-id";
import { endStates, type JobRecord } from "@tendril/core/job-record";
import type { Client, JobOptions, ResultOptions } from "./client-interface.ts";
import type { Sleep } from "./sleep.ts";

/** How a job stands now, or within `waitMs` when whoever is asked can wait by itself; undefined for one that is unknown. */
export type Look = (
  id: JobId,
  options: { readonly spec?: JobSpec | undefined; readonly waitMs: number; readonly signal: AbortSignal | undefined },
) => Promise<JobRecord | undefined>;

/** What waiting needs. */
export interface Waiting {
  readonly look: Look;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sleep: Sleep;
}

/** Pauses between two looks, in milliseconds: they grow by half. */
const shortestPauseMs = 50;
const longestPauseMs = 1_000;
const defaultTimeoutMs = 30_000;

/** The half of a client that asks about jobs. */
export function createJobReader(waiting: Waiting): Pick<Client, "job" | "result"> {
  return {
    async job(id, options = {}) {
      const job = await awaitEnd(waiting, id, options);
      if (job === undefined) throw jobUnknown(id);
      return job;
    },
    async result(spec, id, { timeoutMs = defaultTimeoutMs, signal }: ResultOptions = {}) {
      if (spec?.effects === "at-least-once") throw resultUnkept(spec);
      const job = await awaitEnd(waiting, id, { spec, waitMs: timeoutMs, ...(signal === undefined ? {} : { signal }) });
      if (job === undefined) throw jobUnknown(id);
      if (job.state === "done") return job.result;
      throw endStates.has(job.state) ? jobFailed(job) : timedOut(job, timeoutMs);
    },
  };
}

async function awaitEnd(
  { look, now, sleep }: Waiting,
  id: JobId,
  { spec, waitMs = 0, signal }: JobOptions & { readonly spec?: JobSpec | undefined },
): Promise<JobRecord | undefined> {
  const endsAtMs = now() + waitMs;
  for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    signal?.throwIfAborted();
    const job = await look(id, { spec, waitMs: Math.max(0, endsAtMs - now()), signal });
    const leftMs = endsAtMs - now();
    if ((job !== undefined && endStates.has(job.state)) || leftMs <= 0) return job;
    await sleep(Math.min(pauseMs, leftMs), signal);
  }
}

function jobUnknown(id: JobId): TendrilError {
  return new TendrilError("job_unknown", {
    where: id,
    given: "an id that the ledger does not know, and that tells of no queue",
    allowed: "the id of a job that was enqueued",
    fix: "It may have been given by another producer, or by a schedule, and not have begun: ask again.",
  });
}

function jobFailed({ id, state, attempts, lastError }: JobRecord): TendrilError {
  const after = `${state} after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  return new TendrilError("job_failed", {
    where: id,
    given: lastError === undefined ? `a job that is ${after}` : `a job that is ${after} (${lastError})`,
    allowed: "a job that is done",
  });
}

function timedOut({ id, state, attempts }: JobRecord, timeoutMs: number): TendrilError {
  return new TendrilError("wait_timed_out", {
    where: id,
    given: `a job that is ${state} after ${timeoutMs} ms (attempts: ${attempts})`,
    allowed: "one that comes to its end within this time",
    fix: "Wait longer, or ask again: the job goes on.",
  });
}

function resultUnkept({ type }: JobSpec): TendrilError {
  return new TendrilError("query_invalid", {
    where: "spec",
    given: `${type}, a job type with effects: "at-least-once"`,
    allowed: "a job type of which the ledger hears",
  });
}
