/** What encrypts messages at rest, and inputs in S3: a key of these services' own, or with `encryption: "kms"` in the tier a key of this stage's own. */
import { sendingServices } from "./origins.ts";
import { plan } from "./plan.ts";
import { outlives } from "./stage.ts";

/** What sends or receives needs, and nothing else of the key: SQS and SNS call KMS in its name. */
const use = ["kms:GenerateDataKey", "kms:Decrypt"];

/**
 * The account's own people look after the key, as far as their IAM policies let them; they cannot encrypt or decrypt with
 * it but through SQS, and S3 where inputs lie there. AWS's default would let them do everything.
 * https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
 */
const care = [
  ...["DescribeKey", "GetKeyPolicy", "PutKeyPolicy", "ListKeyPolicies", "UpdateKeyDescription"],
  ...["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"],
  ...["EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "ListKeyRotations", "RotateKeyOnDemand"],
  ...["TagResource", "UntagResource", "ListResourceTags", "CreateAlias", "UpdateAlias", "DeleteAlias"],
  ...["ListGrants", "RevokeGrant"],
].map((action) => `kms:${action}`);

const key = plan.encryption === "kms" ? makeKey() : undefined;

/** How a queue is encrypted. With an own key SQS asks KMS for a new data key every 5 minutes. */
export const queueEncryption: Pick<aws.sqs.QueueArgs, "kmsMasterKeyId" | "sqsManagedSseEnabled"> =
  key === undefined ? { sqsManagedSseEnabled: true } : { kmsMasterKeyId: key.arn };

/** How a topic that CloudWatch writes to is encrypted: AWS's own key for topics would keep CloudWatch out. */
export const topicEncryption: Pick<aws.sns.TopicArgs, "kmsMasterKeyId"> =
  key === undefined ? {} : { kmsMasterKeyId: key.arn };

/**
 * Encrypts a bucket with an own key, which S3 then asks KMS for seldom; left alone, it has a key of S3's own.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
 */
export function encryptBucket(name: string, bucket: $util.Input<string>): void {
  if (key === undefined) return;
  const applyServerSideEncryptionByDefault = { sseAlgorithm: "aws:kms", kmsMasterKeyId: key.arn };
  const rules = [{ applyServerSideEncryptionByDefault, bucketKeyEnabled: true }];
  new aws.s3.BucketServerSideEncryptionConfiguration(name, { bucket, rules });
}

/** What a function needs besides the queues' own actions to send to them, or to receive. */
export const encryptionPermissions = key === undefined ? [] : [{ actions: use, resources: [key.arn] }];

/** The same for the role of a service. */
export const encryptionStatements = key === undefined ? [] : [{ Effect: "Allow", Action: use, Resource: [key.arn] }];

function makeKey(): aws.kms.Key {
  const account = aws.getCallerIdentityOutput().accountId;
  const owner = { AWS: $interpolate`arn:${aws.getPartitionOutput().partition}:iam::${account}:root` };
  const services = plan.largeInputs.kind === "s3" ? ["sqs", "s3"] : ["sqs"];
  const region = aws.getRegionOutput().region;
  const throughServices = {
    StringEquals: { "kms:ViaService": services.map((service) => $interpolate`${service}.${region}.amazonaws.com`) },
  };
  // In a key's policy the resource is always "*", which means this key.
  // https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
  const statement = { Effect: "Allow", Resource: "*" };
  return new aws.kms.Key(
    "MessageKey",
    {
      description: `Encrypts the jobs of ${$app.name}, stage ${$app.stage}`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: $jsonStringify({
        Version: "2012-10-17",
        Statement: [
          { Sid: "Care", ...statement, Principal: owner, Action: care },
          { Sid: "UseThroughServices", ...statement, Principal: owner, Action: use, Condition: throughServices },
          // The topic's own policy says whose alarms. https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
          { Sid: "Alarms", ...statement, Principal: { Service: "cloudwatch.amazonaws.com" }, Action: use },
          // The queues' own policies say whose messages.
          ...(sendingServices.length === 0
            ? []
            : [{ Sid: "Sources", ...statement, Principal: { Service: sendingServices }, Action: use }]),
        ],
      }),
    },
    outlives,
  );
}
