import { AwsError } from "../wire/aws-error.ts";
import type { WireReply } from "../wire/http.ts";

/** S3's errors, as far as they occur here. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export const s3Errors = {
  badDigest: (what: string) =>
    new AwsError("BadDigest", `The ${what} you specified did not match the calculated checksum.`, { status: 400 }),
  bucketName: () => new AwsError("InvalidBucketName", "The specified bucket is not valid.", { status: 400 }),
  bucketTaken: () =>
    new AwsError("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded.", {
      status: 409,
    }),
  incompleteBody: () => new AwsError("IncompleteBody", "The request body terminated unexpectedly", { status: 400 }),
  keyTooLong: () => new AwsError("KeyTooLongError", "Your key is too long", { status: 400 }),
  noBucket: () => new AwsError("NoSuchBucket", "The specified bucket does not exist", { status: 404 }),
  noKey: () => new AwsError("NoSuchKey", "The specified key does not exist.", { status: 404 }),
  notImplemented: () =>
    new AwsError("NotImplemented", "The local S3 keeps and gives whole objects, and nothing more.", { status: 501 }),
  otherHash: () =>
    new AwsError(
      "XAmzContentSHA256Mismatch",
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      {
        status: 400,
      },
    ),
  uri: () => new AwsError("InvalidURI", "Couldn't parse the specified URI.", { status: 400 }),
} as const;

/** An error as S3 answers it: XML. */
export function errorReply(error: AwsError): WireReply {
  const members = `<Code>${escaped(error.name)}</Code><Message>${escaped(error.message)}</Message>`;
  return {
    status: error.status ?? 400,
    headers: { "content-type": "application/xml" },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${members}</Error>`,
  };
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
