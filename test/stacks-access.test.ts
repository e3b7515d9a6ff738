/** Who may do what, and who knows what, in what would be deployed. */
import { queueLinkName } from "@tendril/core/link";
import { beforeAll, describe, expect, test } from "vitest";
import { givenPassword } from "./support/stacks/aws-answers.ts";
import { cases, root, threeMinutesMs } from "./support/stacks/cases.ts";
import { inlineStatements, linkedQueue, named, ofType, statementsOf } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import type { BuiltFunction, Stack } from "./support/stacks/stack.ts";

const account = "123456789012";
const region = "eu-west-1";

/** Roles that EventBridge Scheduler assumes, and the group that each is for. */
const schedulerRoles = { SchedulerRole: "Schedules", LaterRole: "LaterSchedules" } as const;

type SchedulerRole = keyof typeof schedulerRoles;

const isSchedulerRole = (name: string): name is SchedulerRole => name in schedulerRoles;

const workerName = (queue: string): string => queueLinkName(queue).replace(/Queue$/, "Worker");

const mappingName = (queue: string): string => queueLinkName(queue).replace(/Queue$/, "Mapping");

beforeAll(() => preparePlatform(root), threeMinutesMs);

describe.each(cases)("$name", ({ plan, stack: evaluated }) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await evaluated();
  }, threeMinutesMs);

  const groupName = (role: SchedulerRole): string =>
    String(named(stack, "scheduler/scheduleGroup:ScheduleGroup", schedulerRoles[role]).inputs.name);
  const laterSchedules = (): string => `arn:aws:scheduler:${region}:${account}:schedule/${groupName("LaterRole")}/*`;
  const bucketArn = `arn:aws:s3:${region}:${account}:LargeInputsBucket`;
  const largeInputs = (): string => `${bucketArn}/inputs/*`;
  const withBucket = (...allowed: unknown[]): unknown[] => (plan.largeInputs.kind === "s3" ? allowed : []);
  const mainQueues = (): string[] => plan.queues.map(({ name }) => linkedQueue(stack, name).arn);
  /** With a key of its own, whatever sends or receives must be able to use it, and it alone. */
  const keyUse = (): unknown[] =>
    plan.encryption === "kms"
      ? [[["kms:GenerateDataKey", "kms:Decrypt"], [`arn:aws:kms:${region}:${account}:MessageKey`]]]
      : [];
  const functionOf = (handler: string, queue?: string): BuiltFunction => {
    const built = stack.functions.filter((each) => each.handler === handler);
    const own = queue === undefined ? built : built.filter(({ name }) => name === workerName(queue));
    if (own.length === 1 && own[0] !== undefined) return own[0];
    throw new Error(`${own.length} functions have the handler ${handler}`);
  };
  const allowances = (role: string): unknown[] =>
    inlineStatements(named(stack, "iam/role:Role", role)).map(({ Action, Resource, Condition }) =>
      Condition === undefined ? [Action, Resource] : [Action, Resource, Condition],
    );

  test("no role can do everything, or anything to everything but report traces, which have no resources", () => {
    const roles = ofType(stack, "iam/role:Role");
    expect(roles).toHaveLength(plan.queues.length + (plan.schedules.length === 0 ? 3 : 4));
    for (const role of roles) {
      for (const { Effect, Action, Resource } of inlineStatements(role)) {
        expect(Effect, role.name).toBe("Allow");
        if (Action[0] === "xray:PutTraceSegments") continue;
        for (const text of [Action, Resource].flat()) {
          if (text !== laterSchedules() && text !== largeInputs()) expect(text, role.name).toMatch(/^[^*]+$/);
        }
      }
      const logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
      expect(role.inputs.managedPolicyArns ?? [], role.name).toEqual(role.name in schedulerRoles ? [] : [logs]);
    }
  });

  test("each function's role has what it does, and no more", () => {
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
    const traces = [["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]];
    const later = [
      [["scheduler:CreateSchedule"], [laterSchedules()]],
      [
        ["iam:PassRole"],
        [`arn:aws:iam::${account}:role/LaterRole`],
        { StringEquals: { "iam:PassedToService": ["scheduler.amazonaws.com"] } },
      ],
    ];
    for (const { name, worker } of plan.queues) {
      const { arn, deadArn } = linkedQueue(stack, name);
      expect(allowances(`${functionOf(worker.handler, name).name}Role`), name).toEqual([
        [["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"], [arn]],
        [["sqs:SendMessage"], [...mainQueues(), deadArn]],
        ...keyUse(),
        ...withBucket([["s3:PutObject", "s3:GetObject"], [largeInputs()]], [["s3:ListBucket"], [bucketArn]]),
        traces,
        ...database,
        ...later,
      ]);
    }
    expect(allowances(`${functionOf(plan.migrate.handler).name}Role`)).toEqual(database);
    expect(allowances(`${functionOf(plan.api.handler).name}Role`)).toEqual([
      [["sqs:SendMessage", "sqs:GetQueueAttributes"], mainQueues()],
      [
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
        plan.queues.map(({ name }) => linkedQueue(stack, name).deadArn),
      ],
      ...keyUse(),
      ...withBucket([["s3:PutObject"], [largeInputs()]]),
      traces,
      ...database,
      ...later,
      [
        ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
        plan.queues.map(({ name }) => `arn:aws:lambda:${region}:${account}:event-source-mapping:${mappingName(name)}`),
      ],
    ]);
  });

  test("Scheduler may send to the queues of the plan's schedules, and jobs that wait to any; else to its failures only", () => {
    const failures = expect.stringMatching(/:ScheduleFailuresQueue$/);
    const scheduled = plan.queues.filter(({ name }) => plan.schedules.some(({ queue }) => queue === name));
    const targets = scheduled.map(({ name }) => linkedQueue(stack, name).arn);
    if (scheduled.length > 0) {
      expect(allowances("SchedulerRole")).toEqual([[["sqs:SendMessage"], [...targets, failures]], ...keyUse()]);
    }
    expect(allowances("LaterRole")).toEqual([[["sqs:SendMessage"], [...mainQueues(), failures]], ...keyUse()]);
  });

  test("a role can be assumed by its own service alone, Scheduler's only for their own group of this stage", () => {
    for (const { name, inputs } of ofType(stack, "iam/role:Role")) {
      const trusts = statementsOf(inputs.assumeRolePolicy);
      expect(trusts, name).toEqual([expect.objectContaining({ Effect: "Allow", Action: "sts:AssumeRole" })]);
      if (!isSchedulerRole(name)) {
        expect(trusts[0]?.Principal, name).toEqual({ Service: "lambda.amazonaws.com" });
        continue;
      }
      expect(trusts[0], name).toMatchObject({
        Principal: { Service: "scheduler.amazonaws.com" },
        Condition: {
          StringEquals: {
            "aws:SourceAccount": account,
            "aws:SourceArn": `arn:aws:scheduler:${region}:${account}:schedule-group/${groupName(name)}`,
          },
        },
      });
    }
  });

  test("a function knows what its entry point reads, and nothing else", () => {
    const linked = (handler: string, queue?: string): object =>
      Object.fromEntries(
        Object.entries(functionOf(handler, queue).links).map(([name, { type: _type, ...values }]) => [
          name,
          Object.keys(values).sort(),
        ]),
      );
    const queues = plan.queues.map(({ name }) => [queueLinkName(name), ["arn", "deadLetterUrl", "url"]]);
    const claims = plan.largeInputs.kind === "s3" ? { Claims: ["bucket"] } : {};
    const later = { Later: ["deadLetterArn", "groupName", "roleArn"] };
    const senders = { ...Object.fromEntries(queues), ...later, ...claims };
    const database = { Database: ["clusterArn", "database", "secretArn"] };
    for (const { name, worker } of plan.queues) {
      expect(linked(worker.handler, name), name).toEqual({ ...database, ...senders });
    }
    const mappings = { Mappings: plan.queues.map(({ name }) => queueLinkName(name)).sort() };
    expect(linked(plan.api.handler)).toEqual({ ...database, ...senders, ...mappings });
    expect(linked(plan.migrate.handler)).toEqual(database);
  });

  test("the link for jobs that wait names their group, their role and the queue for failures", () => {
    const { Later } = functionOf(plan.api.handler).links;
    expect(Later).toMatchObject({
      groupName: groupName("LaterRole"),
      roleArn: `arn:aws:iam::${account}:role/LaterRole`,
      deadLetterArn: expect.stringMatching(/:ScheduleFailuresQueue$/),
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
});
