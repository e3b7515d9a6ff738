/** Messages at rest: encrypted by SQS, or by a key that the tier's roles may use through SQS, and nobody else. */
import { beforeAll, describe, expect, test } from "vitest";
import { bare, own, production, root, threeMinutesMs, wide } from "./support/stacks/cases.ts";
import { inlineStatements, inside, ofType, statementsOf } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import type { Stack } from "./support/stacks/stack.ts";

const account = "123456789012";
const region = "eu-west-1";
const keyArn = `arn:aws:kms:${region}:${account}:MessageKey`;

beforeAll(() => preparePlatform(root), threeMinutesMs);

test(
  "SQS encrypts every queue by itself, unless the tier wants a key of its own",
  async () => {
    for (const { name, stack } of [own, production, bare]) {
      const evaluated = await stack();
      expect(ofType(evaluated, "kms/key:Key"), name).toEqual([]);
      for (const { inputs } of ofType(evaluated, "sqs/queue:Queue")) {
        expect(inputs, name).toMatchObject({ sqsManagedSseEnabled: true });
        expect(inputs, name).not.toHaveProperty("kmsMasterKeyId");
      }
      expect(JSON.stringify(evaluated.resources), name).not.toContain("kms:");
    }
  },
  threeMinutesMs,
);

describe("with a key of the tier's own", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await wide.stack();
  }, threeMinutesMs);

  const keyPolicy = () => statementsOf(ofType(stack, "kms/key:Key")[0]?.inputs.policy);

  test("it encrypts every queue, the dead-letter queues and Scheduler's failures too, and the alarms' topic", () => {
    const queues = ofType(stack, "sqs/queue:Queue");
    expect(queues.length).toBeGreaterThanOrEqual(2 * wide.plan.queues.length + 1);
    for (const { name, inputs } of [...queues, ...ofType(stack, "sns/topic:Topic")]) {
      expect(inputs.kmsMasterKeyId, name).toBe(keyArn);
      expect(inputs, name).not.toHaveProperty("sqsManagedSseEnabled"); // AWS takes one of the two
    }
    expect(ofType(stack, "sns/topic:Topic")).toHaveLength(1);
  });

  test("it encrypts the bucket for large inputs, which asks KMS seldom", () => {
    const rule = {
      applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: keyArn },
      bucketKeyEnabled: true,
    };
    const type = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration";
    expect(ofType(stack, type).map(({ inputs }) => inputs.rules)).toEqual([[rule]]);
  });

  test("it is turned every year, and its deletion can be called off for a month", () => {
    expect(ofType(stack, "kms/key:Key")).toMatchObject([
      { inputs: { enableKeyRotation: true, deletionWindowInDays: 30 } },
    ]);
  });

  test("whoever sends or receives may use it, and no other role may", () => {
    for (const role of ofType(stack, "iam/role:Role")) {
      const statements = inlineStatements(role);
      const usesQueues = statements.some(({ Action }) => [Action].flat().includes("sqs:SendMessage"));
      const keyStatements = statements.filter(({ Action }) =>
        [Action].flat().some((action) => action.startsWith("kms:")),
      );
      const grant = { Effect: "Allow", Action: ["kms:GenerateDataKey", "kms:Decrypt"], Resource: [keyArn] };
      expect(keyStatements, role.name).toEqual(usesQueues ? [grant] : []);
    }
    expect(ofType(stack, "iam/role:Role").map(({ name }) => name)).toContain("MigrateRole"); // it has none
  });

  test("the account's own people may look after it, but use it through SQS and S3 only", () => {
    const owner = { AWS: `arn:aws:iam::${account}:root` };
    const [care, use] = keyPolicy().filter(({ Principal }) => inside(Principal, "AWS") === owner.AWS);
    for (const action of [care?.Action].flat()) {
      expect(action).toMatch(/^kms:[A-Za-z]+$/);
      expect(action).not.toMatch(/Encrypt|Decrypt|GenerateDataKey|Sign|CreateGrant/);
    }
    // Without these nobody could ever change or remove it: AWS refuses such a policy.
    expect(care?.Action).toEqual(expect.arrayContaining(["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"]));
    expect(use).toMatchObject({
      Action: ["kms:GenerateDataKey", "kms:Decrypt"],
      Condition: { StringEquals: { "kms:ViaService": [`sqs.${region}.amazonaws.com`, `s3.${region}.amazonaws.com`] } },
    });
  });

  test("its policy names nobody else but CloudWatch, whose alarms go to the topic, and the services of the tier's sources", () => {
    const services = keyPolicy().flatMap(({ Principal, Action }) => {
      const service = inside(Principal, "Service");
      return service === undefined ? [] : [{ service, Action }];
    });
    expect(services.map(({ service }) => service)).toContain("cloudwatch.amazonaws.com");
    expect(services).toHaveLength(wide.plan.sources.length > 0 ? 2 : 1);
    for (const { Action } of services) expect(Action).toEqual(["kms:GenerateDataKey", "kms:Decrypt"]);
    for (const { Effect, Resource, Principal } of keyPolicy()) {
      expect([Effect, Resource]).toEqual(["Allow", "*"]); // in a key's policy: this key
      expect(JSON.stringify(Principal)).not.toContain("*");
    }
  });
});
