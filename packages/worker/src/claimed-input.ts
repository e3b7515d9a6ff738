import { createHash } from "node:crypto";
import type { Claims } from "@tendril/client/claims";
import { type ClaimCheck, readClaimCheck } from "@tendril/core/claim-check";
import { TendrilError } from "@tendril/core/errors";
import { attributeNames, readMessage, type WireJob } from "@tendril/core/message";
import type { SQSRecord } from "aws-lambda";

/**
 * A job with the input that lies in S3. Errors: `claim_invalid` and `claim_missing`, when no attempt can help; the SDK's
 * own, when S3 could not be asked. It stays there: a dead letter needs it when it is sent back.
 */
export async function fetchInput(
  job: WireJob,
  claim: string,
  { claims, signal }: { readonly claims: Claims | undefined; readonly signal: AbortSignal | undefined },
): Promise<WireJob> {
  const check = readClaimCheck(claim, job.id);
  if (claims === undefined) throw noBucket();
  const body = await claims.get(check, signal);
  if (body === undefined) throw missing();
  const reading = readMessage({
    messageId: job.id,
    body: textOf(body, check),
    attributes: { [attributeNames.jobId]: job.id },
  });
  if (reading.kind === "unreadable") throw reading.error;
  if (reading.job.type !== job.type) throw invalid("the body of a job of another type");
  return { ...job, input: reading.job.input };
}

/** How large the input is that a record has in S3, in bytes; 0 for one that has it in itself, or no claim check. */
export function claimedBytes({ messageAttributes }: Pick<SQSRecord, "messageAttributes">): number {
  const claim = messageAttributes[attributeNames.claim]?.stringValue ?? "";
  return Number(/\/(\d{1,9})-[0-9a-f]{64}$/.exec(claim)?.[1] ?? 0);
}

function textOf(body: Uint8Array, { bytes, sha256 }: ClaimCheck): string {
  if (body.length !== bytes || createHash("sha256").update(body).digest("hex") !== sha256) {
    throw invalid("an object that is not what the claim check was made of");
  }
  return new TextDecoder().decode(body);
}

function invalid(given: string): TendrilError {
  return new TendrilError("claim_invalid", {
    where: attributeNames.claim,
    given,
    allowed: "the body that was written for this message",
  });
}

function missing(): TendrilError {
  return new TendrilError("claim_missing", {
    where: attributeNames.claim,
    given: "a claim check for an object that is not there",
    allowed: "one that is",
    fix: "S3 has removed it: the message is older than the plan's `largeInputs.expiryDays`. Enqueue the job anew.",
  });
}

function noBucket(): TendrilError {
  return new TendrilError("claim_invalid", {
    where: attributeNames.claim,
    given: "a claim check, on a tier without a bucket for large inputs",
    allowed: "a message with the whole input",
    fix: 'Say `largeInputs: "s3"` in the tier, and send the dead letter back.',
  });
}
