import type { WireRequest } from "../wire/http.ts";
import { s3Errors } from "./errors.ts";

/** What this S3 does. */
export type OperationName = "CreateBucket" | "HeadBucket" | "PutObject" | "GetObject" | "HeadObject" | "DeleteObject";

/** A request that this S3 can carry out. */
export interface S3Request {
  readonly operation: OperationName;
  readonly bucket: string;
  /** Empty for what is done to a bucket. */
  readonly key: string;
}

const ofBuckets: Readonly<Record<string, OperationName>> = { PUT: "CreateBucket", HEAD: "HeadBucket" };

const ofObjects: Readonly<Record<string, OperationName>> = {
  PUT: "PutObject",
  GET: "GetObject",
  HEAD: "HeadObject",
  DELETE: "DeleteObject",
};

/** Headers that ask for more than this S3 does; left alone, they would be answered as if it had been done. */
const unknownHeaders = [
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-unmodified-since",
  "range",
  "x-amz-copy-source",
];

/**
 * Reads method and path. Errors: `NotImplemented`, `InvalidBucketName`, `KeyTooLongError`, `InvalidURI`.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
export function readRequest({ method, path, query, header }: WireRequest): S3Request {
  const [, rawBucket = "", rawKey = ""] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  const bucket = decoded(rawBucket);
  const key = decoded(rawKey);
  const operation = (key === "" ? ofBuckets : ofObjects)[method];
  const asksForMore = [...query.keys()].some((name) => name !== "x-id" && !name.startsWith("X-Amz-"));
  if (bucket === "" || operation === undefined || asksForMore) throw s3Errors.notImplemented();
  if (unknownHeaders.some((name) => header(name) !== undefined)) throw s3Errors.notImplemented();
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket)) throw s3Errors.bucketName();
  if (Buffer.byteLength(key) > 1024) throw s3Errors.keyTooLong();
  return { operation, bucket, key };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw s3Errors.uri();
  }
}
