/** What depends on the stage, and what is refused before anything is made. */
import { tier } from "@tendril/jobs/tier";
import { beforeAll, expect, test } from "vitest";
import { own, production, root, threeMinutesMs, tierFile, wide } from "./support/stacks/cases.ts";
import { EvaluationError, evaluate } from "./support/stacks/evaluate.ts";
import { named, ofType, statementsOf } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import { evaluated } from "./support/stacks/shared.ts";

beforeAll(() => preparePlatform(root), threeMinutesMs);

test(
  "what holds data outlives mistakes in production",
  async () => {
    const stack = await production.stack();
    expect(stack.app).toMatchObject({ removal: "retain", protect: true });
    const group = named(stack, "scheduler/scheduleGroup:ScheduleGroup", "LaterSchedules"); // jobs that wait
    expect(group).toMatchObject({ protect: true, retainOnDelete: true });
    const kept = [
      "sqs/queue:Queue",
      "rds/cluster:Cluster",
      "secretsmanager/secret:Secret",
      "secretsmanager/secretVersion:SecretVersion",
    ];
    for (const type of kept) {
      const found = ofType(stack, type);
      expect(found, type).not.toEqual([]);
      for (const { name, retainOnDelete, protect } of found) {
        expect([retainOnDelete, protect], name).toEqual([true, true]);
      }
    }
    expect(ofType(stack, "rds/cluster:Cluster")[0]?.inputs).toMatchObject({
      deletionProtection: true,
      backupRetentionPeriod: 7,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: `${tier.name}-production-final`,
      serverlessv2ScalingConfiguration: { minCapacity: 0.5, maxCapacity: 4 },
    });
  },
  threeMinutesMs,
);

test(
  "a personal stage is nobody's but its owner's: it goes whole, and its database sleeps",
  async () => {
    const stack = await own.stack();
    expect(stack.app).toMatchObject({ removal: "remove", protect: false });
    for (const { name, retainOnDelete, protect, type } of stack.resources) {
      if (!type.startsWith("aws:") || type === "aws:s3/bucketObjectv2:BucketObjectv2") continue;
      expect([retainOnDelete, protect], name).toEqual([false, false]);
    }
    const [cluster] = ofType(stack, "rds/cluster:Cluster");
    expect(cluster?.inputs).toMatchObject({
      skipFinalSnapshot: true,
      serverlessv2ScalingConfiguration: { minCapacity: 0, maxCapacity: 4, secondsUntilAutoPause: 300 },
    });
    expect(cluster?.inputs.deletionProtection ?? false).toBe(false);
  },
  threeMinutesMs,
);

test(
  "a key of the tier's own outlives mistakes in production too, and is turned",
  async () => {
    const stack = await evaluated({ root, stage: "production", replaced: wide.replaced });
    const keys = ofType(stack, "kms/key:Key");
    expect(keys).toMatchObject([{ protect: true, retainOnDelete: true, inputs: { enableKeyRotation: true } }]);
  },
  threeMinutesMs,
);

test(
  "production's protection can be lifted for a deployment, on purpose; nothing is deleted even so",
  async () => {
    const stack = await evaluated({ root, stage: "production", environment: { TENDRIL_UNPROTECT: "1" } });
    expect(stack.app).toMatchObject({ removal: "retain", protect: false });
    expect(stack.resources.filter(({ protect }) => protect)).toEqual([]);
    for (const { name, retainOnDelete } of ofType(stack, "sqs/queue:Queue")) expect(retainOnDelete, name).toBe(true);
  },
  threeMinutesMs,
);

test(
  "sst dev lets no schedule fire, runs two batches at most, and really runs the migrations",
  async () => {
    const stack = await evaluated({ root, stage: "someone", dev: true });
    const states = ofType(stack, "scheduler/schedule:Schedule").map(({ inputs }) => inputs.state);
    expect(new Set(states)).toEqual(new Set(["DISABLED"]));
    expect(
      ofType(stack, "lambda/eventSourceMapping:EventSourceMapping").map(({ inputs }) => inputs.scalingConfig),
    ).toEqual([{ maximumConcurrency: 2 }]);
    const isStandIn = ofType(stack, "lambda/function:Function").map(({ name, inputs }) => [name, inputs.handler]);
    expect(Object.fromEntries(isStandIn)).toEqual({
      JobsWorkerFunction: "bootstrap",
      ApiHandlerFunction: "bootstrap",
      MigrateFunction: "bundle.handler",
    });
    expect(ofType(stack, "lambda/invocation:Invocation")).toHaveLength(1);
    const [migrateRole] = ofType(stack, "iam/role:Role").filter(({ name }) => name === "MigrateRole");
    expect(statementsOf(migrateRole?.inputs.assumeRolePolicy).map(({ Principal }) => Principal)).toEqual([
      { Service: "lambda.amazonaws.com" },
    ]);
  },
  threeMinutesMs,
);

test(
  "sst dev has no alarms, also in a stage that would have them: its functions stand still when nobody looks",
  async () => {
    const stack = await evaluated({ root, stage: wide.stage, dev: true, replaced: wide.replaced });
    expect(ofType(stack, "lambda/eventSourceMapping:EventSourceMapping")).toHaveLength(wide.plan.queues.length);
    expect(stack.resources.filter(({ type }) => /metricAlarm|dashboard|sns\/topic:/.test(type))).toEqual([]);
  },
  threeMinutesMs,
);

/** Why the stack was refused, and that nothing of it had been made. */
async function refusalOf(options: Omit<Parameters<typeof evaluate>[0], "root">): Promise<string> {
  const error = await evaluate({ root, ...options }).catch((thrown: unknown) => thrown);
  if (!(error instanceof EvaluationError)) throw new Error("the stack was not refused", { cause: error });
  expect(error.resources.map(({ type }) => type)).toEqual(["pulumi:pulumi:Stack"]);
  return error.message;
}

test(
  "a tier that the plan refuses is refused with the plan's message, before anything is made",
  async () => {
    const source = `
    import { defineTier } from "@tendril/core/tier";
    export const tier = defineTier({ name: "refused", queues: { jobs: { worker: { maximumConcurrency: 1 } } }, jobs: [] });`;
    const message = await refusalOf({ replaced: { [tierFile]: source } });
    expect(message).toContain("queues.jobs.worker.maximumConcurrency");
    expect(message).toContain("2 to 1000");
  },
  threeMinutesMs,
);

test(
  "a cron.yaml that cannot be read as one is refused with its lines, before anything is made",
  async () => {
    const source = `
    import { defineTier } from "@tendril/core/tier";
    export const tier = defineTier({ name: "refused", queues: { jobs: {} }, jobs: [], cron: "package.json" });`;
    expect(await refusalOf({ replaced: { [tierFile]: source } })).toMatch(/package\.json:1:1.*version: 1/);
  },
  threeMinutesMs,
);

test(
  "production cannot be run by sst dev",
  async () => {
    expect(await refusalOf({ stage: "production", dev: true })).toContain("sst dev: given the stage production");
  },
  threeMinutesMs,
);
