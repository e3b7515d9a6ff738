import type { Clock } from "../clock.ts";
import type { WireReply, WireRequest } from "../wire/http.ts";
import type { Call, Service } from "../wire/service.ts";
import { errorReply } from "./errors.ts";
import { type Operations, objectOperations } from "./operations.ts";
import { readRequest } from "./request.ts";
import { folderStore, memoryStore, type ObjectHead, type ObjectStore } from "./store.ts";

/** What `openS3` takes. */
export interface S3Options {
  readonly clock: Clock;
  /** The folder that keeps buckets and objects. Default: memory only. */
  readonly dir?: string;
}

/** S3 on this machine. */
export interface S3 {
  /** For `listen`. It knows its requests by what they are signed for, so that no bucket's name is another service's path. */
  readonly service: Service;
  /** Makes a bucket, if it is not there, whose objects are gone so many days after they were written. */
  keepBucket(bucket: string, expiryDays: number): Promise<void>;
}

/** The longest body that is read, in bytes; S3's own limit of one PutObject is 5 GB. */
const longestBodyBytes = 64 * 1024 * 1024;

const dayMs = 86_400_000;

/**
 * Opens S3: CreateBucket, HeadBucket, PutObject, GetObject, HeadObject and DeleteObject, of whole objects, with buckets in
 * the path. Everything else is `NotImplemented`. What it acknowledges is on disk first.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
export function openS3({ clock, dir }: S3Options): S3 {
  const store = dir === undefined ? memoryStore() : folderStore(dir);
  const expiries = new Map<string, number>();
  const isGone = (bucket: string, { atMs }: ObjectHead): boolean =>
    atMs + (expiries.get(bucket) ?? Number.POSITIVE_INFINITY) <= clock.now();
  const lasting: ObjectStore = {
    ...store,
    async read(bucket, key) {
      const object = await store.read(bucket, key);
      return object === undefined || isGone(bucket, object.head) ? undefined : object;
    },
  };
  const operations = objectOperations(lasting, () => clock.now());
  return {
    service: { match: (request) => (isForS3(request) ? callOf(request, operations) : undefined) },
    async keepBucket(bucket, expiryDays) {
      const expiryMs = expiryDays * dayMs;
      expiries.set(bucket, expiryMs);
      await store.makeBucket(bucket);
      await store.removeUntil(bucket, clock.now() - expiryMs);
    },
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html */
function isForS3(request: WireRequest): boolean {
  const scope = request.query.get("X-Amz-Credential") ?? request.header("authorization") ?? "";
  return /\/s3\/aws4_request(?:[,\s]|$)/.test(scope);
}

function callOf(request: WireRequest, operations: Operations): Call {
  return {
    maxBodyBytes: longestBodyBytes,
    async run(body, context, intercept) {
      const { operation, bucket, key } = readRequest(request);
      const input = { Bucket: bucket, ...(key === "" ? {} : { Key: key }) };
      const answer = () => operations[operation]({ bucket, key, body, header: request.header });
      if (intercept === undefined) return answer();
      let reply: WireReply = { status: 200, headers: {}, body: "" };
      await intercept({ service: "s3", operation, input, context }, async () => {
        reply = await answer();
        return {};
      });
      return reply;
    },
    refuse: errorReply,
  };
}
