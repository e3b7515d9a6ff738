/** What would be deployed: the real sst.config.ts, evaluated by SST's own components, is held against the plan. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readCronYaml } from "@tendril/core/cron-yaml";
import { queueLinkName } from "@tendril/core/link";
import { type Plan, planTier } from "@tendril/core/plan";
import type { Tier } from "@tendril/core/tier";
import { tier } from "@tendril/jobs/tier";
import { beforeAll, describe, expect, test } from "vitest";
import { givenPassword } from "./support/stacks/aws-answers.ts";
import { EvaluationError, evaluate } from "./support/stacks/evaluate.ts";
import {
  byArn,
  deployedFunction,
  deployedQueues,
  inlineStatements,
  inside,
  ofType,
  statementsOf,
} from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import type { Stack } from "./support/stacks/stack.ts";
import { tier as wideTier } from "./support/stacks/wide-tier.ts";

const root = join(import.meta.dirname, "..");
const threeMinutesMs = 180_000;
const tierFile = "packages/jobs/src/tier.ts";
const account = "123456789012";

beforeAll(() => preparePlatform(root), threeMinutesMs);

function planOf(given: Tier): Plan {
  const cron = readCronYaml(readFileSync(join(root, given.cron ?? ""), "utf8"), given.cron ?? "");
  const result = planTier(given, cron.kind === "schedules" ? cron.schedules : []);
  if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

const cases = [
  { name: "the project's tier, stage test", plan: planOf(tier), stage: "test", replaced: {} },
  {
    name: "a wide tier, a long stage",
    plan: planOf(wideTier),
    stage: `feature-${"x".repeat(50)}`,
    replaced: { [tierFile]: 'export { tier } from "../../../test/support/stacks/wide-tier.ts";' },
  },
];

describe.each(cases)("$name", ({ plan, stage, replaced }) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await evaluate({ root, stage, replaced });
  }, threeMinutesMs);

  const queueOf = (queue: string): { url: string; arn: string } => {
    const link = ofType(stack, "sst:sst:LinkRef").find(({ name }) => name === `${queueLinkName(queue)}LinkRef`);
    return { url: String(inside(link?.inputs.properties, "url")), arn: String(inside(link?.inputs.properties, "arn")) };
  };
  const deadArnOf = (queue: string): unknown =>
    inside(byArn(stack, "sqs/queue:Queue", queueOf(queue).arn).inputs.redrivePolicy, "deadLetterTargetArn");

  test("has the tier's name", () => {
    expect(stack.app).toMatchObject({ name: plan.name, home: "aws", removal: "remove", protect: false });
  });

  test("queues, workers and mappings are the plan's, and there are no others", () => {
    const planned = plan.queues.map(({ name: _name, jobTypes: _types, deadLetter, worker, ...numbers }) => {
      const { name: _worker, ...functionNumbers } = worker;
      return {
        ...numbers,
        deadLetter: { fifo: numbers.fifo, retentionSeconds: deadLetter.retentionSeconds },
        worker: functionNumbers,
      };
    });
    const byQueue = (queue: unknown): string => String(inside(queue, "worker", "environment", "TENDRIL_QUEUE"));
    expect(Object.groupBy(deployedQueues(stack), byQueue)).toEqual(Object.groupBy(planned, byQueue));
    expect(ofType(stack, "sqs/queue:Queue")).toHaveLength(2 * plan.queues.length + 1); // and one for schedules
    expect(ofType(stack, "lambda/function:Function")).toHaveLength(plan.queues.length + 2);
  });

  test("each queue's mapping fills the queue's own worker, which may fail in part", () => {
    for (const { inputs } of ofType(stack, "lambda/eventSourceMapping:EventSourceMapping")) {
      expect(inputs.functionResponseTypes).toEqual(["ReportBatchItemFailures"]);
      const worker = byArn(stack, "lambda/function:Function", inputs.functionName);
      const queue = String(inside(worker.inputs.environment, "variables", "TENDRIL_QUEUE"));
      expect(inputs.eventSourceArn).toBe(queueOf(queue).arn);
    }
  });

  test("API and migrations are the plan's functions", () => {
    for (const { name, ...numbers } of [plan.api, plan.migrate]) {
      const built = stack.functions.filter(({ handler }) => handler === numbers.handler);
      expect(built, name).toHaveLength(1);
      expect(deployedFunction(stack, `:${built[0]?.name}Function`)).toEqual(numbers);
    }
  });

  test("every function runs on Node 24 and arm64, minified, with JSON logs that end", () => {
    for (const { name, inputs } of ofType(stack, "lambda/function:Function")) {
      expect(inputs, name).toMatchObject({
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        loggingConfig: { logFormat: "JSON" },
      });
    }
    expect(stack.functions.map(({ minify }) => minify)).not.toContain(false);
    for (const { name, inputs } of ofType(stack, "cloudwatch/logGroup:LogGroup")) {
      expect(inputs.retentionInDays, name).toBe(30);
    }
  });

  test("no function is in the VPC, and the VPC has no NAT", () => {
    for (const { inputs } of ofType(stack, "lambda/function:Function")) expect(inputs.vpcConfig).toBeUndefined();
    expect(ofType(stack, "ec2/natGateway:NatGateway")).toEqual([]);
    expect(ofType(stack, "ec2/instance:Instance")).toEqual([]);
  });

  test("schedules are the plan's, sent straight to their queues", () => {
    const deployed = ofType(stack, "scheduler/schedule:Schedule").map(({ inputs }) => ({
      ...inputs,
      target: {
        ...Object(inputs.target),
        input: JSON.parse(String(inside(inputs.target, "input"))),
      },
    }));
    const planned = plan.schedules.map((schedule) => ({
      name: schedule.name,
      groupName: expect.stringMatching(/^.{1,64}$/),
      scheduleExpression: schedule.expression,
      scheduleExpressionTimezone: schedule.timezone,
      flexibleTimeWindow: { mode: "OFF" },
      state: schedule.enabled ? "ENABLED" : "DISABLED",
      target: {
        arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        roleArn: expect.stringMatching(/:role\/SchedulerRole$/),
        deadLetterConfig: { arn: expect.stringMatching(/:ScheduleFailuresQueue$/) },
        retryPolicy: {
          maximumRetryAttempts: schedule.retry.attempts,
          maximumEventAgeInSeconds: schedule.retry.maximumAgeSeconds,
        },
        input: {
          QueueUrl: queueOf(schedule.queue).url,
          MessageBody: schedule.body,
          MessageAttributes: Object.fromEntries(
            Object.entries(schedule.attributes).map(([name, value]) => [
              name,
              { DataType: "String", StringValue: value },
            ]),
          ),
          ...(schedule.fifo && {
            MessageGroupId: schedule.fifo.messageGroupId,
            MessageDeduplicationId: schedule.fifo.messageDeduplicationId,
          }),
        },
      },
    }));
    expect(planned.length).toBeGreaterThan(0);
    expect(deployed).toHaveLength(planned.length);
    expect(deployed).toEqual(expect.arrayContaining(planned));
  });

  test("every queue is encrypted, takes TLS only, and a dead-letter queue takes its own queue's messages only", () => {
    for (const { name, inputs } of ofType(stack, "sqs/queue:Queue")) {
      expect(inputs.sqsManagedSseEnabled, name).toBe(true);
      const policies = ofType(stack, "sqs/queuePolicy:QueuePolicy").filter((policy) =>
        String(policy.inputs.queueUrl).endsWith(`/${name}`),
      );
      expect(policies, name).toHaveLength(1);
      expect(statementsOf(policies[0]?.inputs.policy)).toEqual([
        {
          Sid: "TlsOnly",
          Effect: "Deny",
          Principal: "*",
          Action: "sqs:*",
          Resource: expect.stringMatching(new RegExp(`:${name}$`)),
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ]);
    }
    const allowed = ofType(stack, "sqs/redriveAllowPolicy:RedriveAllowPolicy").map(({ inputs }) => [
      String(inputs.queueUrl).split("/").at(-1),
      inside(inputs.redriveAllowPolicy, "redrivePermission"),
      inside(inputs.redriveAllowPolicy, "sourceQueueArns"),
    ]);
    const expected = plan.queues.map(({ name }) => [
      String(deadArnOf(name)).split(":").at(-1),
      "byQueue",
      [queueOf(name).arn],
    ]);
    expect(allowed.sort()).toEqual(expected.sort());
  });

  test("no role can do everything, or anything to everything", () => {
    const roles = ofType(stack, "iam/role:Role");
    expect(roles).toHaveLength(plan.queues.length + 3);
    for (const role of roles) {
      for (const { Effect, Action, Resource } of inlineStatements(role)) {
        expect(Effect, role.name).toBe("Allow");
        for (const text of [Action, Resource].flat()) expect(text, role.name).toMatch(/^[^*]+$/);
      }
      const logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
      expect(role.inputs.managedPolicyArns ?? [], role.name).toEqual(role.name === "SchedulerRole" ? [] : [logs]);
    }
  });

  test("each role has what its function does, and no more", () => {
    const roleOf = (handler: string, queue?: string): string => {
      const built = stack.functions.filter((each) => each.handler === handler);
      const own = queue === undefined ? built[0] : built.find(({ links }) => queueLinkName(queue) in links);
      return `${own?.name}Role`;
    };
    const allowances = (roleName: string): unknown[] =>
      ofType(stack, "iam/role:Role")
        .filter(({ name }) => name === roleName)
        .flatMap(inlineStatements)
        .map(({ Action, Resource }) => [Action, Resource]);
    const database = [
      [["secretsmanager:GetSecretValue"], [expect.stringMatching(/^arn:aws:secretsmanager:.*:PostgresProxySecret$/)]],
      [
        [
          "BatchExecuteStatement",
          "BeginTransaction",
          "CommitTransaction",
          "ExecuteStatement",
          "RollbackTransaction",
        ].map((action) => `rds-data:${action}`),
        [expect.stringMatching(/^arn:aws:rds:.*:cluster:PostgresCluster$/)],
      ],
    ];
    for (const { name, worker } of plan.queues) {
      expect(allowances(roleOf(worker.handler, name)), name).toEqual([
        [
          ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
          [queueOf(name).arn],
        ],
        [["sqs:SendMessage"], [deadArnOf(name)]],
        ...database,
      ]);
    }
    expect(allowances(roleOf(plan.migrate.handler))).toEqual(database);
    expect(allowances(roleOf(plan.api.handler))).toEqual([
      [["sqs:SendMessage"], plan.queues.map(({ name }) => queueOf(name).arn)],
    ]);
    const scheduled = plan.queues.filter(({ name }) => plan.schedules.some(({ queue }) => queue === name));
    expect(allowances("SchedulerRole")).toEqual([
      [
        ["sqs:SendMessage"],
        [...scheduled.map(({ name }) => queueOf(name).arn), expect.stringMatching(/:ScheduleFailuresQueue$/)],
      ],
    ]);
  });

  test("a role can be assumed by its own service alone, Scheduler's only for this stage's group", () => {
    for (const { name, inputs } of ofType(stack, "iam/role:Role")) {
      const [trust, ...others] = statementsOf(inputs.assumeRolePolicy);
      expect(others, name).toEqual([]);
      expect(trust, name).toMatchObject({ Effect: "Allow", Action: "sts:AssumeRole" });
      if (name !== "SchedulerRole") expect(trust?.Principal, name).toEqual({ Service: "lambda.amazonaws.com" });
    }
    const [group] = ofType(stack, "scheduler/scheduleGroup:ScheduleGroup");
    const [role] = ofType(stack, "iam/role:Role").filter(({ name }) => name === "SchedulerRole");
    expect(statementsOf(role?.inputs.assumeRolePolicy)[0]).toMatchObject({
      Principal: { Service: "scheduler.amazonaws.com" },
      Condition: {
        StringEquals: {
          "aws:SourceAccount": account,
          "aws:SourceArn": `arn:aws:scheduler:eu-west-1:${account}:schedule-group/${group?.inputs.name}`,
        },
      },
    });
  });

  test("every route of the API asks for IAM, leads to the API's function, and is throttled; no other site may call it", () => {
    const routes = ofType(stack, "apigatewayv2/route:Route");
    expect(routes.map(({ inputs }) => [inputs.routeKey, inputs.authorizationType])).toEqual([["$default", "AWS_IAM"]]);
    const [integration] = ofType(stack, "apigatewayv2/integration:Integration");
    expect(integration?.inputs).toMatchObject({ integrationType: "AWS_PROXY", payloadFormatVersion: "2.0" });
    expect(deployedFunction(stack, integration?.inputs.integrationUri)).toMatchObject({ handler: plan.api.handler });
    const [stageOfApi] = ofType(stack, "apigatewayv2/stage:Stage");
    expect(stageOfApi?.inputs.defaultRouteSettings).toEqual({ throttlingRateLimit: 100, throttlingBurstLimit: 200 });
    expect(ofType(stack, "apigatewayv2/api:Api")[0]?.inputs.corsConfiguration).toEqual({});
    expect(ofType(stack, "lambda/functionUrl:FunctionUrl")).toEqual([]);
  });

  test("a function knows what its entry point reads, and nothing else", () => {
    const linked = Object.fromEntries(
      stack.functions.map(({ handler, links }) => [
        `${handler} ${Object.keys(links).filter((link) => link !== "Database")}`,
        Object.fromEntries(
          Object.entries(links).map(([name, { type: _type, ...values }]) => [name, Object.keys(values).sort()]),
        ),
      ]),
    );
    const queue = ["arn", "deadLetterUrl", "url"];
    const database = ["clusterArn", "database", "secretArn"];
    const all = plan.queues.map(({ name }) => queueLinkName(name));
    expect(linked).toEqual({
      ...Object.fromEntries(
        plan.queues.map(({ name, worker }) => [
          `${worker.handler} ${queueLinkName(name)}`,
          { Database: database, [queueLinkName(name)]: queue },
        ]),
      ),
      [`${plan.api.handler} ${all}`]: Object.fromEntries(all.map((name) => [name, queue])),
      [`${plan.migrate.handler} `]: { Database: database },
    });
  });

  test("the password is in the database's own two resources, encrypted, and nowhere else", () => {
    const holders = stack.resources.filter(
      // SST writes down what could be linked to: nothing links to the cluster itself, as the test above shows.
      ({ type, inputs }) => type !== "sst:sst:LinkRef" && JSON.stringify(inputs).includes(givenPassword),
    );
    expect(holders.map(({ name, secretInputs }) => [name, secretInputs]).sort()).toEqual([
      ["PostgresCluster", ["masterPassword"]],
      ["PostgresProxySecretVersion", ["secretString"]],
    ]);
    expect(JSON.stringify(stack.functions)).not.toContain(givenPassword);
  });

  test("the database is Aurora PostgreSQL 17 with the Data API, and sleeps", () => {
    const [cluster] = ofType(stack, "rds/cluster:Cluster");
    expect(cluster?.inputs).toMatchObject({
      engine: "aurora-postgresql",
      engineVersion: "17",
      databaseName: plan.name.replaceAll("-", "_"),
      enableHttpEndpoint: true,
      storageEncrypted: true,
      serverlessv2ScalingConfiguration: { minCapacity: 0, maxCapacity: 4, secondsUntilAutoPause: 300 },
    });
  });

  test("migrations run with their folders, once the database answers and before any worker's new code", () => {
    const [run] = ofType(stack, "lambda/invocation:Invocation");
    const migrate = stack.functions.find(({ handler }) => handler === plan.migrate.handler);
    expect(migrate?.copied).toEqual(["packages/ledger/migrations", "packages/jobs/migrations"]);
    expect(run?.inputs.functionName).toMatch(/MigrateFunction-/);
    expect(run?.inputs.triggers).toEqual({
      migrations: expect.stringMatching(/^[0-9a-f]{64}$/),
      cluster: expect.stringMatching(/:cluster:PostgresCluster$/),
    });
    const namesOf = (urns: readonly string[] = []): (string | undefined)[] => urns.map((urn) => urn.split("::").at(-1));
    expect(namesOf(run?.dependencies)).toEqual(
      expect.arrayContaining(["PostgresInstance", "PostgresProxySecretVersion"]),
    );
    for (const { inputs } of ofType(stack, "lambda/eventSourceMapping:EventSourceMapping")) {
      const worker = byArn(stack, "lambda/function:Function", inputs.functionName);
      expect(namesOf(worker.dependencies), worker.name).toContain("Migrations");
    }
  });

  test("names are as long as AWS lets them be, at most, and of letters that it takes", () => {
    // https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html, each service's own quotas
    const limits: Readonly<Record<string, [input: string, rule: RegExp]>> = {
      "aws:lambda/function:Function": ["name", /^[\w-]{1,64}$/],
      "aws:iam/role:Role": ["name", /^[\w-]{1,64}$/],
      "aws:sqs/queue:Queue": ["name", /^[\w-]{1,80}$|^(?=.{1,80}$)[\w-]+\.fifo$/],
      "aws:scheduler/schedule:Schedule": ["name", /^[\w.-]{1,64}$/],
      "aws:scheduler/scheduleGroup:ScheduleGroup": ["name", /^[\w.-]{1,64}$/],
      "aws:rds/cluster:Cluster": ["clusterIdentifier", /^[a-z][a-z0-9-]{0,62}$/],
      "aws:rds/clusterInstance:ClusterInstance": ["identifier", /^[a-z][a-z0-9-]{0,62}$/],
      "aws:cloudwatch/logGroup:LogGroup": ["name", /^[\w/-]{1,512}$/],
      "aws:apigatewayv2/api:Api": ["name", /^[\w-]{1,128}$/],
    };
    for (const [type, [input, rule]] of Object.entries(limits)) {
      const named = ofType(stack, type).filter(({ name }) => name !== "SchedulerRole"); // Pulumi names it
      expect(named, type).not.toEqual([]);
      for (const { name, inputs } of named) expect(inputs[input], `${type} ${name}`).toMatch(rule);
    }
  });

  test("no input is half resolved", () => {
    for (const { urn, inputs } of stack.resources) {
      expect(JSON.stringify(inputs), urn).not.toMatch(/undefined|\[object |Calling \[toString\]/);
    }
  });
});

test(
  "what holds data outlives mistakes in production",
  async () => {
    const stack = await evaluate({ root, stage: "production" });
    expect(stack.app).toMatchObject({ removal: "retain", protect: true });
    const kept = [
      "sqs/queue:Queue",
      "rds/cluster:Cluster",
      "secretsmanager/secret:Secret",
      "secretsmanager/secretVersion:SecretVersion",
    ];
    for (const type of kept) {
      const found = ofType(stack, type);
      expect(found, type).not.toEqual([]);
      for (const { name, retainOnDelete } of found) expect(retainOnDelete, name).toBe(true);
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
  "sst dev lets no schedule fire, runs two batches at most, and really runs the migrations",
  async () => {
    const stack = await evaluate({ root, stage: "someone", dev: true });
    expect(ofType(stack, "scheduler/schedule:Schedule").map(({ inputs }) => inputs.state)).toEqual(["DISABLED"]);
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
