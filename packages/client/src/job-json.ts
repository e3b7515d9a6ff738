import { TendrilError } from "@tendril/core/errors";
import { parseJobId } from "@tendril/core/job-id";
import { type JobRecord, jobStates } from "@tendril/core/job-record";

/** Reads a job as the API writes it. Error: `request_failed`, for what is none. */
export function readJobJson(json: unknown): JobRecord {
  const job = membersOf(json);
  const state = jobStates.find((each) => each === job.state);
  if (state === undefined || typeof job.job_id !== "string") throw notAJob();
  const schedule = membersOf(job.schedule);
  return {
    id: parseJobId(job.job_id, "job_id"),
    type: textOf(job.job_type) ?? "",
    queue: textOf(job.queue) ?? "",
    state,
    attempts: typeof job.attempts === "number" ? job.attempts : 0,
    ...dated("enqueuedAt", job.enqueued_at),
    ...dated("firstStartedAt", job.first_started_at),
    ...dated("startedAt", job.started_at),
    ...dated("failedAt", job.failed_at),
    ...dated("finishedAt", job.finished_at),
    ...(typeof job.last_error === "string" ? { lastError: job.last_error } : {}),
    ...(job.result === undefined ? {} : { result: job.result }),
    ...(typeof schedule.name === "string" && typeof schedule.scheduled_at === "string"
      ? { schedule: { name: schedule.name, scheduledAt: new Date(schedule.scheduled_at) } }
      : {}),
  };
}

/** The members of a JSON object; none of anything else. */
export function membersOf(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null ? { ...json } : {};
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function dated<Name extends string>(name: Name, value: unknown): { readonly [Key in Name]?: Date } | undefined {
  const time = typeof value === "string" ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : ({ [name]: time } as { [Key in Name]: Date });
}

function notAJob(): TendrilError {
  return new TendrilError("request_failed", {
    where: "GET /jobs/{id}",
    given: "an answer that is no job",
    allowed: "a job with its id and state",
    fix: "See whether the address is a Tendril API's.",
  });
}
