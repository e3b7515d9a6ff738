import { type ErrorCode, TendrilError } from "@tendril/core/errors";

/** What the exit codes of the commands that speak to the API mean. */
export const exitCodesText = `Exit codes of send, jobs, job, queues, schedules and tail:
  0  it was done                          3  the job has ended otherwise than done
  1  the API did not do it, or is away    4  what it names is unknown: job, job type, queue, schedule
  2  what was given is refused            5  the time to wait was over
  130  it was stopped`;

const refused: readonly ErrorCode[] = [
  "usage",
  "input_invalid",
  "duration_invalid",
  "query_invalid",
  "key_conflict",
  "job_id_invalid",
  "body_not_json",
  "body_not_object",
  "body_too_large",
  "job_begun",
  "job_not_dead",
  "job_untracked",
];
const unknown: readonly ErrorCode[] = [
  "job_unknown",
  "job_type_unknown",
  "queue_unknown",
  "schedule_unknown",
  "dead_letter_missing",
];

const codes: ReadonlyMap<ErrorCode, number> = new Map([
  ...refused.map((code) => [code, 2] as const),
  ["job_failed", 3],
  ...unknown.map((code) => [code, 4] as const),
  ["wait_timed_out", 5],
]);

/** The exit code for an error of a command that speaks to the API: see `exitCodesText`; 1 for whatever is not named there. */
export function exitCodeOf(error: unknown): number {
  return error instanceof TendrilError ? (codes.get(error.code) ?? 1) : 1;
}
