/** Bodies that are too large for a message, in the stage's bucket: see `@tendril/core/claim-check`. */
import { createHash } from "node:crypto";
import type { S3Client } from "@aws-sdk/client-s3";
import { type ClaimCheck, claimCheckOf } from "@tendril/core/claim-check";
import type { JobId } from "@tendril/core/job-id";
import type { ClaimsLink } from "@tendril/core/link";
import { callFailed, nameOf } from "./call-failed.ts";

/** Keeps bodies in S3. */
export interface Claims {
  /** Writes a job's body, and resolves when S3 has it. Error: `aws_call_failed`. */
  put(id: JobId, body: string, signal?: AbortSignal): Promise<ClaimCheck>;
  /** Reads a body; undefined when it is not there, or no longer. Rejects with the SDK's errors. */
  get(check: ClaimCheck, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

/** What `createClaims` takes. */
export interface ClaimsOptions {
  readonly link: ClaimsLink;
  /**
   * Called once, at the first body. Default: loads the SDK's client of S3 by then, and makes one with the environment's
   * settings that names buckets by path.
   */
  readonly s3?: () => Promise<S3Client>;
}

/** Makes the keeper of a bucket's bodies. It holds no connection until the first one. */
export function createClaims({ link, s3 = loadS3 }: ClaimsOptions): Claims {
  const Bucket = link.bucket;
  let loaded: Promise<S3Client> | undefined;
  const client = (): Promise<S3Client> => {
    loaded ??= s3().catch((error: unknown) => {
      loaded = undefined; // the next body tries again
      throw error;
    });
    return loaded;
  };
  return {
    async put(id, body, signal) {
      const Body = Buffer.from(body);
      const sha256 = createHash("sha256").update(Body).digest("hex");
      const check = claimCheckOf(id, { bytes: Body.length, sha256 });
      const { PutObjectCommand } = await import("./s3-client.ts");
      const command = new PutObjectCommand({ Bucket, Key: check.key, Body, ContentType: "application/json" });
      try {
        await (await client()).send(command, signal === undefined ? {} : { abortSignal: signal });
      } catch (error) {
        throw callFailed("s3:PutObject", nameOf(error), error);
      }
      return check;
    },
    async get({ key: Key }, signal) {
      const { GetObjectCommand, NoSuchKey } = await import("./s3-client.ts");
      try {
        const command = new GetObjectCommand({ Bucket, Key });
        const { Body } = await (await client()).send(command, signal === undefined ? {} : { abortSignal: signal });
        return await Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
  };
}

/**
 * By path, since the bucket's name need not be one of a host then; AWS takes both.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html#path-style-access
 */
async function loadS3(): Promise<S3Client> {
  const { S3Client } = await import("./s3-client.ts");
  return new S3Client({ forcePathStyle: true });
}
