/** `tendril plan`: what it prints, and that it is what sst.config.ts would make. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reportOf } from "@tendril/cli/plan-report";
import { type PlannedResource, resourcesOf } from "@tendril/cli/plan-resources";
import { planText } from "@tendril/cli/plan-text";
import { databaseOf } from "@tendril/core/cost-database";
import { queueLinkName } from "@tendril/core/link";
import { type PermittedResource, type RolePlan, rolesOf, schedulerRoleNames } from "@tendril/core/permissions";
import type { Plan } from "@tendril/core/plan";
import { beforeAll, describe, expect, test } from "vitest";
import { tier as bareTier } from "./support/stacks/bare-tier.ts";
import { bare, type Case, cases, planOf, root, threeMinutesMs, tierFile, wide } from "./support/stacks/cases.ts";
import { inlineStatements, linkedQueue, named, ofType, statementsOf } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import { evaluated } from "./support/stacks/shared.ts";
import { longStage, tier as sourceTier } from "./support/stacks/source-tier.ts";
import type { Stack } from "./support/stacks/stack.ts";
import { wideStage, tier as wideTier } from "./support/stacks/wide-tier.ts";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function tendril(words: readonly string[], cwd = root): Promise<Ended> {
  return new Promise((resolve) => {
    const main = join(root, "packages/cli/src/main.ts");
    execFile(process.execPath, [main, "plan", ...words], { cwd, maxBuffer: 1e7 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe("what it prints", () => {
  test("is plain, at most 100 columns wide, and says where numbers come from and what they cost", async () => {
    const { code, stdout, stderr } = await tendril(["--jobs", "5000000", "--seconds", "0.3", "--memory", "1024"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for just those.
    expect(stdout).not.toMatch(/\u001b/);
    expect(stdout).not.toMatch(/undefined|NaN|\[object/);
    expect(stdout).toMatch(/visibility timeout +240 s +6 × function timeout 40 s \+ window 0 s/);
    expect(stdout).toContain("5,000,000 jobs of 0.3 s in 1024 MB");
    expect(stdout).toContain("2 × t4g.small");
  });

  test.each([
    ["a bare tier", bareTier, bare.plan, "test"],
    ["a wide tier in a stage with a long name", wideTier, wide.plan, wideStage],
    ["a tier with sources", sourceTier, planOf(sourceTier), longStage],
  ])("of %s fits a terminal, too", (_, tier, plan, stage) => {
    const command = { stage, jobsPerMonth: 1e9, secondsPerJob: 899.9, memoryMb: undefined, burst: 10_000, json: false };
    const text = planText(reportOf(tier, plan, command));
    expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(text).not.toMatch(/undefined|NaN|\[object/);
    for (const { name } of plan.queues) expect(text).toMatch(new RegExp(`queue +${name} `));
  });

  test("as JSON is the same, in a stable shape", async () => {
    const [json, text] = await Promise.all([tendril(["--json", "--stage", "me"]), tendril(["--stage", "me"])]);
    const report: unknown = JSON.parse(json.stdout);
    expect(report).toEqual({
      tier: "tendril",
      stage: "me",
      resources: expect.arrayContaining([{ kind: "queue", name: "jobs", text: expect.any(String) }]),
      numbers: expect.arrayContaining([
        {
          of: "function jobs-worker",
          path: "queues.jobs.worker.timeoutSeconds",
          label: "function timeout",
          value: 40,
          unit: "seconds",
          source: "derived",
          how: "longest job timeout 30 s (IncrementJob) + 10 s to settle",
        },
      ]),
      roles: expect.arrayContaining([
        {
          name: "migrate",
          assumedBy: "lambda.amazonaws.com",
          managedPolicies: ["AWSLambdaBasicExecutionRole"],
          statements: expect.any(Array),
        },
      ]),
      sources: 0,
      load: { jobsPerMonth: 100_000, secondsPerJob: 0.2, memoryMb: { jobs: 512 } },
      cost: {
        usd: expect.any(Number),
        awakeHours: expect.any(Number),
        runs: expect.any(Number),
        lines: expect.any(Array),
      },
      sleeping: null,
      beanstalk: expect.any(Array),
      bursts: null,
      assumptions: { tier: expect.any(Object), instance: expect.any(Object) },
      prices: { on: expect.any(String), region: "us-east-1", used: expect.any(Object) },
    });
    const { cost } = report as { cost: { usd: number } };
    expect(text.stdout).toMatch(new RegExp(`this tier +${cost.usd.toFixed(2)}\\b`));
  });

  test("of options that it does not have is a usage error", async () => {
    const { code, stdout, stderr } = await tendril(["--colour"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("The command line cannot be read");
  });

  test("of a tier that is refused is every reason", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tendril-plan-"));
    try {
      await cp(join(root, "packages/jobs"), join(folder, "packages/jobs"), { recursive: true });
      await symlink(join(root, "node_modules"), join(folder, "node_modules"));
      await writeFile(
        join(folder, "packages/jobs/src/tier.ts"),
        `import { IncrementJob } from "./increment-job.ts";
export const tier = {
  name: "App",
  queues: { jobs: { worker: { maximumConcurrency: 1, memoryMb: 64 } } },
  jobs: [IncrementJob],
};`,
      );
      const { code, stdout, stderr } = await tendril([], folder);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("3 problems");
      for (const where of ["name", "queues.jobs.worker.maximumConcurrency", "queues.jobs.worker.memoryMb"]) {
        expect(stderr).toContain(`  ${where}: given`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

const account = "123456789012";
const logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/** The logical name of a planned role. */
function logicalName(role: RolePlan, plan: Plan): string {
  if (role.name === schedulerRoleNames.schedules && role.assumedBy === "scheduler.amazonaws.com")
    return "SchedulerRole";
  if (role.name === schedulerRoleNames.later && role.assumedBy === "scheduler.amazonaws.com") return "LaterRole";
  if (role.name === plan.api.name) return "ApiHandlerRole";
  if (role.name === plan.migrate.name) return "MigrateRole";
  if (role.assumedBy === "pipes.amazonaws.com") return role.name;
  const queue = plan.queues.find(({ worker }) => worker.name === role.name)?.name ?? "";
  return queueLinkName(queue).replace(/Queue$/, "WorkerRole");
}

