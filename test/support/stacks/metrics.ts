/** CloudWatch metrics: which AWS publishes, and which a dashboard draws. */
import { ofType } from "./graph.ts";
import type { Stack } from "./stack.ts";

/** A metric that AWS publishes by itself. */
export interface AwsMetric {
  readonly namespace: string;
  readonly name: string;
  /** Sets of dimensions that it is published with. */
  readonly dimensions: readonly (readonly string[])[];
  /** Those that say something. */
  readonly statistics: readonly string[];
}

const of = (
  namespace: string,
  dimensions: AwsMetric["dimensions"],
  metrics: Readonly<Record<string, readonly string[]>>,
): AwsMetric[] => Object.entries(metrics).map(([name, statistics]) => ({ namespace, name, dimensions, statistics }));

/** Those that the stacks may use, from AWS's own lists. */
export const awsMetrics: readonly AwsMetric[] = [
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
  ...of("AWS/SQS", [["QueueName"]], {
    ApproximateAgeOfOldestMessage: ["Maximum"],
    ApproximateNumberOfMessagesDelayed: ["Maximum"],
    ApproximateNumberOfMessagesNotVisible: ["Maximum"],
    ApproximateNumberOfMessagesVisible: ["Maximum"],
    NumberOfMessagesDeleted: ["Sum"],
    NumberOfMessagesSent: ["Sum"],
  }),
  // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
  ...of("AWS/Lambda", [["FunctionName"]], {
    ConcurrentExecutions: ["Maximum"],
    Errors: ["Sum"],
    Throttles: ["Sum"],
  }),
  // https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
  ...of("AWS/Scheduler", [["ScheduleGroup"]], {
    InvocationDroppedCount: ["Sum"],
    InvocationsFailedToBeSentToDeadLetterCount: ["Sum"],
    TargetErrorCount: ["Sum"],
  }),
  // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
  ...of("AWS/ApiGateway", [["ApiId"], ["ApiId", "Stage"]], {
    "4xx": ["Sum"],
    "5xx": ["Sum"],
    Count: ["Sum"],
    Latency: ["p95"],
  }),
  // https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
  ...of("AWS/RDS", [["DBClusterIdentifier"]], {
    ACUUtilization: ["Average"],
    DatabaseConnections: ["Maximum"],
    ServerlessDatabaseCapacity: ["Maximum"],
  }),
];

const owners: Readonly<Record<string, readonly [type: string, input: string]>> = {
  QueueName: ["sqs/queue:Queue", "name"],
  FunctionName: ["lambda/function:Function", "name"],
  ScheduleGroup: ["scheduler/scheduleGroup:ScheduleGroup", "name"],
  DBClusterIdentifier: ["rds/cluster:Cluster", "clusterIdentifier"],
  Stage: ["apigatewayv2/stage:Stage", "name"],
};

/** The values that a dimension has for the resources of a stack: their names on AWS. */
export function nameOf(stack: Stack, dimension: string): unknown[] {
  // An API's id is AWS's; in an evaluated stack it is made of the name.
  if (dimension === "ApiId") return ofType(stack, "apigatewayv2/api:Api").map(({ inputs }) => `${inputs.name}-id`);
  const [type, input] = owners[dimension] ?? ["none", "none"];
  return ofType(stack, type).map(({ inputs }) => inputs[input]);
}

/** What a line of a graph is drawn from. */
export type DashboardLine =
  | {
      readonly kind: "metric";
      readonly namespace: string;
      readonly metric: string;
      readonly dimensions: Readonly<Record<string, string>>;
      readonly stat: string;
    }
  | {
      readonly kind: "search";
      readonly namespace: string;
      readonly dimensions: readonly string[];
      readonly queue: string;
      readonly metric: string;
      readonly stat: string;
    };

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html */
const searchForm =
  /^(?:SUM\()?SEARCH\('\{"(?<namespace>[^"]+)",(?<dimensions>[\w,]+)\} queue="(?<queue>[^"]+)" MetricName="(?<metric>\w+)"', '(?<stat>\w+)', 300\)\)?$/;

/** The lines of a widget. Error: for one of another form than CloudWatch's. */
export function dashboardLines(widget: unknown): DashboardLine[] {
  const metrics: unknown = Object(Object(widget).properties).metrics ?? [];
  if (!Array.isArray(metrics)) throw new Error("metrics is no list");
  return metrics.map((line: unknown) => {
    const parts: unknown[] = Array.isArray(line) ? line : [];
    const { expression, stat } = Object(parts.at(-1));
    if (typeof expression === "string") return searchOf(expression);
    const texts = parts.slice(0, -1).map(String);
    const [namespace = "", metric = "", ...pairs] = texts;
    const names = pairs.filter((_, index) => index % 2 === 0);
    const dimensions = Object.fromEntries(names.map((name, index) => [name, pairs[2 * index + 1] ?? ""]));
    return { kind: "metric", namespace, metric, dimensions, stat: String(stat) };
  });
}

function searchOf(expression: string): DashboardLine {
  const {
    namespace = "",
    dimensions = "",
    queue = "",
    metric = "",
    stat = "",
  } = searchForm.exec(expression)?.groups ?? {};
  if (metric === "") throw new Error(`no search: ${expression}`);
  return { kind: "search", namespace, dimensions: dimensions.split(","), queue, metric, stat };
}
