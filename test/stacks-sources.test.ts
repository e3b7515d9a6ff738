/** Sources in what would be deployed: who may send what to which queue, and what becomes of what cannot be sent. */
import { beforeAll, describe, expect, test } from "vitest";
import { planOf, root, threeMinutesMs, tierFile } from "./support/stacks/cases.ts";
import { inlineStatements, inside, linkedQueue, named, ofType, statementsOf } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import { evaluated } from "./support/stacks/shared.ts";
import { longStage, there, tier } from "./support/stacks/source-tier.ts";
import type { Resource, Stack } from "./support/stacks/stack.ts";

const stage = longStage;
const account = "123456789012";
const plan = planOf(tier);
const failures = `arn:aws:sqs:eu-west-1:${account}:SourceFailuresQueue`;

let stack: Stack;
beforeAll(async () => {
  await preparePlatform(root);
  const source = 'export { tier } from "../../../test/support/stacks/source-tier.ts";';
  stack = await evaluated({ root, stage, replaced: { [tierFile]: source } });
}, threeMinutesMs);

const mainArn = (queue: string): string => linkedQueue(stack, queue).arn;
const arnOf = (type: string, name: string): unknown => {
  const { inputs } = named(stack, type, name);
  return expect.stringMatching(new RegExp(`:${inputs.name === undefined ? name : `(?:${inputs.name}|${name})`}$`));
};
const ruleArn = (name: string): unknown => arnOf("cloudwatch/eventRule:EventRule", name);
const topicArn = (): unknown => arnOf("sns/topic:Topic", "orders");

function policyOf(queueArn: string): Resource {
  const name = queueArn.split(":").at(-1);
  const found = ofType(stack, "sqs/queuePolicy:QueuePolicy").filter(({ inputs }) =>
    String(inputs.queueUrl).endsWith(`/${name}`),
  );
  if (found.length === 1 && found[0] !== undefined) return found[0];
  throw new Error(`${found.length} policies of ${name}`);
}

/** Statements that let somebody in, as they stand in a queue's policy. */
const allowances = (queueArn: string) =>
  statementsOf(policyOf(queueArn).inputs.policy).filter(({ Effect }) => Effect === "Allow");

const allowed = (Sid: string, service: string, Resource: string, senders: unknown[], others = {}) => ({
  Sid,
  Effect: "Allow",
  Principal: { Service: `${service}.amazonaws.com` },
  Action: "sqs:SendMessage",
  Resource,
  Condition: { ArnEquals: { "aws:SourceArn": senders }, ...others },
});

describe("a queue lets in", () => {
  test("its own topics and rules, and nobody else of their services", () => {
    expect(allowances(mainArn("jobs"))).toEqual([
      allowed("Topics", "sns", mainArn("jobs"), [topicArn(), there.topic]),
      allowed("Rules", "events", mainArn("jobs"), [
        ruleArn("jobs-Paid-eventbridge"),
        ruleArn("jobs-Paid-eventbridge-2"),
        ruleArn("jobs-Order-eventbridge"),
      ]),
    ]);
  });

  test("its own buckets, of this account only, since a bucket's name may one day be another's", () => {
    const buckets = [expect.stringMatching(/:PicturesBucketBucket$/), there.bucket];
    expect(allowances(mainArn("pictures"))).toEqual([
      allowed("Buckets", "s3", mainArn("pictures"), buckets, { StringEquals: { "aws:SourceAccount": account } }),
    ]);
  });

  test("nobody, when it has no sources or those of a pipe, which has a role; and no dead-letter queue anybody", () => {
    const queues = plan.queues.map(({ name }) => linkedQueue(stack, name));
    for (const arn of [mainArn("clicks"), mainArn("bare"), ...queues.map(({ deadArn }) => deadArn)]) {
      expect(allowances(arn), arn).toEqual([]);
    }
  });

  test("topics and rules to the queue for what they could not send, and TLS only", () => {
    expect(allowances(failures).map(({ Principal, Resource }) => [Principal, Resource])).toEqual([
      [{ Service: "sns.amazonaws.com" }, failures],
      [{ Service: "events.amazonaws.com" }, failures],
    ]);
    const statements = ofType(stack, "sqs/queuePolicy:QueuePolicy").map(({ inputs }) => statementsOf(inputs.policy));
    for (const policy of statements)
      expect(policy).toContainEqual(expect.objectContaining({ Sid: "TlsOnly", Effect: "Deny" }));
  });

  test("nobody to everything: no allowance has a * in its principal, action or resource", () => {
    for (const { inputs } of ofType(stack, "sqs/queuePolicy:QueuePolicy")) {
      for (const { Effect, ...statement } of statementsOf(inputs.policy)) {
        if (Effect === "Allow") expect(JSON.stringify(statement)).not.toContain("*");
      }
    }
  });
});

