/** What goes wrong without anybody looking: an alarm for each, and a dashboard for whoever looks then. */
import { alarm, monitored } from "./alarms.ts";
import { api } from "./api.ts";
import { makeDashboard } from "./dashboard.ts";
import { aurora } from "./database.ts";
import { laterGroup } from "./later.ts";
import { failures } from "./scheduler.ts";
import { scheduleGroup } from "./schedules.ts";
import { sourceFailures } from "./sources.ts";
import { type QueueWorker, workers } from "./workers.ts";

if (monitored) {
  for (const worker of workers) watchQueue(worker);
  if (scheduleGroup !== undefined) watchSchedules("Schedules", "schedules", scheduleGroup);
  watchSchedules("Later", "jobs that wait", laterGroup);
  watchLetters("ScheduleFailures", "a message that EventBridge Scheduler could not send", failures);
  if (sourceFailures !== undefined) {
    watchLetters("SourceFailures", "a message that a source could not send", sourceFailures);
  }
  watchApi();
  watchDatabase();
  makeDashboard();
}

function watchQueue({ queue, function: worker }: QueueWorker): void {
  const { prefix, plan, main, dead } = queue;
  const ofFunction = { namespace: "AWS/Lambda", dimensions: { FunctionName: worker.name }, statistic: "Sum" } as const;
  watchLetters(`${prefix}Dead`, `${plan.name}: a dead letter`, dead);
  alarm(`${prefix}Age`, {
    title: `${plan.name}: jobs wait too long`,
    description: `A job has waited for ${plan.alarmAfterSeconds} seconds. More work than maximumConcurrency lets through, or a worker that does not run?`,
    namespace: "AWS/SQS",
    metric: "ApproximateAgeOfOldestMessage",
    dimensions: { QueueName: main.nodes.queue.name },
    statistic: "Maximum",
    threshold: plan.alarmAfterSeconds,
  });
  alarm(`${prefix}Errors`, {
    ...ofFunction,
    title: `${plan.name}: the worker fails`,
    description:
      "A batch had no answer: the process ended, ran out of time or did not start. Jobs that throw are not counted here.",
    metric: "Errors",
    threshold: 1,
    periodSeconds: 300,
  });
  // A single one is a poller that was too eager; Lambda sends the batch again.
  alarm(`${prefix}Throttles`, {
    ...ofFunction,
    title: `${plan.name}: the worker is throttled`,
    description: "Lambda has refused batches for 15 minutes: the account's concurrency is used up.",
    metric: "Throttles",
    threshold: 1,
    periodSeconds: 300,
    periods: 3,
  });
}

/**
 * A dead-letter queue that is not empty. Not NumberOfMessagesSent: it does not count what SQS moves there by itself.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
 */
function watchLetters(name: string, title: string, queue: sst.aws.Queue): void {
  alarm(`${name}Letters`, {
    title,
    description:
      "It is kept, with what is known of the reason in its attributes. The alarm ends when the queue is empty.",
    namespace: "AWS/SQS",
    metric: "ApproximateNumberOfMessagesVisible",
    dimensions: { QueueName: queue.nodes.queue.name },
    statistic: "Maximum",
    threshold: 1,
  });
}

/** https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html */
function watchSchedules(name: string, what: string, group: aws.scheduler.ScheduleGroup): void {
  const ofGroup = { namespace: "AWS/Scheduler", dimensions: { ScheduleGroup: group.name }, statistic: "Sum" } as const;
  alarm(`${name}Dropped`, {
    ...ofGroup,
    title: `${what}: a run was dropped`,
    description: "EventBridge Scheduler has given up a run after its last attempt.",
    metric: "InvocationDroppedCount",
    threshold: 1,
  });
  alarm(`${name}Lost`, {
    ...ofGroup,
    title: `${what}: a run is lost`,
    description: "EventBridge Scheduler has given up a run, and could not even write that to the queue for failures.",
    metric: "InvocationsFailedToBeSentToDeadLetterCount",
    threshold: 1,
  });
  // Each error is tried again, up to 185 times.
  alarm(`${name}Errors`, {
    ...ofGroup,
    title: `${what}: SQS takes no messages`,
    description:
      "EventBridge Scheduler has had errors from SQS for 15 minutes: is its role allowed to send, is the queue there?",
    metric: "TargetErrorCount",
    threshold: 1,
    periodSeconds: 300,
    periods: 3,
  });
}

/** The metrics of HTTP APIs are called otherwise than those of REST APIs. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html */
function watchApi(): void {
  alarm("Api5xx", {
    title: "the API answers 5xx",
    description: "A request to enqueue was not answered well; its sender should have tried again.",
    namespace: "AWS/ApiGateway",
    metric: "5xx",
    dimensions: { ApiId: api.nodes.api.id, Stage: "$default" },
    statistic: "Sum",
    threshold: 1,
    periodSeconds: 300,
  });
}

/** Percent of the most capacity that the cluster may have. https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html */
function watchDatabase(): void {
  alarm("DatabaseFull", {
    title: "the database is at its limit",
    description:
      "Aurora has used 90 percent of its maximum capacity for 15 minutes. Raise scaling.max, or lower maximumConcurrency.",
    namespace: "AWS/RDS",
    metric: "ACUUtilization",
    dimensions: { DBClusterIdentifier: aurora.id },
    statistic: "Average",
    threshold: 90,
    periodSeconds: 300,
    periods: 3,
  });
}
