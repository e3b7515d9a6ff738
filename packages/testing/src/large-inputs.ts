import { type Claims, createClaims } from "@tendril/client/claims";
import type { S3Client } from "@tendril/client/s3-client";
import type { ClaimsLink } from "@tendril/core/link";
import type { ClientConfig } from "./endpoint.ts";

/** Where a test tier keeps inputs that are too large for a message. */
export interface LargeInputs {
  /** Undefined when the tier refuses them. */
  readonly claims: Claims | undefined;
  close(): void;
}

/** A bucket at the endpoint of `config`, spoken to by a client of its own, which is made when the first large input comes. */
export function openLargeInputs(link: ClaimsLink | undefined, config: ClientConfig): LargeInputs {
  let client: S3Client | undefined;
  const open = async (): Promise<S3Client> => {
    const { S3Client } = await import("@tendril/client/s3-client");
    client = new S3Client({ ...config, forcePathStyle: true });
    return client;
  };
  return {
    claims: link === undefined ? undefined : createClaims({ link, s3: open }),
    close: () => client?.destroy(),
  };
}