test("the services that send may use the queues' own key", () => {
  const [key] = ofType(stack, "kms/key:Key");
  const services = ["sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"];
  expect(statementsOf(key?.inputs.policy)).toContainEqual({
    Sid: "Sources",
    Effect: "Allow",
    Principal: { Service: services },
    Action: ["kms:GenerateDataKey", "kms:Decrypt"],
    Resource: "*",
  });
});

test("each SNS source is a subscription of its topic, with the envelope unless it says otherwise, and its own dead letters", () => {
  const subscriptions = ofType(stack, "sns/topicSubscription:TopicSubscription").map(({ inputs }) => inputs);
  const subscription = (topic: unknown) => ({
    topic,
    protocol: "sqs",
    endpoint: mainArn("jobs"),
    rawMessageDelivery: false,
    redrivePolicy: JSON.stringify({ deadLetterTargetArn: failures }),
  });
  expect(subscriptions).toHaveLength(2);
  expect(subscriptions).toEqual(expect.arrayContaining([subscription(topicArn()), subscription(there.topic)]));
});

test("each EventBridge source is a rule of its bus with one target, which has dead letters", () => {
  const rules = ofType(stack, "cloudwatch/eventRule:EventRule");
  const facts = rules.map(({ name, inputs }) => [name, inputs.eventBusName, JSON.parse(String(inputs.eventPattern))]);
  expect(facts.sort()).toEqual([
    ["jobs-Order-eventbridge", there.bus, { "detail-type": ["Order"] }],
    ["jobs-Paid-eventbridge", "default", { "detail-type": ["Paid"] }],
    ["jobs-Paid-eventbridge-2", expect.stringMatching(/:shop$/), { "detail-type": ["Paid late"] }],
  ]);
  for (const { name, inputs } of rules) {
    expect(named(stack, "cloudwatch/eventTarget:EventTarget", name).inputs).toEqual({
      eventBusName: inputs.eventBusName,
      rule: inputs.name,
      arn: mainArn("jobs"),
      deadLetterConfig: { arn: failures },
    });
  }
});

test("the notifications of a bucket stand in one list, made when the queue lets the bucket in", () => {
  const lists = ofType(stack, "s3/bucketNotification:BucketNotification");
  const notification = (id: string, differing: object) => ({
    id,
    queueArn: mainArn("pictures"),
    events: ["s3:ObjectCreated:*"],
    filterPrefix: "",
    filterSuffix: "",
    ...differing,
  });
  expect(lists.map(({ inputs }) => [inputs.bucket, inputs.queues]).sort()).toEqual([
    [
      "PicturesBucketBucket",
      [
        notification("pictures-Picture-s3", { filterPrefix: "in/" }),
        notification("pictures-Picture-s3-2", { events: ["s3:ObjectRemoved:*"] }),
      ],
    ],
    ["our-old-pictures", [notification("pictures-Picture-s3-3", { filterSuffix: ".jpg" })]],
  ]);
  for (const { dependencies } of lists) {
    expect(dependencies.map((urn) => urn.split("::").at(-1))).toContain(policyOf(mainArn("pictures")).name);
  }
  for (const { inputs } of ofType(stack, "s3/bucketPublicAccessBlock:BucketPublicAccessBlock")) {
    expect(inputs).toMatchObject({ blockPublicAcls: true, blockPublicPolicy: true, restrictPublicBuckets: true });
  }
});

