/** S3's notifications. https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
import { kindOf } from "./errors.ts";
import { invalidEnvelope, isObject, type Members, stringAt } from "./source-payload.ts";

/** What happened to an object, from S3's notification. */
export interface S3Object {
  /** Such as `ObjectCreated:Put`. */
  readonly event: string;
  /** ISO 8601. */
  readonly time: string;
  readonly bucket: string;
  /** As it was given to S3: decoded. */
  readonly key: string;
  readonly size?: number;
  readonly eTag?: string;
  readonly versionId?: string;
  /** Orders the events of one key: hexadecimal, the longer or greater is the later. */
  readonly sequencer?: string;
}

/** The records of a notification. Error: `envelope_invalid`. */
export function s3Records(body: Members): readonly Members[] {
  const records: readonly unknown[] = Array.isArray(body.Records) ? body.Records : [];
  return records.map((record, index) => {
    if (isObject(record)) return record;
    throw invalidEnvelope(`Records.${index}`, kindOf(record), "an object");
  });
}

/** What a record, the one at `index`, says. Error: `envelope_invalid`. */
export function s3ObjectOf(record: Members, index: number): S3Object {
  const where = `Records.${index}`;
  const { s3 } = record;
  if (!isObject(s3) || !isObject(s3.bucket) || !isObject(s3.object)) {
    throw invalidEnvelope(`${where}.s3`, kindOf(s3), "the bucket and the object");
  }
  const { size, eTag, versionId, sequencer } = s3.object;
  return {
    event: stringAt(record, "eventName", where),
    time: stringAt(record, "eventTime", where),
    bucket: stringAt(s3.bucket, "name", `${where}.s3.bucket`),
    key: decodeKey(stringAt(s3.object, "key", `${where}.s3.object`), `${where}.s3.object.key`),
    ...(typeof size === "number" ? { size } : {}),
    ...(typeof eTag === "string" ? { eTag } : {}),
    ...(typeof versionId === "string" ? { versionId } : {}),
    ...(typeof sequencer === "string" ? { sequencer } : {}),
  };
}

/** What makes two events the same one. Not every event has a sequencer: the time stands in for it. */
export function s3Keys({ bucket, key, versionId = "", event, sequencer, time }: S3Object): string[] {
  return [bucket, key, versionId, event, sequencer ?? time];
}

/** S3 encodes keys as forms do. https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
function decodeKey(key: string, where: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    throw invalidEnvelope(where, `${key.length} characters that are not URL-encoded`, "a URL-encoded key");
  }
}
