import { v5, v7, validate } from "uuid";
import { TendrilError } from "./errors.ts";

declare const brand: unique symbol;

/** A job's id: a UUID in lower case, made before the job is sent. */
export type JobId = string & { readonly [brand]: "JobId" };

/** The name space of Tendril's derived ids (UUIDv5). It must never change: ids of runs and of keys come from it. */
const nameSpace = "5b0f6f4e-9d2c-5a38-8a52-6f7a3c1d2e90";

/** Reads a job id. Error: `job_id_invalid`. */
export function parseJobId(text: string, where?: string): JobId {
  if (!validate(text)) {
    throw new TendrilError("job_id_invalid", {
      ...(where === undefined ? {} : { where }),
      given: `${text.length} characters`,
      allowed: "a UUID, such as 01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77",
    });
  }
  return text.toLowerCase() as JobId;
}

/** A new job id (UUIDv7: sorted by time) from the time in milliseconds and 16 random bytes. */
export function newJobId(nowMs: number, randomBytes: Uint8Array): JobId {
  return v7({ msecs: nowMs, random: randomBytes }) as JobId;
}

/** The job id of a schedule's run: the same for every delivery and retry of that run (UUIDv5 of task name and time). */
export function scheduledJobId(taskName: string, scheduledAtMs: number): JobId {
  return v5(`schedule\n${taskName}\n${new Date(scheduledAtMs).toISOString()}`, nameSpace) as JobId;
}

/** The id of a job that an idempotency key names (UUIDv5 of job type and key). */
export function keyedJobId(jobType: string, key: string): JobId {
  return v5(`key\n${jobType}\n${key}`, nameSpace) as JobId;
}

/** The id of a job's follow-up number `position`, counted from 0: the same in every attempt (UUIDv5 of the job's id and the position). */
export function followUpJobId(parent: JobId, position: number): JobId {
  return v5(`follow-up\n${parent}\n${position}`, nameSpace) as JobId;
}

/** The id of a job that another AWS service sent (UUIDv5 of job type and what tells its delivery apart): the same when it is sent again. */
export function sourcedJobId(jobType: string, keys: readonly string[]): JobId {
  return v5(`source\n${jobType}\n${JSON.stringify(keys)}`, nameSpace) as JobId;
}
