import { SQSClient } from "@aws-sdk/client-sqs";
import type { HttpOptions } from "@tendril/client/http-call";
import { TendrilError } from "@tendril/core/errors";
import { AwsV4Signer } from "aws4fetch";

/**
 * A `fetch` that signs for an HTTP API of API Gateway (Signature Version 4, service `execute-api`) with the credentials and,
 * unless the address or `region` says it, the region that the AWS SDK finds: environment, profile, single sign-on, role.
 * Error of a request: `unauthorized`, when there are none.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export function signingFetch(url: string, region: string | undefined): NonNullable<HttpOptions["fetch"]> {
  const { config } = new SQSClient(); // it sends nothing: it knows where credentials are found, and renews them
  const named = region ?? /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com/.exec(new URL(url).hostname)?.[1];
  return async (to, init) => {
    const { accessKeyId, secretAccessKey, sessionToken } = await config.credentials().catch(missing("credentials"));
    const signer = new AwsV4Signer({
      url: to,
      method: init.method ?? "GET",
      headers: init.headers ?? {},
      ...(init.body === undefined ? {} : { body: init.body }),
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: "execute-api",
      region: named ?? (await config.region().catch(missing("region"))),
    });
    const { url: signedUrl, headers } = await signer.sign();
    return fetch(signedUrl, { ...init, headers });
  };
}

const missing =
  (what: "credentials" | "region") =>
  (cause: unknown): never => {
    throw new TendrilError("unauthorized", {
      where: "--sign",
      given: `no AWS ${what}`,
      allowed:
        what === "region" ? "AWS_REGION or --region" : "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
      fix:
        what === "region"
          ? "Name the API's region."
          : 'Try `aws sts get-caller-identity`; what the aws command finds by itself can be passed on with `eval "$(aws configure export-credentials --format env)"`.',
      cause,
    });
  };
