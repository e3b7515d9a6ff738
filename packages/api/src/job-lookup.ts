import { readSealedId } from "@tendril/client/sealed-job";
import { wordDuration } from "@tendril/core/duration";
import { TendrilError } from "@tendril/core/errors";
import type { JobSpec } from "@tendril/core/job";
import type { JobId } from "@tendril/core/job-id";
import type { JobPage, JobQuery, JobRecord, JobStore } from "@tendril/core/job-record";
import type { QueueLink } from "@tendril/core/link";
import { rejectOnAbort } from "./budget.ts";

/** A job, and whether the ledger will hear of it. */
export interface FoundJob {
  readonly job: JobRecord;
  readonly tracked: boolean;
}

/** What is known of jobs, by the ledger and by their ids alone. */
export interface JobLookup {
  /** Errors: `job_unknown`, `database_away`. */
  find(id: JobId, signal: AbortSignal): Promise<FoundJob>;
  /** Errors: `query_invalid` (the cursor), `database_away`. */
  list(query: JobQuery, signal: AbortSignal): Promise<JobPage>;
  /** The ledger itself. Error: `database_away`, for every error of its that is none of Tendril's. */
  ask<Answer>(question: (store: JobStore) => Promise<Answer>, signal: AbortSignal): Promise<Answer>;
}

/** What `createJobLookup` takes. */
export interface JobLookupOptions {
  readonly jobs: readonly JobSpec[];
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** Opened at the first question. */
  readonly store: (() => Promise<JobStore>) | undefined;
  /** How long the ledger remembers a job, in milliseconds. */
  readonly retentionMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** How far the clock of another machine that makes ids may be ahead of this one's, in milliseconds. */
const clockSkewMs = 5 * 60_000;

/** Makes the lookup. */
export function createJobLookup({ jobs, queues, store, retentionMs, now }: JobLookupOptions): JobLookup {
  const types = jobs.map(({ type }) => type);
  const untracked = new Set(jobs.filter(({ effects }) => effects === "at-least-once").map(({ type }) => type));
  const ask: JobLookup["ask"] = async (question, signal) => {
    if (store === undefined) throw databaseAway("no database");
    try {
      return await Promise.race([store().then(question), rejectOnAbort(signal)]);
    } catch (error) {
      if (error instanceof TendrilError) throw error;
      throw databaseAway("no answer in time, or none at all", error);
    }
  };
  return {
    ask,
    async find(id, signal) {
      const sealed = readSealedId(id, types, queues);
      if (sealed !== undefined && untracked.has(sealed.type)) return { job: sealed, tracked: false };
      const known = await ask((ledger) => ledger.read(id, signal), signal);
      if (known !== undefined) return { job: known, tracked: true };
      if (sealed === undefined) throw jobUnknown("an id that the ledger does not know, and that tells of no queue");
      const ageMs = now() - (sealed.enqueuedAt?.getTime() ?? 0);
      if (ageMs < -clockSkewMs) throw jobUnknown("an id of a time to come");
      // No message lives as long as the ledger remembers: it has begun and is forgotten, unless it waits for its time.
      if (ageMs <= retentionMs) return { job: sealed, tracked: true };
      throw jobUnknown(`an id that was given ${wordDuration(ageMs)} ago, which the ledger does not know`);
    },
    list: (query, signal) => ask((ledger) => ledger.list(query, signal), signal),
  };
}

function databaseAway(given: string, cause?: unknown): TendrilError {
  return new TendrilError("database_away", {
    where: "ledger",
    given,
    allowed: "an answer of the database",
    fix: "Try again: one that sleeps wakes within half a minute.",
    cause,
  });
}

function jobUnknown(given: string): TendrilError {
  return new TendrilError("job_unknown", {
    where: "job_id",
    given,
    allowed: "the id of a job of this tier that has begun, or that was enqueued by the API or a client",
    fix: "It was never given; or it was given elsewhere, as to a schedule's run or a job's follow-up, and has not begun: then ask again; or it has ended and is forgotten; or it waits, for longer than the ledger remembers, until its time.",
  });
}
