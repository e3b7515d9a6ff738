/** The stage at a glance: a row for each queue, then what all of them share. */
import { api } from "./api.ts";
import { aurora } from "./database.ts";
import { failures } from "./scheduler.ts";
import { stageName } from "./stage.ts";
import { type QueueWorker, workers } from "./workers.ts";

/** One line of a graph: namespace, metric, its dimensions' names and values, how it is drawn. */
type Line = readonly [...string[], { readonly label: string; readonly stat: string }];

/** Lines that CloudWatch finds by itself. */
type Search = readonly [{ readonly expression: string; readonly label: string }];

interface Graph {
  readonly title: string;
  readonly lines: readonly (Line | Search)[];
  readonly unit?: string;
}

/** CloudWatch's own word for the value of a line's dimension. */
const jobTypeLabel = "$" + "{PROP('Dim.job_type')}";

const region = aws.getRegionOutput().region;

/** Makes it: $3 a month after an account's first three. https://aws.amazon.com/cloudwatch/pricing/ */
export function makeDashboard(): aws.cloudwatch.Dashboard {
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
  const body = $util
    .all([$util.all(workers.map(queueWidgets)), sharedWidgets()])
    .apply(([queues, shared]) => JSON.stringify({ widgets: [...queues.flat(), ...shared] }));
  return new aws.cloudwatch.Dashboard("Dashboard", { dashboardName: stageName(), dashboardBody: body });
}

function queueWidgets({ queue, function: worker }: QueueWorker): $util.Output<object[]> {
  const { plan: planned, main, dead } = queue;
  const names = $util.all([main.nodes.queue.name, dead.nodes.queue.name, worker.name, region]);
  return names.apply(([mainName, deadName, workerName, regionName]) => {
    const sqs = (metric: string, label: string, stat: string, name = mainName): Line => [
      "AWS/SQS",
      metric,
      "QueueName",
      name,
      { label, stat },
    ];
    const lambda = (metric: string, label: string, stat: string): Line => [
      "AWS/Lambda",
      metric,
      "FunctionName",
      workerName,
      { label, stat },
    ];
    const outcomes = { done: "JobsDone", retried: "JobsRetried", dead: "JobsDead", duplicate: "JobsDuplicate" };
    return [
      heading(`Queue ${planned.name}`),
      ...[
        {
          title: "Depth",
          lines: [
            sqs("ApproximateNumberOfMessagesVisible", "waiting", "Maximum"),
            sqs("ApproximateNumberOfMessagesNotVisible", "running, or between attempts", "Maximum"),
            sqs("ApproximateNumberOfMessagesDelayed", "delayed", "Maximum"),
            sqs("ApproximateNumberOfMessagesVisible", "dead letters", "Maximum", deadName),
          ],
        },
        {
          title: "Age of the oldest message",
          lines: [sqs("ApproximateAgeOfOldestMessage", "age", "Maximum")],
          unit: "s",
        },
        {
          title: "Worker process time, p95 by job type",
          lines: [jobs(planned.name, "JobDuration", "p95")],
          unit: "ms",
        },
        {
          title: "Outcomes",
          lines: Object.entries(outcomes).map(([label, metric]) => total(label, jobs(planned.name, metric, "Sum"))),
        },
        {
          title: "Messages sent and deleted",
          lines: [sqs("NumberOfMessagesSent", "sent", "Sum"), sqs("NumberOfMessagesDeleted", "deleted", "Sum")],
        },
        {
          title: `Worker (at most ${planned.mapping.maximumConcurrency} at once)`,
          lines: [
            lambda("ConcurrentExecutions", "at once", "Maximum"),
            lambda("Errors", "errors", "Sum"),
            lambda("Throttles", "throttles", "Sum"),
          ],
        },
      ].map((graph) => widget(graph, regionName)),
    ];
  });
}

/** What the workers publish of their jobs, a line for each job type. */
function jobs(queue: string, metric: string, stat: string): Search {
  const found = `{"${$app.name}-${$app.stage}",job_type,queue,service} queue="${queue}" MetricName="${metric}"`;
  return [{ expression: `SEARCH('${found}', '${stat}', 300)`, label: jobTypeLabel }];
}

/** All job types together. */
function total(label: string, [{ expression }]: Search): Search {
  return [{ expression: `SUM(${expression})`, label }];
}

function sharedWidgets(): $util.Output<object[]> {
  const names = $util.all([api.nodes.api.id, aurora.id, failures.nodes.queue.name, region]);
  return names.apply(([apiId, cluster, failuresName, regionName]) => {
    const rds = (metric: string, label: string): Line => [
      "AWS/RDS",
      metric,
      "DBClusterIdentifier",
      cluster,
      { label, stat: "Maximum" },
    ];
    const http = (metric: string, label: string, stat: string): Line => [
      "AWS/ApiGateway",
      metric,
      "ApiId",
      apiId,
      { label, stat },
    ];
    const graphs: Graph[] = [
      { title: "Database capacity", lines: [rds("ServerlessDatabaseCapacity", "ACUs")] },
      { title: "Database connections", lines: [rds("DatabaseConnections", "connections")] },
      {
        title: "API",
        lines: [http("Count", "requests", "Sum"), http("4xx", "4xx", "Sum"), http("5xx", "5xx", "Sum")],
      },
      { title: "API latency, p95", lines: [http("Latency", "latency", "p95")], unit: "ms" },
      {
        title: "Messages that Scheduler could not send",
        lines: [
          [
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "QueueName",
            failuresName,
            { label: "failures", stat: "Maximum" },
          ],
        ],
      },
    ];
    return [heading("All queues"), ...graphs.map((graph) => widget(graph, regionName))];
  });
}

function heading(text: string): object {
  return { type: "text", width: 24, height: 1, properties: { markdown: `## ${text}` } };
}

/** A graph of a third of the page. */
function widget({ title, lines, unit }: Graph, regionName: string): object {
  return {
    type: "metric",
    width: 8,
    height: 6,
    properties: {
      title,
      metrics: lines,
      view: "timeSeries",
      region: regionName,
      period: 300,
      yAxis: { left: { min: 0, ...(unit === undefined ? {} : { label: unit, showUnits: false }) } },
    },
  };
}
