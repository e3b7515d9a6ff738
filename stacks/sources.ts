/** What other AWS services send to the queues: subscriptions, targets, notifications and pipes. */
import { eventsOf } from "@tendril/core/source-plan";
import { encryptionStatements } from "./encryption.ts";
import { failureStatements, type Origin, origins } from "./origins.ts";
import { plan } from "./plan.ts";
import { type JobQueue, queues, safeQueue } from "./queues.ts";
import { stageName } from "./stage.ts";

/** What topics, rules and pipes could not send; S3 tries on by itself. None without sources. A standard queue: they take no other. */
export const sourceFailures =
  plan.sources.length === 0 ? undefined : safeQueue("SourceFailures", 1_209_600, {}, failureStatements).queue;

if (sourceFailures !== undefined) connect(sourceFailures);

function connect(failures: sst.aws.Queue): void {
  for (const origin of origins.sns) subscribe(origin, failures);
  for (const origin of origins.eventbridge) target(origin, failures);
  for (const origin of origins.kinesis) pipe(origin, failures);
  const buckets = Object.groupBy(origins.s3, ({ source }) => source.bucket);
  for (const ofBucket of Object.values(buckets)) notify(ofBucket ?? []);
}

function queueOf({ source }: Origin): JobQueue {
  const queue = queues.find(({ plan }) => plan.name === source.queue);
  if (queue === undefined) throw new Error(`there is no queue ${source.queue}`); // the plan has checked it
  return queue;
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html */
function subscribe(origin: (typeof origins.sns)[number], failures: sst.aws.Queue): void {
  const { source, arn } = origin;
  new aws.sns.TopicSubscription(source.name, {
    topic: arn,
    protocol: "sqs",
    endpoint: queueOf(origin).main.arn,
    rawMessageDelivery: source.raw ?? false,
    redrivePolicy: $jsonStringify({ deadLetterTargetArn: failures.arn }),
  });
}

/** Tried for a day, 185 times at most, which are EventBridge's own defaults. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html */
function target(origin: (typeof origins.eventbridge)[number], failures: sst.aws.Queue): void {
  const { source, bus, rule } = origin;
  new aws.cloudwatch.EventTarget(source.name, {
    eventBusName: bus,
    rule,
    arn: queueOf(origin).main.arn,
    deadLetterConfig: { arn: failures.arn },
  });
}

/** A bucket has one list of notifications, in which all its sources stand. S3 tries each queue out when it gets the list. */
function notify(ofBucket: readonly (typeof origins.s3)[number][]): void {
  const [first] = ofBucket;
  if (first === undefined) return;
  new aws.s3.BucketNotification(
    first.source.name,
    {
      bucket: $util.output(first.arn).apply((arn) => arn.slice(arn.lastIndexOf(":") + 1)),
      queues: ofBucket.map((origin) => ({
        id: origin.source.name,
        queueArn: queueOf(origin).main.arn,
        events: [...eventsOf(origin.source)],
        filterPrefix: origin.source.prefix ?? "",
        filterSuffix: origin.source.suffix ?? "",
      })),
    },
    { dependsOn: ofBucket.map((origin) => queueOf(origin).policy) },
  );
}

/**
 * From a stream's oldest record on, ten at most a time, as many as SQS takes, each a message of its own. What cannot be
 * sent is tried until it leaves the stream; `failures` is then told which records these were, not what stood in them.
 */
function pipe(origin: (typeof origins.kinesis)[number], failures: sst.aws.Queue): void {
  const { source, arn } = origin;
  const { main } = queueOf(origin);
  const name = stageName(source.name);
  new aws.pipes.Pipe(source.name, {
    name,
    description: `Sends jobs of the type ${source.jobType} to the queue ${source.queue}`,
    roleArn: pipeRole(origin, { name, main, failures }).arn,
    source: arn,
    sourceParameters: {
      kinesisStreamParameters: {
        startingPosition: "TRIM_HORIZON",
        batchSize: 10,
        deadLetterConfig: { arn: failures.arn },
      },
    },
    target: main.arn,
  });
}

/** May read this stream and send to this queue, and is this pipe's alone. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html */
function pipeRole(
  { source, arn }: Origin<"kinesis">,
  { name, main, failures }: { readonly name: string; readonly main: sst.aws.Queue; readonly failures: sst.aws.Queue },
): aws.iam.Role {
  const account = aws.getCallerIdentityOutput().accountId;
  const region = aws.getRegionOutput().region;
  const partition = aws.getPartitionOutput().partition;
  const read = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"];
  return new aws.iam.Role(source.name, {
    namePrefix: `${source.name.slice(0, 37)}-`, // 38 characters at most; left alone, a long name would be refused
    description: `EventBridge Pipes sends jobs of ${$app.name}, stage ${$app.stage}`,
    assumeRolePolicy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "pipes.amazonaws.com" },
          Action: "sts:AssumeRole",
          Condition: {
            StringEquals: {
              "aws:SourceAccount": account,
              "aws:SourceArn": $interpolate`arn:${partition}:pipes:${region}:${account}:pipe/${name}`,
            },
          },
        },
      ],
    }),
    inlinePolicies: [
      {
        name: "send",
        policy: $jsonStringify({
          Version: "2012-10-17",
          Statement: [
            { Effect: "Allow", Action: read.map((action) => `kinesis:${action}`), Resource: [arn] },
            { Effect: "Allow", Action: ["sqs:SendMessage"], Resource: [main.arn, failures.arn] },
            ...encryptionStatements,
          ],
        }),
      },
    ],
  });
}
