/** What tells people that something is wrong: alarms on metrics that exist, of resources that exist. */
import { Metrics } from "@aws-lambda-powertools/metrics";
import { publishBatch } from "@tendril/worker/batch-metrics";
import { beforeAll, describe, expect, test } from "vitest";
import { cases, production, root, threeMinutesMs, wide } from "./support/stacks/cases.ts";
import { inside, linkedQueue, named, ofType, statementsOf } from "./support/stacks/graph.ts";
import { awsMetrics, type DashboardLine, dashboardLines, nameOf } from "./support/stacks/metrics.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import { runDeployedWorker } from "./support/stacks/run-deployed.ts";
import type { Resource, Stack } from "./support/stacks/stack.ts";

const account = "123456789012";
const region = "eu-west-1";

beforeAll(() => preparePlatform(root), threeMinutesMs);

const alarmsOf = (stack: Stack): Resource[] => ofType(stack, "cloudwatch/metricAlarm:MetricAlarm");

/** The alarms on a metric, as what they watch and from when on. */
function watched(stack: Stack, namespace: string, metric: string): unknown[] {
  return alarmsOf(stack)
    .filter(({ inputs }) => inputs.namespace === namespace && inputs.metricName === metric)
    .map(({ inputs }) => ({
      ...Object(inputs.dimensions),
      threshold: inputs.threshold,
      seconds: Number(inputs.period) * Number(inputs.evaluationPeriods),
    }));
}

/** In any order: resources are registered as their inputs become known. */
function expectSame(found: readonly unknown[], expected: readonly unknown[]): void {
  expect(found).toHaveLength(expected.length);
  expect(found).toEqual(expect.arrayContaining([...expected]));
}

const withSeconds = (watches: readonly object[], seconds: number): object[] =>
  watches.map((watch) => ({ ...watch, seconds }));

