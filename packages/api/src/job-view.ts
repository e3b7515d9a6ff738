import type { JobRecord } from "@tendril/core/job-record";

/** A job as the API shows it. Times are ISO 8601 in UTC. */
export interface JobView {
  readonly job_id: string;
  readonly job_type: string;
  readonly queue: string;
  readonly state: string;
  readonly attempts: number;
  readonly enqueued_at?: string;
  readonly first_started_at?: string;
  readonly started_at?: string;
  readonly failed_at?: string;
  readonly finished_at?: string;
  readonly last_error?: string;
  readonly result?: unknown;
  readonly schedule?: { readonly name: string; readonly scheduled_at: string };
  /** That nothing more will ever be known of it: its job type is at-least-once. */
  readonly tracked?: false;
}

/** Shows a job. */
export function viewJob(job: JobRecord, tracked = true): JobView {
  const { id, type, queue, state, attempts, lastError, schedule } = job;
  return {
    job_id: id,
    job_type: type,
    queue,
    state,
    attempts,
    ...(job.enqueuedAt && { enqueued_at: job.enqueuedAt.toISOString() }),
    ...(job.firstStartedAt && { first_started_at: job.firstStartedAt.toISOString() }),
    ...(job.startedAt && { started_at: job.startedAt.toISOString() }),
    ...(job.failedAt && { failed_at: job.failedAt.toISOString() }),
    ...(job.finishedAt && { finished_at: job.finishedAt.toISOString() }),
    ...(lastError === undefined ? {} : { last_error: lastError }),
    ...(job.result === undefined ? {} : { result: job.result }),
    ...(schedule === undefined
      ? {}
      : { schedule: { name: schedule.name, scheduled_at: schedule.scheduledAt.toISOString() } }),
    ...(tracked ? {} : { tracked: false }),
  };
}
