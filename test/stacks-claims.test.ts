/** The bucket for inputs that are too large for a message: nobody's but the tier's, and empty in the end. */
import { beforeAll, describe, expect, test } from "vitest";
import { bare, own, production, root, threeMinutesMs, wide } from "./support/stacks/cases.ts";
import { inside, named, ofType, statementsOf } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import { evaluated } from "./support/stacks/shared.ts";
import type { Stack } from "./support/stacks/stack.ts";

beforeAll(() => preparePlatform(root), threeMinutesMs);

const bucketsOf = (stack: Stack) => ofType(stack, "s3/bucket:Bucket");

test(
  "there is none unless the tier wants it, and nobody may do anything in S3",
  async () => {
    for (const { name, stack } of [own, production, bare]) {
      const evaluated = await stack();
      expect(bucketsOf(evaluated), name).toEqual([]);
      expect(JSON.stringify(ofType(evaluated, "iam/role:Role")), name).not.toContain("s3:");
    }
  },
  threeMinutesMs,
);

describe("the bucket", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await wide.stack();
  }, threeMinutesMs);

  test("goes with somebody's own stage, objects and all, and stays in production", async () => {
    expect(bucketsOf(stack)).toMatchObject([
      { name: "LargeInputsBucket", protect: false, retainOnDelete: false, inputs: { forceDestroy: true } },
    ]);
    const kept = await evaluated({ root, stage: "production", replaced: wide.replaced });
    expect(bucketsOf(kept)).toMatchObject([{ protect: true, retainOnDelete: true, inputs: { forceDestroy: false } }]);
  });

  test("is closed to the public, and to whoever does not use TLS", () => {
    const blocks = ofType(stack, "s3/bucketPublicAccessBlock:BucketPublicAccessBlock");
    const all = { blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true };
    expect(blocks).toMatchObject([{ inputs: all }]);
    const policies = ofType(stack, "s3/bucketPolicy:BucketPolicy").map(({ inputs }) => statementsOf(inputs.policy));
    expect(policies).toEqual([
      [
        {
          Effect: "Deny",
          Principal: { "*": ["*"] },
          Action: ["s3:*"],
          Resource: [expect.stringMatching(/LargeInputsBucket$/), expect.stringMatching(/LargeInputsBucket\/\*$/)],
          Condition: { Bool: { "aws:SecureTransport": ["false"] } },
        },
      ],
    ]);
  });

  test("forgets objects after as many days as the plan says, and nothing else", () => {
    const { largeInputs } = wide.plan;
    expect(largeInputs).toEqual({ kind: "s3", expiryDays: 44 });
    const { inputs } = named(
      stack,
      "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
      "LargeInputsLifecycle",
    );
    expect(inputs.rules).toEqual([
      { id: "expiry", status: "Enabled", expiration: { days: 44 }, filter: { prefix: "inputs/" } },
    ]);
  });

  test("is the one that API and workers are linked to", () => {
    const [bucket] = bucketsOf(stack);
    const linked = stack.functions.flatMap(({ name, links }) =>
      links.Claims === undefined ? [] : [[name, inside(links.Claims, "bucket")]],
    );
    const names = stack.functions.map(({ name }) => name).filter((name) => name !== "Migrate");
    expect(linked.sort()).toEqual(names.map((name) => [name, bucket?.inputs.bucket]).sort());
  });
});