describe.each([production, wide])("$name", ({ plan, stage, stack: evaluated }) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await evaluated();
  }, threeMinutesMs);

  const queueName = (arn: string): unknown => named(stack, "sqs/queue:Queue", arn.split(":").at(-1) ?? "").inputs.name;
  const workerName = (queue: string): unknown =>
    ofType(stack, "lambda/function:Function").find(
      ({ inputs }) => inside(inputs.environment, "variables", "TENDRIL_QUEUE") === queue,
    )?.inputs.name;
  const failureQueues = (): number => (plan.sources.length > 0 ? 2 : 1);
  const groups = (): unknown[] =>
    ofType(stack, "scheduler/scheduleGroup:ScheduleGroup").map(({ inputs }) => inputs.name);

  test("every alarm watches a metric that AWS publishes, of a resource of this stage, and tells the topic", () => {
    expect(alarmsOf(stack)).toHaveLength(4 * plan.queues.length + failureQueues() + 6 + 2);
    for (const { name, inputs } of alarmsOf(stack)) {
      const metric = awsMetrics.find((each) => each.namespace === inputs.namespace && each.name === inputs.metricName);
      const dimensions = Object.entries(Object(inputs.dimensions));
      expect(metric, name).toBeDefined();
      expect(metric?.dimensions, name).toContainEqual(dimensions.map(([dimension]) => dimension));
      for (const [dimension, value] of dimensions) expect(nameOf(stack, dimension), name).toContain(value);
      expect(metric?.statistics, name).toContain(inputs.statistic);
      expect(inputs, name).toMatchObject({
        alarmActions: [`arn:aws:sns:${region}:${account}:Alarms`],
        comparisonOperator: "GreaterThanOrEqualToThreshold",
        treatMissingData: "notBreaching",
      });
      expect(inputs.okActions, name).toBeUndefined();
      expect(Number(inputs.period) % 60, name).toBe(0);
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: a day at most
      expect(Number(inputs.period) * Number(inputs.evaluationPeriods), name).toBeLessThanOrEqual(86_400);
    }
  });

  test("every dead-letter queue, and the queues of Scheduler's and the sources' failures, has an alarm at its first letter", () => {
    const holders = ofType(stack, "sqs/queue:Queue").filter(({ inputs }) => inputs.redrivePolicy === undefined);
    expect(holders).toHaveLength(plan.queues.length + failureQueues());
    expectSame(
      watched(stack, "AWS/SQS", "ApproximateNumberOfMessagesVisible"),
      holders.map(({ inputs }) => ({ QueueName: inputs.name, threshold: 1, seconds: 60 })),
    );
  });

  test("every queue has an alarm at the plan's age of its oldest message", () => {
    expectSame(
      watched(stack, "AWS/SQS", "ApproximateAgeOfOldestMessage"),
      plan.queues.map(({ name, alarmAfterSeconds }) => ({
        QueueName: queueName(linkedQueue(stack, name).arn),
        threshold: alarmAfterSeconds,
        seconds: 60,
      })),
    );
  });

  test("every worker has an alarm at its first error, and when it is throttled for a quarter of an hour", () => {
    const workers = plan.queues.map(({ name }) => ({ FunctionName: workerName(name), threshold: 1 }));
    expectSame(watched(stack, "AWS/Lambda", "Errors"), withSeconds(workers, 300));
    expectSame(watched(stack, "AWS/Lambda", "Throttles"), withSeconds(workers, 900));
  });

  test("both groups of schedules have alarms at the first run that is given up, and when SQS takes none", () => {
    for (const [metric, seconds] of [
      ["InvocationDroppedCount", 60],
      ["InvocationsFailedToBeSentToDeadLetterCount", 60],
      ["TargetErrorCount", 900],
    ] as const) {
      const expected = groups().map((group) => ({ ScheduleGroup: group, threshold: 1, seconds }));
      expect(expected).toHaveLength(2);
      expectSame(watched(stack, "AWS/Scheduler", metric), expected);
    }
  });

  test("the API has an alarm at its first 5xx, the database when it is at its limit for a quarter of an hour", () => {
    expect(watched(stack, "AWS/ApiGateway", "5xx")).toEqual([
      { ApiId: expect.stringMatching(/./), Stage: "$default", threshold: 1, seconds: 300 },
    ]);
    expect(watched(stack, "AWS/RDS", "ACUUtilization")).toEqual([
      { DBClusterIdentifier: expect.stringMatching(/./), threshold: 90, seconds: 900 },
    ]);
  });

  test("alarms have names and descriptions of their own, which AWS takes", () => {
    const names = alarmsOf(stack).map(({ inputs }) => String(inputs.name));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name.startsWith(`${plan.name}-${stage}: `), name).toBe(true);
    for (const { name, inputs } of alarmsOf(stack)) {
      expect(String(inputs.alarmDescription).length, name).toBeGreaterThan(40);
      expect(String(inputs.alarmDescription).length, name).toBeLessThanOrEqual(1024);
    }
  });

  test("the topic takes alarms of this account only, over TLS only; the tier's address is subscribed to it", () => {
    const topic = `arn:aws:sns:${region}:${account}:Alarms`;
    const policies = ofType(stack, "sns/topicPolicy:TopicPolicy");
    expect(policies.map(({ inputs }) => inputs.arn)).toEqual([topic]);
    expect(statementsOf(policies[0]?.inputs.policy)).toEqual([
      {
        Sid: "OwnAlarms",
        Effect: "Allow",
        Principal: { Service: "cloudwatch.amazonaws.com" },
        Action: "sns:Publish",
        Resource: topic,
        Condition: {
          StringEquals: { "aws:SourceAccount": account },
          ArnLike: { "aws:SourceArn": `arn:aws:cloudwatch:${region}:${account}:alarm:*` },
        },
      },
      {
        Sid: "TlsOnly",
        Effect: "Deny",
        Principal: "*",
        Action: "sns:Publish",
        Resource: topic,
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ]);
    const subscriptions = ofType(stack, "sns/topicSubscription:TopicSubscription").map(({ inputs }) => inputs);
    const { email } = plan.monitoring;
    expect(subscriptions).toEqual(email === undefined ? [] : [{ topic, protocol: "email", endpoint: email }]);
  });

  describe("the dashboard", () => {
    const widgets = (): unknown[] => {
      const [dashboard] = ofType(stack, "cloudwatch/dashboard:Dashboard");
      return [inside(dashboard?.inputs.dashboardBody, "widgets")].flat();
    };
    const lines = (): DashboardLine[] => widgets().flatMap(dashboardLines);

    test("is one that CloudWatch takes", () => {
      expect(ofType(stack, "cloudwatch/dashboard:Dashboard")).toHaveLength(1);
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
      expect(widgets().length).toBeLessThanOrEqual(500);
      for (const widget of widgets()) {
        const { type, width, height, properties } = Object(widget);
        expect(width).toBeGreaterThanOrEqual(1);
        expect(width).toBeLessThanOrEqual(24);
        expect(height).toBeGreaterThanOrEqual(1);
        if (type === "text") {
          expect(Object.keys(properties)).toEqual(["markdown"]);
          continue;
        }
        expect(type).toBe("metric");
        expect(properties).toMatchObject({ view: "timeSeries", region, title: expect.stringMatching(/./) });
        expect([60, 300]).toContain(properties.period);
        expect(properties.metrics.length).toBeGreaterThan(0);
        expect(properties.metrics.length).toBeLessThanOrEqual(500);
      }
    });

    test("draws metrics that AWS publishes, of resources of this stage", () => {
      const drawn = lines().flatMap((line) => (line.kind === "metric" ? [line] : []));
      expect(drawn.length).toBeGreaterThan(8 * plan.queues.length);
      for (const { namespace, metric, dimensions, stat } of drawn) {
        const known = awsMetrics.find((each) => each.namespace === namespace && each.name === metric);
        expect(known, `${namespace} ${metric}`).toBeDefined();
        expect(known?.dimensions, metric).toContainEqual(Object.keys(dimensions));
        for (const [dimension, value] of Object.entries(dimensions)) {
          expect(nameOf(stack, dimension), metric).toContain(value);
        }
        expect(known?.statistics, metric).toContain(stat);
      }
    });

    test("shows of each queue its depth, age, worker and what was deleted, and of all of them the database's capacity", () => {
      const drawn = lines().flatMap((line) => (line.kind === "metric" ? [line] : []));
      const of = (value: unknown): string[] =>
        drawn.filter(({ dimensions }) => Object.values(dimensions).includes(String(value))).map(({ metric }) => metric);
      for (const { name } of plan.queues) {
        const { arn, deadArn } = linkedQueue(stack, name);
        expect(of(queueName(arn))).toEqual([
          "ApproximateNumberOfMessagesVisible",
          "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed",
          "ApproximateAgeOfOldestMessage",
          "NumberOfMessagesSent",
          "NumberOfMessagesDeleted",
        ]);
        expect(of(queueName(deadArn))).toEqual(["ApproximateNumberOfMessagesVisible"]);
        expect(of(workerName(name))).toEqual(["ConcurrentExecutions", "Errors", "Throttles"]);
      }
      expect(drawn.map(({ metric }) => metric)).toContain("ServerlessDatabaseCapacity");
    });

    test("finds what the workers publish: of each queue how long its jobs took, and what became of them", () => {
      const searches = lines().flatMap((line) => (line.kind === "search" ? [line] : []));
      for (const { name } of plan.queues) {
        const own = searches.filter(({ queue }) => queue === name);
        expect(own.map(({ metric, stat }) => [metric, stat])).toEqual([
          ["JobDuration", "p95"],
          ["JobsDone", "Sum"],
          ["JobsRetried", "Sum"],
          ["JobsDead", "Sum"],
          ["JobsDuplicate", "Sum"],
        ]);
        for (const { namespace } of own) expect(namespace).toBe(`${plan.name}-${stage}`);
      }
      expect(searches).toHaveLength(5 * plan.queues.length);
    });
  });
});

