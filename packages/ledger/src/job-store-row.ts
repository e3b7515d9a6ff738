import type { Row } from "@tendril/core/handler";
import { type JobId, madeAtMs } from "@tendril/core/job-id";
import { type JobRecord, type JobState, jobStates } from "@tendril/core/job-record";

/** The state that a row says. */
export function readState(value: unknown): JobState {
  const state = jobStates.find((each) => each === value);
  if (state !== undefined) return state;
  throw new Error(`The ledger's state is ${JSON.stringify(value)}: its migrations are of another version.`);
}

/** A job from the columns of `tendril.jobs`, and `noted_at` of `tendril.keys`; without its result. */
export function readRecord(id: JobId, row: Row): JobRecord {
  const state = readState(row.state);
  const attempts = Number(row.attempts);
  const madeAt = madeAtMs(id);
  const neverStarted = attempts === 0 && (state === "skipped" || state === "cancelled");
  const startedAt = readTime(row.started_at);
  return {
    id,
    type: String(row.type),
    queue: String(row.queue),
    state,
    attempts,
    ...set("enqueuedAt", madeAt === undefined ? readTime(row.noted_at) : new Date(madeAt)),
    ...set("firstStartedAt", neverStarted ? undefined : readTime(row.first_started_at)),
    ...set("startedAt", neverStarted ? undefined : startedAt),
    ...set("failedAt", readTime(row.failed_at)),
    ...set("finishedAt", neverStarted ? startedAt : readTime(row.finished_at)),
    ...set("lastError", isSet(row.last_error) ? String(row.last_error) : undefined),
    ...set("schedule", readSchedule(row)),
  };
}

function readSchedule({ schedule, scheduled_at }: Row): JobRecord["schedule"] {
  const scheduledAt = readTime(scheduled_at);
  return isSet(schedule) && scheduledAt !== undefined ? { name: String(schedule), scheduledAt } : undefined;
}

/** Timestamps come as UTC text without a zone. */
function readTime(value: unknown): Date | undefined {
  return isSet(value) ? new Date(`${String(value).replace(" ", "T")}Z`) : undefined;
}

const isSet = (value: unknown): boolean => value !== null && value !== undefined;

function set<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value });
}
