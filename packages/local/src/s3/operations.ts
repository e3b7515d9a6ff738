import { createHash } from "node:crypto";
import { refusedByDisk } from "../wire/disk-refusal.ts";
import type { WireReply } from "../wire/http.ts";
import { s3Errors } from "./errors.ts";
import type { OperationName } from "./request.ts";
import { receiveBody } from "./request-body.ts";
import type { ObjectStore, StoredObject } from "./store.ts";

/** What an operation is given. */
export interface OperationInput {
  readonly bucket: string;
  readonly key: string;
  readonly body: Buffer;
  header(name: string): string | undefined;
}

/** The operations by their names. They reject with S3's errors. */
export type Operations = Readonly<Record<OperationName, (input: OperationInput) => Promise<WireReply>>>;

/** Makes the operations over a store. `now`: milliseconds since 1970. */
export function objectOperations(store: ObjectStore, now: () => number): Operations {
  const checkBucket = ({ bucket }: OperationInput): void => {
    if (!store.hasBucket(bucket)) throw s3Errors.noBucket();
  };
  const find = async (input: OperationInput): Promise<StoredObject> => {
    checkBucket(input);
    const object = await store.read(input.bucket, input.key);
    if (object === undefined) throw s3Errors.noKey();
    return object;
  };
  return {
    async CreateBucket({ bucket }) {
      if (store.hasBucket(bucket)) throw s3Errors.bucketTaken();
      await store.makeBucket(bucket).catch(refusedByDisk);
      return reply(200, { location: `/${bucket}` });
    },
    async HeadBucket(input) {
      checkBucket(input);
      return reply(200);
    },
    async PutObject(input) {
      checkBucket(input);
      const { bytes, crc32 } = receiveBody(input, input.body);
      const contentType = input.header("content-type") ?? "binary/octet-stream";
      const md5 = createHash("md5").update(bytes).digest("hex");
      const head = { key: input.key, contentType, crc32, md5, atMs: now() };
      await store.write(input.bucket, { head, bytes }).catch(refusedByDisk);
      return reply(200, checksumHeaders(head));
    },
    async GetObject(input) {
      return objectReply(await find(input));
    },
    // The server leaves the body of an answer to HEAD out, and says how long it would be.
    async HeadObject(input) {
      return objectReply(await find(input));
    },
    async DeleteObject(input) {
      checkBucket(input);
      await store.remove(input.bucket, input.key).catch(refusedByDisk);
      return reply(204);
    },
  };
}

function objectReply({ head, bytes }: StoredObject): WireReply {
  const headers = {
    ...checksumHeaders(head),
    "content-type": head.contentType,
    "last-modified": new Date(head.atMs).toUTCString(),
  };
  return { ...reply(200, headers), body: bytes };
}

function checksumHeaders({ md5, crc32 }: { readonly md5: string; readonly crc32: string }): Record<string, string> {
  return { etag: `"${md5}"`, "x-amz-checksum-crc32": crc32, "x-amz-checksum-type": "FULL_OBJECT" };
}

const reply = (status: number, headers: Record<string, string> = {}): WireReply => ({ status, headers, body: "" });