test(
  "a stage that the tier does not name has no alarm, no topic and no dashboard",
  async () => {
    for (const { plan, stage, stack } of cases) {
      const types = ["cloudwatch/metricAlarm:MetricAlarm", "sns/topic:Topic", "cloudwatch/dashboard:Dashboard"];
      const evaluated = await stack();
      const isThere = types.map((type) => ofType(evaluated, type).length > 0);
      expect(isThere, stage).toEqual(types.map(() => plan.monitoring.stages.includes(stage)));
    }
  },
  threeMinutesMs,
);

describe("what the dashboard finds is what the workers publish", () => {
  const trace = "1-5759e988-bd862e3fe1be46a994272793";
  let searches: Extract<DashboardLine, { kind: "search" }>[];
  let lines: Record<string, unknown>[];
  beforeAll(async () => {
    const stack = await production.stack();
    const [dashboard] = ofType(stack, "cloudwatch/dashboard:Dashboard");
    searches = [inside(dashboard?.inputs.dashboardBody, "widgets")]
      .flat()
      .flatMap(dashboardLines)
      .flatMap((line) => (line.kind === "search" ? [line] : []));
    lines = await runDeployedWorker({ root, trace: `Root=${trace};Sampled=1` }, stack, "jobs");
  }, threeMinutesMs);

  test("the namespace and the dimensions, of the entry point as it is deployed", () => {
    const [document] = lines.filter((line) => "_aws" in line);
    const [{ Namespace, Dimensions }] = Object(inside(document, "_aws", "CloudWatchMetrics"));
    expect(Dimensions).toHaveLength(1);
    expect(document).toMatchObject({ queue: "jobs", job_type: "unknown" });
    expect(searches).not.toEqual([]);
    for (const { namespace, dimensions, metric } of searches) {
      expect(namespace, metric).toBe(Namespace);
      expect(dimensions, metric).toEqual([...Dimensions[0]].sort());
    }
  });

  test("the metrics, each with the statistic that its unit asks for", () => {
    const published = new Map<string, string>();
    const metrics = new Metrics({ namespace: "any", serviceName: "any" });
    const log = (line: string): void => {
      for (const { Name, Unit } of Object(inside(line, "_aws", "CloudWatchMetrics"))[0].Metrics)
        published.set(Name, Unit);
    };
    Reflect.set(metrics, "console", { log });
    const kinds = ["done", "retry", "dead", "duplicate"] as const;
    publishBatch(
      metrics,
      "jobs",
      kinds.map((kind) => ({ jobType: "Mail", kind, ms: 1 })),
    );
    for (const { metric, stat } of searches) {
      expect([metric, published.get(metric)]).toEqual([metric, stat === "Sum" ? "Count" : "Milliseconds"]);
    }
  });

  test("the worker's log lines carry the trace that X-Ray shows", () => {
    const [line] = lines.filter(({ message }) => String(message).startsWith("job "));
    expect(line).toMatchObject({ xray_trace_id: trace });
  });
});
