/**
 * How many AWS calls of its own Tendril makes, by service: a written budget, which test/bench-short.test.ts holds against
 * what passes over the wire, and of which the costs of a tier are made. What Lambda's event source mapping receives and
 * deletes is not in it, and neither are the calls that a handler makes by itself.
 */
import type { JobSpec } from "./job.ts";

/** Calls by service. */
export interface Calls {
  /** RDS Data API. */
  readonly database: number;
  readonly sqs: number;
}

/** What a batch costs: so much for each job of it, for each ten of them, and once (for each 50, which are a group). */
export interface BatchCalls {
  readonly perJob: Calls;
  /** SQS takes ten entries in a call. */
  readonly perTen: Calls;
  readonly perBatch: Calls;
}

/** How the effects of a job are committed: not at all, in a transaction of its own, or with those of its batch. */
export type Way = "at-least-once" | "exactly-once" | "grouped";

/** How all the jobs of a batch end. */
export type BatchEnd =
  /** At their first delivery, without a result. */
  | "done"
  /** The same, with a result each. */
  | "done with a result"
  /** The same, with a follow-up each: it is kept, sent, and forgotten. */
  | "done with a follow-up"
  /** Their handlers throw: another attempt, later. */
  | "failed"
  /** Their handlers say that no attempt will help: a dead letter each. */
  | "dead"
  /** They were delivered before, and were done then; at-least-once jobs run again. */
  | "delivered again, done"
  /** They were delivered before, and failed; now they succeed. */
  | "delivered again, failed";

const none: Calls = { database: 0, sqs: 0 };
const database = (calls: number): Calls => ({ database: calls, sqs: 0 });
const sqs = (calls: number): Calls => ({ database: 0, sqs: calls });
const batch = ({ perJob = none, perTen = none, perBatch = none }: Partial<BatchCalls>): BatchCalls => ({
  perJob,
  perTen,
  perBatch,
});

const beginClaimCommit = database(3);
/** A start is marked outside of the transaction, for a process that dies. */
const markedStart = database(4);
/** Begin, claim, roll back, and write the failure down. */
const failure = database(4);

/** The budget: what a batch of each way makes, and the follow-ups of exactly-once jobs at most. */
export const batchCalls: Readonly<Record<Way, Readonly<Record<BatchEnd, BatchCalls>>>> = {
  "at-least-once": {
    done: batch({}),
    "done with a result": batch({}),
    "done with a follow-up": batch({ perTen: sqs(1) }),
    failed: batch({ perTen: sqs(1) }),
    dead: batch({ perJob: sqs(1) }),
    "delivered again, done": batch({}),
    "delivered again, failed": batch({}),
  },
  "exactly-once": {
    done: batch({ perJob: beginClaimCommit }),
    "done with a result": batch({ perJob: database(4) }),
    // Sent while other jobs of the batch still run: those that end at about the same time share a call.
    "done with a follow-up": batch({ perJob: { database: 4, sqs: 1 }, perBatch: database(1) }),
    failed: batch({ perJob: failure, perTen: sqs(1) }),
    dead: batch({ perJob: { database: 4, sqs: 1 } }),
    "delivered again, done": batch({ perJob: beginClaimCommit }),
    "delivered again, failed": batch({ perJob: markedStart }),
  },
  grouped: {
    done: batch({ perBatch: database(1) }),
    "done with a result": batch({ perBatch: database(1) }),
    "done with a follow-up": batch({ perTen: sqs(1), perBatch: database(2) }),
    failed: batch({ perJob: failure, perTen: sqs(1) }),
    dead: batch({ perJob: { database: 4, sqs: 1 } }),
    "delivered again, done": batch({ perJob: beginClaimCommit }),
    // Its writes in one more call, since it is claimed before it runs.
    "delivered again, failed": batch({ perJob: database(5) }),
  },
};

/** The most jobs that are committed in one call. */
const largestGroup = 50;

/** The calls of a batch of so many jobs, all of one way and with one end. */
export function callsOfBatch(way: Way, end: BatchEnd, jobs: number): Calls {
  const { perJob, perTen, perBatch } = batchCalls[way][end];
  const [tens, groups] = [Math.ceil(jobs / 10), Math.ceil(jobs / largestGroup)];
  const sum = (of: keyof Calls): number => jobs * perJob[of] + tens * perTen[of] + groups * perBatch[of];
  return { database: sum("database"), sqs: sum("sqs") };
}

/** How many calls a job makes in a batch that has `jobsPerBatch` of its kind: as many on average, so it may be a fraction. */
export function callsPerJob(way: Way, end: BatchEnd, jobsPerBatch: number): Calls {
  const { perJob, perTen, perBatch } = batchCalls[way][end];
  const [ofTen, ofGroup] = [Math.min(10, jobsPerBatch), Math.min(largestGroup, jobsPerBatch)];
  const sum = (of: keyof Calls): number => perJob[of] + perTen[of] / ofTen + perBatch[of] / ofGroup;
  return { database: sum("database"), sqs: sum("sqs") };
}

/** How jobs are enqueued: by the client over SQS, or through the API, with idempotency keys or without. */
export type Door = "sqs" | "api" | "api with keys";

/** Requests, besides calls of AWS. */
export interface EnqueueCalls extends Calls {
  /** HTTP requests. */
  readonly api: number;
}

/** The API takes so many jobs in a request. */
const jobsPerRequest = 1000;

/** What enqueueing so many small jobs in one go makes, to one queue: `enqueue` for one, `enqueueAll` for more. */
export function callsToEnqueue(door: Door, jobs: number): EnqueueCalls {
  const api = door === "sqs" ? 0 : Math.ceil(jobs / jobsPerRequest);
  // The keys of a request are noted in one call.
  return { api, database: door === "api with keys" ? api : 0, sqs: Math.ceil(jobs / 10) };
}

/** Which way a job type goes. On a FIFO queue none is grouped. */
export function wayOf({ effects, commit }: Pick<JobSpec, "effects" | "commit">, fifo: boolean): Way {
  if (effects === "at-least-once") return effects;
  return commit === "grouped" && !fifo ? "grouped" : effects;
}
