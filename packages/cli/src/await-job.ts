import type { HttpCall } from "@tendril/client/http-call";
import { readJobJson } from "@tendril/client/job-json";
import { machineSleep } from "@tendril/client/sleep";
import { TendrilError } from "@tendril/core/errors";
import { endStates, type JobRecord } from "@tendril/core/job-record";

/** A job as the API tells of it. */
export interface SeenJob {
  readonly job: JobRecord;
  /** False for a job of which nothing more will ever be known: its job type is at-least-once. */
  readonly tracked: boolean;
  /** What the API said. */
  readonly json: unknown;
}

/** Reads what the API says of a job. Error: `request_failed`. */
export function readSeenJob(json: unknown): SeenJob {
  const untracked = typeof json === "object" && json !== null && "tracked" in json && json.tracked === false;
  return { job: readJobJson(json), tracked: !untracked, json };
}

/** The longest that the API is asked to wait at once, and the shortest pause between two questions, in milliseconds. */
const longestPollMs = 20_000;
const shortestPauseMs = 250;

/** How a job stands. Error: `job_unknown`. */
export async function lookAtJob(call: HttpCall, id: string, waitMs = 0): Promise<SeenJob> {
  const wait = waitMs > 0 ? `?wait=${Math.floor(waitMs)}ms` : "";
  return readSeenJob(await call({ method: "GET", path: `/jobs/${encodeURIComponent(id)}${wait}`, repeatable: true }));
}

/**
 * Waits for a job's end. Errors: `wait_timed_out`; `job_unknown`, when it is still unknown then; `job_untracked`, of which
 * nothing will be known.
 */
export async function awaitJob(call: HttpCall, id: string, waitMs: number): Promise<SeenJob> {
  const endsAtMs = Date.now() + waitMs;
  for (;;) {
    const leftMs = endsAtMs - Date.now();
    const askedAtMs = Date.now();
    const seen = await lookAtJob(call, id, Math.min(longestPollMs, Math.max(0, leftMs))).catch((error: unknown) => {
      // A job that another has sent may not have begun yet.
      if (error instanceof TendrilError && error.code === "job_unknown" && leftMs > 0) return undefined;
      throw error;
    });
    if (seen !== undefined && endStates.has(seen.job.state)) return seen;
    if (seen?.tracked === false) throw untracked(seen.job);
    if (Date.now() >= endsAtMs && seen !== undefined) throw timedOut(seen.job, waitMs);
    await machineSleep(Math.max(0, Math.min(shortestPauseMs - (Date.now() - askedAtMs), endsAtMs - Date.now())));
  }
}

/** The error of a job that has ended otherwise than done; undefined for one that is done. */
export function failureOf({ id, state, attempts, lastError }: JobRecord): TendrilError | undefined {
  if (state === "done") return undefined;
  const after = attempts === 0 ? state : `${state} after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  return new TendrilError("job_failed", {
    where: id,
    given: lastError === undefined ? `a job that is ${after}` : `a job that is ${after} (${lastError})`,
    allowed: "a job that is done",
    ...(state === "dead" ? { fix: `See \`tendril job ${id}\`; \`tendril job retry ${id}\` sends it back.` } : {}),
  });
}

function timedOut({ id, state, attempts }: JobRecord, waitMs: number): TendrilError {
  return new TendrilError("wait_timed_out", {
    where: id,
    given: `a job that is ${state} after ${waitMs / 1000} s (attempts: ${attempts})`,
    allowed: "one that comes to its end within this time",
    fix: `It goes on: \`tendril job ${id} --wait=5m\`.`,
  });
}

function untracked({ id, type }: JobRecord): TendrilError {
  return new TendrilError("job_untracked", {
    where: id,
    given: `a job of ${type}, whose effects are at-least-once`,
    allowed: "a job of which the ledger hears",
    fix: "It was enqueued: nothing tells when it has run.",
  });
}
