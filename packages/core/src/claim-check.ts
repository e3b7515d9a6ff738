/**
 * Claim checks: what a message says of a body that is too large for it. The whole body lies in the stage's bucket, under a
 * key that stands in the message's attribute `tendril.claim`; the message's own body has the job type alone.
 *
 * The key is made of the job's id and of the body's size and SHA-256. So two bodies of one job, of two attempts or two
 * callers with one idempotency key, never overwrite each other; and a worker knows what it will read before it does.
 */
import { TendrilError } from "./errors.ts";
import type { JobId } from "./job-id.ts";
import { attributeNames } from "./message.ts";

/**
 * The longest body that goes through S3, in bytes: 32 MiB. S3 would take far more, but a worker holds input and text in
 * memory, and has 512 MB of it by default.
 */
export const longestClaimBytes = 33_554_432;

/** What the keys of all claim checks begin with. */
export const claimPrefix = "inputs/";

/** A body in the bucket. */
export interface ClaimCheck {
  readonly key: string;
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** The claim check of a job's body. */
export function claimCheckOf(id: JobId, { bytes, sha256 }: Omit<ClaimCheck, "key">): ClaimCheck {
  return { key: `${claimPrefix}${id}/${bytes}-${sha256}`, bytes, sha256 };
}

/**
 * Reads the claim check of a job's message. Error: `claim_invalid` for any other key than one of this job's own, so that
 * nobody who may send messages can have a worker read something else of the bucket.
 */
export function readClaimCheck(text: string, id: JobId): ClaimCheck {
  const [, bytes = "", sha256 = ""] = /^inputs\/[0-9a-f-]{36}\/([1-9]\d{0,8})-([0-9a-f]{64})$/.exec(text) ?? [];
  const check = claimCheckOf(id, { bytes: Number(bytes), sha256 });
  if (check.key === text && check.bytes <= longestClaimBytes) return check;
  throw new TendrilError("claim_invalid", {
    where: attributeNames.claim,
    given: `${text.length} characters that are no claim check of this job`,
    allowed: `${claimPrefix}JOB_ID/BYTES-SHA256, for at most ${longestClaimBytes} bytes`,
  });
}