describe("each Kinesis source is a pipe", () => {
  const names = ["clicks-Click-kinesis", "clicks-Click-kinesis-2"];

  test("from the stream's beginning to the queue, record by record", () => {
    const pipes = ofType(stack, "pipes/pipe:Pipe");
    expect(pipes.map(({ name }) => name).sort()).toEqual(names);
    for (const { name, inputs } of pipes) {
      expect(inputs, name).toMatchObject({
        source: name === names[0] ? expect.stringMatching(/:clicks$/) : there.stream,
        target: mainArn("clicks"),
        roleArn: expect.stringMatching(new RegExp(`:role/${name}$`)),
        sourceParameters: {
          kinesisStreamParameters: {
            startingPosition: "TRIM_HORIZON",
            batchSize: 10,
            deadLetterConfig: { arn: failures },
          },
        },
      });
    }
  });

  test.each(names)(
    "%s has a role that only this pipe may assume, to read this stream and send to this queue",
    (name) => {
      const role = named(stack, "iam/role:Role", name);
      const pipe = named(stack, "pipes/pipe:Pipe", name).inputs;
      expect(statementsOf(role.inputs.assumeRolePolicy)).toEqual([
        {
          Effect: "Allow",
          Principal: { Service: "pipes.amazonaws.com" },
          Action: "sts:AssumeRole",
          Condition: {
            StringEquals: {
              "aws:SourceAccount": account,
              "aws:SourceArn": `arn:aws:pipes:eu-west-1:${account}:pipe/${pipe.name}`,
            },
          },
        },
      ]);
      const read = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"];
      expect(inlineStatements(role)).toEqual([
        { Effect: "Allow", Action: read.map((action) => `kinesis:${action}`), Resource: [pipe.source] },
        { Effect: "Allow", Action: ["sqs:SendMessage"], Resource: [mainArn("clicks"), failures] },
        {
          Effect: "Allow",
          Action: ["kms:GenerateDataKey", "kms:Decrypt"],
          Resource: [expect.stringMatching(/:MessageKey$/)],
        },
      ]);
      expect(role.inputs.managedPolicyArns ?? []).toEqual([]);
    },
  );
});

test("what is made has the name by which its worker knows it, and streams are encrypted", () => {
  const nameOf = (type: string) => ofType(stack, type).map(({ inputs }) => inputs.name);
  expect(nameOf("sns/topic:Topic")).toContain(`sources-${stage}-orders`);
  expect(nameOf("cloudwatch/eventBus:EventBus")).toEqual([`sources-${stage}-shop`]);
  expect(nameOf("kinesis/stream:Stream")).toEqual([`sources-${stage}-clicks`]);
  expect(ofType(stack, "kinesis/stream:Stream")[0]?.inputs).toMatchObject({ encryptionType: "KMS" });
});

test("names are as long as AWS lets them be, at most, and of letters that it takes", () => {
  const limits: Readonly<Record<string, [input: string, rule: RegExp]>> = {
    "sns/topic:Topic": ["name", /^[\w-]{1,256}$/],
    "cloudwatch/eventBus:EventBus": ["name", /^[\w./-]{1,256}$/],
    "cloudwatch/eventRule:EventRule": ["name", /^[\w.-]{1,64}$/],
    "kinesis/stream:Stream": ["name", /^[\w.-]{1,128}$/],
    "pipes/pipe:Pipe": ["name", /^[\w.-]{1,64}$/],
    "s3/bucket:Bucket": ["bucket", /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/],
  };
  for (const [type, [input, rule]] of Object.entries(limits)) {
    const resources = ofType(stack, type);
    expect(resources, type).not.toEqual([]);
    for (const { name, inputs } of resources) expect(inputs[input], `${type} ${name}`).toMatch(rule);
  }
  for (const name of ["clicks-Click-kinesis", "clicks-Click-kinesis-2"]) {
    expect(named(stack, "iam/role:Role", name).inputs.namePrefix).toMatch(/^[\w-]{1,38}$/);
  }
});

test("what could not be sent is kept for 14 days, in a queue that is encrypted and has an alarm", () => {
  const queue = named(stack, "sqs/queue:Queue", "SourceFailuresQueue");
  expect(queue.inputs).toMatchObject({ messageRetentionSeconds: 1_209_600, fifoQueue: false });
  expect(queue.inputs.kmsMasterKeyId).toMatch(/:MessageKey$/);
  const watched = ofType(stack, "cloudwatch/metricAlarm:MetricAlarm").map(({ inputs }) =>
    inside(inputs.dimensions, "QueueName"),
  );
  expect(watched).toContain(queue.inputs.name);
});

test("no input is half resolved", () => {
  for (const { urn, inputs } of stack.resources) {
    expect(JSON.stringify(inputs), urn).not.toMatch(/undefined|\[object |Calling \[toString\]/);
  }
});
