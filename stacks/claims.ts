/** The bucket for inputs that are too large for a message, with `largeInputs: "s3"` in the tier. */
import { claimPrefix } from "@tendril/core/claim-check";
import { claimsLinkName } from "@tendril/core/link";
import { encryptBucket } from "./encryption.ts";
import { plan } from "./plan.ts";
import { outlives, production } from "./stage.ts";

const bucket = plan.largeInputs.kind === "s3" ? makeBucket(plan.largeInputs.expiryDays) : undefined;

/** Says where the bucket is; what a function may do with it, the function says itself. None without a bucket. */
export const claimsLinks =
  bucket === undefined ? [] : [new sst.Linkable(claimsLinkName, { properties: { bucket: bucket.name } })];

/** What whoever enqueues needs. */
export const claimsWriting = onInputs("s3:PutObject");

/** What a worker needs: it runs jobs, and enqueues others. Without ListBucket, S3 says 403 of what is not there, not 404. */
export const claimsUse =
  bucket === undefined
    ? []
    : [...onInputs("s3:PutObject", "s3:GetObject"), { actions: ["s3:ListBucket"], resources: [bucket.arn] }];

function onInputs(...actions: string[]): { actions: string[]; resources: $util.Output<string>[] }[] {
  return bucket === undefined ? [] : [{ actions, resources: [$interpolate`${bucket.arn}/${claimPrefix}*`] }];
}

/** SST keeps the public out, and whatever is not TLS. In production it stays, with the jobs that need it. */
function makeBucket(expiryDays: number): sst.aws.Bucket {
  const made = new sst.aws.Bucket("LargeInputs", {
    lifecycle: [{ id: "expiry", prefix: claimPrefix, expiresIn: `${expiryDays} days` }],
    transform: {
      bucket(args, options) {
        args.forceDestroy = !production;
        Object.assign(options, outlives);
        return undefined;
      },
    },
  });
  encryptBucket("LargeInputsEncryption", made.name);
  return made;
}