function arnOf(resource: PermittedResource, stack: Stack): unknown {
  switch (resource.kind) {
    case "queue":
      return linkedQueue(stack, resource.queue).arn;
    case "dead letters":
      return linkedQueue(stack, resource.queue).deadArn;
    case "schedule failures":
      return expect.stringMatching(/:ScheduleFailuresQueue$/);
    case "mapping": {
      const mapping = queueLinkName(resource.queue).replace(/Queue$/, "Mapping");
      return expect.stringMatching(new RegExp(`^arn:aws:lambda:.*:event-source-mapping:${mapping}$`));
    }
    case "database":
      return expect.stringMatching(/^arn:aws:rds:.*:cluster:PostgresCluster$/);
    case "database password":
      return expect.stringMatching(/^arn:aws:secretsmanager:.*:PostgresProxySecret$/);
    case "waiting schedules": {
      const { name } = named(stack, "scheduler/scheduleGroup:ScheduleGroup", "LaterSchedules").inputs;
      return expect.stringMatching(new RegExp(`:schedule/${String(name).replaceAll(".", "\\.")}/\\*$`));
    }
    case "role":
      return `arn:aws:iam::${account}:role/LaterRole`;
    case "stream":
      return expect.stringMatching(
        new RegExp(`:stream/.*${resource.stream.replace(/^.*\//, "")}$|${resource.stream}$`),
      );
    case "source failures":
      return expect.stringMatching(/:SourceFailuresQueue$/);
    case "message key":
      return expect.stringMatching(/MessageKey$|:key\//);
    case "inputs bucket":
      return expect.stringMatching(/:LargeInputsBucket$/);
    case "large inputs":
      return expect.stringMatching(/:LargeInputsBucket\/inputs\/\*$/);
    case "anything":
      return "*";
  }
}

/** What costs something or does something, and in which kind of the command's resources it is. */
const kinds: Readonly<Record<string, readonly PlannedResource["kind"][]>> = {
  "aws:sqs/queue:Queue": ["queue", "dead letters"],
  "aws:lambda/function:Function": ["function"],
  "aws:lambda/eventSourceMapping:EventSourceMapping": ["mapping"],
  "aws:scheduler/scheduleGroup:ScheduleGroup": ["schedule group"],
  "aws:scheduler/schedule:Schedule": ["schedule"],
  "aws:apigatewayv2/api:Api": ["HTTP API"],
  "aws:rds/clusterInstance:ClusterInstance": ["database"],
  "aws:secretsmanager/secret:Secret": ["secret"],
  "aws:ec2/vpc:Vpc": ["network"],
  "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": ["DNS zone"],
  "aws:cloudwatch/logGroup:LogGroup": ["log group"],
  "aws:kms/key:Key": ["key"],
  "aws:sns/topic:Topic": ["topic"],
  "aws:sns/topicSubscription:TopicSubscription": ["subscription"],
  "aws:cloudwatch/eventBus:EventBus": ["event bus"],
  "aws:cloudwatch/eventRule:EventRule": ["rule"],
  "aws:s3/bucket:Bucket": ["bucket"],
  "aws:s3/bucketNotification:BucketNotification": ["notification"],
  "aws:kinesis/stream:Stream": ["stream"],
  "aws:pipes/pipe:Pipe": ["pipe"],
  "aws:cloudwatch/metricAlarm:MetricAlarm": ["alarm"],
  "aws:cloudwatch/dashboard:Dashboard": ["dashboard"],
};

/** Parts of those, which are free. */
const free =
  /^aws:(?:apigatewayv2\/(?:integration|route|stage)|cloudwatch\/(?:eventTarget|logResourcePolicy)|ec2\/[a-zA-Z]+|iam\/[a-zA-Z]+|lambda\/(?:functionEventInvokeConfig|functionRecursionConfig|invocation|permission)|rds\/(?:cluster|clusterParameterGroup|parameterGroup|subnetGroup)|s3\/bucket(?:Cors|LifecycleConfiguration|Object|Policy|PublicAccessBlock|ServerSideEncryptionConfiguration|Versioning)[a-zA-Z0-9]*|secretsmanager\/secretVersion|sns\/topicPolicy|sqs\/(?:queuePolicy|redriveAllowPolicy)):/;

const replacedTier = { [tierFile]: 'export { tier } from "../../../test/support/stacks/source-tier.ts";' };

/** Every kind of source; evaluated as the test of the sources does it, so that the two share it. */
const withSources: Case = {
  name: "a tier with sources",
  plan: planOf(sourceTier),
  stage: longStage,
  replaced: replacedTier,
  stack: () => evaluated({ root, stage: longStage, replaced: replacedTier }),
};

describe.each([...cases, withSources])("$name: it is what would be deployed", ({ plan, stage, stack: evaluate }) => {
  let stack: Stack;
  beforeAll(async () => {
    await preparePlatform(root);
    stack = await evaluate();
  }, threeMinutesMs);

  test("there are no other roles, and each may do what is said, statement by statement, for the service that is said", () => {
    const planned = rolesOf(plan);
    const roles = ofType(stack, "iam/role:Role");
    expect(roles.map(({ name }) => name).sort()).toEqual(planned.map((role) => logicalName(role, plan)).sort());
    for (const role of planned) {
      const { inputs, name } = named(stack, "iam/role:Role", logicalName(role, plan));
      const statements = inlineStatements({ ...named(stack, "iam/role:Role", name) });
      expect(
        statements.map(({ Effect, Action, Resource, Condition }) => [
          Effect,
          [Action].flat(),
          [Resource].flat(),
          Condition,
        ]),
        name,
      ).toEqual(
        role.statements.map(({ actions, resources, condition }) => [
          "Allow",
          actions,
          resources.map((resource) => arnOf(resource, stack)),
          condition,
        ]),
      );
      expect(inputs.managedPolicyArns ?? [], name).toEqual(role.managedPolicies.map(() => logs));
      expect(statementsOf(inputs.assumeRolePolicy).map(({ Principal }) => Principal)).toEqual([
        { Service: role.assumedBy },
      ]);
    }
  });

  test("there are as many resources of each kind, and nothing that could cost something besides", () => {
    const resources = resourcesOf(plan, stage);
    const counted = Object.entries(kinds).map(([type, of]) => [
      type,
      resources.filter(({ kind }) => of.includes(kind)).length,
    ]);
    const found = Object.keys(kinds).map((type) => [type, ofType(stack, type).length]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(counted));
    const types = new Set(stack.resources.map(({ type }) => type).filter((type) => type.startsWith("aws:")));
    expect([...types].filter((type) => !(type in kinds) && !free.test(type))).toEqual([]);
  });

  test("the database has the capacity that is priced", () => {
    const { minimumAcu, maximumAcu, pauseAfterSeconds } = databaseOf(stage);
    expect(ofType(stack, "rds/cluster:Cluster").map(({ inputs }) => inputs.serverlessv2ScalingConfiguration)).toEqual([
      {
        minCapacity: minimumAcu,
        maxCapacity: maximumAcu,
        ...(minimumAcu === 0 ? { secondsUntilAutoPause: pauseAfterSeconds } : {}),
      },
    ]);
  });
});
