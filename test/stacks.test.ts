/** What would be deployed: the real sst.config.ts, evaluated by SST's own components, is held against the plan. */
import { purgeJobType } from "@tendril/core/built-in";
import { beforeAll, describe, expect, test } from "vitest";
import { bare, cases, root, threeMinutesMs } from "./support/stacks/cases.ts";
import {
  byArn,
  deployedFunction,
  deployedQueues,
  inside,
  linkedQueue,
  named,
  ofType,
  statementsOf,
} from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import type { Stack } from "./support/stacks/stack.ts";

beforeAll(() => preparePlatform(root), threeMinutesMs);

describe.each(cases)("$name", ({ plan, stage, stack: evaluated }) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await evaluated();
  }, threeMinutesMs);

  test("has the tier's name", () => {
    expect(stack.app).toMatchObject({
      name: plan.name,
      home: "aws",
      removal: stage === "production" ? "retain" : "remove",
      protect: stage === "production",
    });
  });

  test("queues, workers and mappings are the plan's, and there are no others", () => {
    const planned = plan.queues.map((queue) => {
      // The age at which its alarm goes off is held against the plan with the alarms.
      const { name: _name, jobTypes: _types, alarmAfterSeconds: _alarm, deadLetter, worker, ...numbers } = queue;
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
      expect(inputs.eventSourceArn).toBe(linkedQueue(stack, queue).arn);
    }
  });

  test("API and migrations are the plan's functions", () => {
    for (const { name, ...numbers } of [plan.api, plan.migrate]) {
      const built = stack.functions.filter(({ handler }) => handler === numbers.handler);
      expect(built, name).toHaveLength(1);
      expect(deployedFunction(stack, `:${built[0]?.name}Function`)).toEqual(numbers);
    }
  });

  test("every function runs on Node 24 and arm64, minified and split, with its source maps and JSON logs that end", () => {
    for (const { name, inputs } of ofType(stack, "lambda/function:Function")) {
      expect(inputs, name).toMatchObject({
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        loggingConfig: { logFormat: "JSON", logGroup: expect.stringMatching(/^\/aws\/lambda\//) },
      });
    }
    const options = stack.functions.map(({ minify, sourcemap, splitting }) => [minify, sourcemap, splitting].join());
    expect(new Set(options)).toEqual(new Set(["true,true,true"]));
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
    const stageGroup =
      `${plan.name}-${stage}`.length <= 64 ? `${plan.name}-${stage}` : expect.stringMatching(/^.{64}$/);
    const planned = plan.schedules.map((schedule) => ({
      name: schedule.name,
      groupName: stageGroup,
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
          QueueUrl: linkedQueue(stack, schedule.queue).url,
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
    const hasLedger = plan.schedules.some(({ jobType }) => jobType === purgeJobType);
    expect(hasLedger).toBe(plan !== bare.plan);
    expect(deployed).toHaveLength(planned.length);
    expect(deployed).toEqual(expect.arrayContaining(planned));
  });

  test("a worker's chain of follow-ups may be longer than what Lambda takes for a loop", () => {
    const allowed = ofType(stack, "lambda/functionRecursionConfig:FunctionRecursionConfig").map(({ inputs }) => [
      inputs.functionName,
      inputs.recursiveLoop,
    ]);
    const workers = ofType(stack, "lambda/eventSourceMapping:EventSourceMapping").map(
      ({ inputs }) => byArn(stack, "lambda/function:Function", inputs.functionName).inputs.name,
    );
    expect(workers).toHaveLength(plan.queues.length);
    expect(Object.fromEntries(allowed)).toEqual(Object.fromEntries(workers.map((name) => [name, "Allow"])));
  });

  test("jobs that wait have a schedule group of their own, which nothing else is in", () => {
    const groups = ofType(stack, "scheduler/scheduleGroup:ScheduleGroup").map(({ inputs }) => inputs.name);
    expect(groups).toHaveLength(plan.schedules.length === 0 ? 1 : 2);
    expect(new Set(groups).size).toBe(groups.length);
    const { name } = named(stack, "scheduler/scheduleGroup:ScheduleGroup", "LaterSchedules").inputs;
    expect(ofType(stack, "scheduler/schedule:Schedule").map(({ inputs }) => inputs.groupName)).not.toContain(name);
  });

  test("every queue takes TLS only, and a dead-letter queue takes its own queue's messages only", () => {
    for (const { name } of ofType(stack, "sqs/queue:Queue")) {
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
      linkedQueue(stack, name).deadArn.split(":").at(-1),
      "byQueue",
      [linkedQueue(stack, name).arn],
    ]);
    expect(allowed.sort()).toEqual(expected.sort());
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

  test("the database is Aurora PostgreSQL 17 with the Data API, in private subnets, and nobody reaches it from outside", () => {
    const [cluster] = ofType(stack, "rds/cluster:Cluster");
    expect(cluster?.inputs).toMatchObject({
      engine: "aurora-postgresql",
      engineVersion: "17",
      databaseName: plan.name.replaceAll("-", "_"),
      enableHttpEndpoint: true,
      storageEncrypted: true,
    });
    const [subnets] = ofType(stack, "rds/subnetGroup:SubnetGroup");
    const isPrivate = (id: unknown): boolean =>
      ofType(stack, "ec2/subnet:Subnet").some(
        ({ name, inputs }) => String(id).includes(name) && inputs.mapPublicIpOnLaunch !== true,
      );
    expect(subnets?.inputs.subnetIds).toHaveLength(2);
    for (const id of [subnets?.inputs.subnetIds].flat()) {
      expect(id).toMatch(/Private/);
      expect(isPrivate(id), String(id)).toBe(true);
    }
    for (const { name, inputs } of ofType(stack, "rds/clusterInstance:ClusterInstance")) {
      expect(inputs.publiclyAccessible ?? false, name).toBe(false);
    }
    for (const { name, inputs } of ofType(stack, "ec2/defaultSecurityGroup:DefaultSecurityGroup").concat(
      ofType(stack, "ec2/securityGroup:SecurityGroup"),
    )) {
      const from = [inputs.ingress].flat().map((rule) => inside(rule, "cidrBlocks"));
      expect(JSON.stringify(from), name).not.toContain("0.0.0.0/0");
    }
  });

  test("the API's function has the cron.yaml whose schedules it tells of, and no other files", () => {
    const api = stack.functions.find(({ handler }) => handler === plan.api.handler);
    expect(api?.copied).toEqual(
      plan.schedules.some(({ builtIn }) => !builtIn) ? [expect.stringMatching(/cron\.yaml$/)] : [],
    );
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
      "aws:scheduler/scheduleGroup:ScheduleGroup": ["name", /^[\w.-]{1,64}$/],
      "aws:rds/cluster:Cluster": ["clusterIdentifier", /^[a-z][a-z0-9-]{0,62}$/],
      "aws:rds/clusterInstance:ClusterInstance": ["identifier", /^[a-z][a-z0-9-]{0,62}$/],
      "aws:cloudwatch/logGroup:LogGroup": ["name", /^[\w/-]{1,512}$/],
      "aws:apigatewayv2/api:Api": ["name", /^[\w-]{1,128}$/],
    };
    const optional: typeof limits = {
      "aws:scheduler/schedule:Schedule": ["name", /^[\w.-]{1,64}$/],
      "aws:cloudwatch/metricAlarm:MetricAlarm": ["name", /^[\x20-\x7e]{1,255}$/],
      "aws:cloudwatch/dashboard:Dashboard": ["dashboardName", /^[\w-]{1,255}$/],
      "aws:sns/topic:Topic": ["name", /^[\w-]{1,256}$/],
    };
    for (const [type, [input, rule]] of Object.entries(optional)) {
      for (const { name, inputs } of ofType(stack, type)) expect(inputs[input], `${type} ${name}`).toMatch(rule);
    }
    for (const [type, [input, rule]] of Object.entries(limits)) {
      const given = ofType(stack, type).filter(({ inputs }) => type !== "aws:iam/role:Role" || "name" in inputs); // else Pulumi names it
      expect(given, type).not.toEqual([]);
      for (const { name, inputs } of given) expect(inputs[input], `${type} ${name}`).toMatch(rule);
    }
  });

  test("no input is half resolved", () => {
    for (const { urn, inputs } of stack.resources) {
      expect(JSON.stringify(inputs), urn).not.toMatch(/undefined|\[object |Calling \[toString\]/);
    }
  });
});
