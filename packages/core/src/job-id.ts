import { parse, v5, v7, validate } from "uuid";
import { TendrilError } from "./errors.ts";

declare const brand: unique symbol;

/** A job's id: a UUID in lower case, made before the job is sent. */
export type JobId = string & { readonly [brand]: "JobId" };

/** The name space of Tendril's derived ids (UUIDv5). It must never change: ids of runs and of keys come from it. */
const nameSpace = parse("5b0f6f4e-9d2c-5a38-8a52-6f7a3c1d2e90");

/** As nearly all ids are written; what is not, is looked at more closely. */
const plainId = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Reads a job id. Error: `job_id_invalid`. */
export function parseJobId(text: string, where?: string): JobId {
  if (plainId.test(text)) return text as JobId;
  if (!validate(text)) {
    throw new TendrilError("job_id_invalid", {
      ...(where === undefined ? {} : { where }),
      given: `${text.length} characters`,
      allowed: "a UUID, such as 01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77",
    });
  }
  return text.toLowerCase() as JobId;
}

/** Where a new job goes: what its id can tell later, without a database. */
export interface JobSeal {
  readonly type: string;
  /** The queue's URL; of it only the path counts, account and name. */
  readonly queueUrl: string;
}

/**
 * A new job id (UUIDv7: sorted by time) from the time in milliseconds and 16 random bytes. With a seal, 26 of its random
 * bits are made of the others, the job type and the queue: `isSealed` then tells an id that was given for them from any
 * other, but for one in 67 million. It is no secret, and proves nothing against somebody who means to forge it. 47 random
 * bits a millisecond are left: 1,000 ids of one millisecond are distinct but for one time in 280 million.
 */
export function newJobId(nowMs: number, randomBytes: Uint8Array, seal?: JobSeal): JobId {
  const id = v7({ msecs: nowMs, random: randomBytes }) as JobId;
  return seal === undefined ? id : sealed(id, seal);
}

/** Whether an id was made by `newJobId` with this seal. */
export function isSealed(id: JobId, seal: JobSeal): boolean {
  return id[14] === "7" && sealed(id, seal) === id;
}

/** When an id of `newJobId` was made, in milliseconds since 1970; undefined for any other id. */
export function madeAtMs(id: JobId): number | undefined {
  return id[14] === "7" ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}

/** The last 26 bits made of all that is before them. */
function sealed(id: JobId, { type, queueUrl }: JobSeal): JobId {
  const open = id.slice(0, 29);
  const fourBits = Number.parseInt(id.slice(29, 30), 16) & 0b1100;
  const path = /^[a-z]+:\/\/[^/]+(\/.*)$/.exec(queueUrl)?.[1] ?? queueUrl;
  const text = `seal\n${type}\n${path}\n${open}${fourBits.toString(16)}`;
  const [first = 0, second = 0, third = 0, fourth = 0] = v5(text, nameSpace, new Uint8Array(16));
  const bits = ((first & 0x3f) << 20) | (second << 12) | (third << 4) | (fourth >> 4);
  const tail = fourBits * 0x100_0000 + bits;
  return (open + tail.toString(16).padStart(7, "0")) as JobId;
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

/**
 * The id of a follow-up of a job whose attempts may each send follow-ups, others than before or in another order: made of
 * the job's id, of what the follow-up says, and of how many that say the same were before it in the attempt.
 */
export function repeatedFollowUpJobId(parent: JobId, content: string, before: number): JobId {
  return v5(`follow-up\n${parent}\n${before} before\n${content}`, nameSpace) as JobId;
}

/** The id of a job that another AWS service sent (UUIDv5 of job type and what tells its delivery apart): the same when it is sent again. */
export function sourcedJobId(jobType: string, keys: readonly string[]): JobId {
  return v5(`source\n${jobType}\n${JSON.stringify(keys)}`, nameSpace) as JobId;
}
