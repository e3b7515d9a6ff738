/** Where sources' messages come from: what is there, named by its ARN, and what is made here; and who may send to a queue. */
import { queueLinkName } from "@tendril/core/link";
import type { Source } from "@tendril/core/source";
import { plan } from "./plan.ts";
import { outlives, stageName } from "./stage.ts";

type From = Source["from"];
type SourceFrom<Kind extends From> = Extract<Source, { from: Kind }>;

/** A source, and the ARN of what sends its messages: a topic, a rule, a bucket, a stream. */
export interface Origin<Kind extends From = From> {
  readonly source: SourceFrom<Kind>;
  readonly arn: $util.Input<string>;
}

const made = new Map<string, $util.Output<string>>();

/** The origins of each kind, in the plan's order. */
export const origins = {
  sns: sourcesFrom("sns").map((source) => ({ source, arn: existing(source.topic) ?? madeOnce("sns", source.topic) })),
  eventbridge: sourcesFrom("eventbridge").map((source) => ({ source, ...makeRule(source) })),
  s3: sourcesFrom("s3").map((source) => ({ source, arn: existing(source.bucket) ?? madeOnce("s3", source.bucket) })),
  kinesis: sourcesFrom("kinesis").map((source) => ({
    source,
    arn: existing(source.stream) ?? madeOnce("kinesis", source.stream),
  })),
} satisfies { readonly [Kind in From]: readonly Origin<Kind>[] };

function sourcesFrom<Kind extends From>(from: Kind): SourceFrom<Kind>[] {
  return plan.sources.filter((source): source is SourceFrom<Kind> => source.from === from);
}

function existing(given: string): string | undefined {
  return given.startsWith("arn:") ? given : undefined;
}

/** What a name stands for: several sources may have it. */
function madeOnce(from: From, name: string): $util.Output<string> {
  const key = `${from} ${name}`;
  const arn = made.get(key) ?? make(from, name);
  made.set(key, arn);
  return arn;
}

function make(from: From, name: string): $util.Output<string> {
  // A worker knows a topic or a stream by the end of its ARN: `-` and the name.
  const physicalName = `${$app.name}-${$app.stage}-${name}`;
  switch (from) {
    case "sns":
      return new aws.sns.Topic(name, { name: physicalName }).arn;
    case "eventbridge":
      return new aws.cloudwatch.EventBus(name, { name: physicalName }).arn;
    case "s3":
      return new sst.aws.Bucket(queueLinkName(name).replace(/Queue$/, "Bucket")).arn;
    case "kinesis": {
      const encryption = { encryptionType: "KMS", kmsKeyId: "alias/aws/kinesis" };
      const streamModeDetails = { streamMode: "ON_DEMAND" };
      return new aws.kinesis.Stream(name, { name: physicalName, streamModeDetails, ...encryption }, outlives).arn;
    }
  }
}

function makeRule(source: SourceFrom<"eventbridge">): {
  readonly bus: $util.Input<string>;
  readonly arn: $util.Output<string>;
  readonly rule: $util.Output<string>;
} {
  const bus = source.bus === undefined ? "default" : (existing(source.bus) ?? madeOnce("eventbridge", source.bus));
  const rule = new aws.cloudwatch.EventRule(source.name, {
    name: stageName(source.name),
    description: `Sends jobs of the type ${source.jobType} to the queue ${source.queue}`,
    eventBusName: bus,
    eventPattern: JSON.stringify(source.pattern),
  });
  return { bus, arn: rule.arn, rule: rule.name };
}

/** Services that send with no role of ours: a queue's policy lets them in, and a key's. Pipes has a role. */
const services = { sns: "sns.amazonaws.com", eventbridge: "events.amazonaws.com", s3: "s3.amazonaws.com" } as const;
type Service = keyof typeof services;

const all: readonly Origin[] = Object.values(origins).flat();
const inUse = (["sns", "eventbridge", "s3"] as const).filter((from) => origins[from].length > 0);

/** The services that need an own key to send to a queue that it encrypts. */
export const sendingServices: readonly string[] = inUse.map((from) => services[from]);

/** What lets the sources of a queue send to it, and nobody else of their services: statements for its policy. */
export function senderStatements(queue: string, queueArn: $util.Input<string>): object[] {
  return inUse.flatMap((from) => allow(from, queueArn, (source) => source.queue === queue));
}

/** The same for the queue of what topics and rules could not send. */
export function failureStatements(queueArn: $util.Input<string>): object[] {
  return inUse.filter((from) => from !== "s3").flatMap((from) => allow(from, queueArn, () => true));
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html; a bucket's ARN names no account. */
function allow(from: Service, queueArn: $util.Input<string>, isMeant: (source: Source) => boolean): object[] {
  const senders = all.filter(({ source }) => source.from === from && isMeant(source)).map(({ arn }) => arn);
  if (senders.length === 0) return [];
  const account = { StringEquals: { "aws:SourceAccount": aws.getCallerIdentityOutput().accountId } };
  return [
    {
      Sid: { sns: "Topics", eventbridge: "Rules", s3: "Buckets" }[from],
      Effect: "Allow",
      Principal: { Service: services[from] },
      Action: "sqs:SendMessage",
      Resource: queueArn,
      Condition: { ArnEquals: { "aws:SourceArn": [...new Set(senders)] }, ...(from === "s3" ? account : {}) },
    },
  ];
}
