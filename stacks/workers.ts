/** One worker function for each queue, fed by an event source mapping. */
import { mappingsLinkName, queueLinkName } from "@tendril/core/link";
import { claimsLinks, claimsUse } from "./claims.ts";
import { database } from "./database.ts";
import { encryptionPermissions } from "./encryption.ts";
import { planned, tracing } from "./functions.ts";
import { later } from "./later.ts";
import { migrations } from "./migrations.ts";
import { type JobQueue, queues } from "./queues.ts";

/** Batches at the same time in `sst dev`: each one is a process on the developer's machine. */
const devConcurrency = 2;

/** A queue and the function that empties it. */
export interface QueueWorker {
  readonly queue: JobQueue;
  readonly function: sst.aws.Function;
  readonly mapping: aws.lambda.EventSourceMapping;
}

/** The workers, one for each queue. */
export const workers: readonly QueueWorker[] = queues.map(runWorker);

/** Lets a function see whether queues are paused, pause and resume them: through these mappings alone. */
export const mappings = new sst.Linkable(mappingsLinkName, {
  properties: Object.fromEntries(workers.map(({ queue, mapping }) => [queueLinkName(queue.plan.name), mapping.uuid])),
  include: [
    sst.aws.permission({
      actions: ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
      resources: workers.map(({ mapping }) => mapping.arn),
    }),
  ],
});

function runWorker(queue: JobQueue): QueueWorker {
  const { plan, prefix, main, dead } = queue;
  const worker = new sst.aws.Function(`${prefix}Worker`, {
    ...planned(plan.worker),
    link: [database, later, ...claimsLinks, ...queues.map((queue) => queue.link)],
    permissions: [
      {
        actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
        resources: [main.arn],
      },
      { actions: ["sqs:SendMessage"], resources: [...queues.map((queue) => queue.main.arn), dead.arn] },
      ...encryptionPermissions,
      ...claimsUse,
      tracing.permission,
    ],
    transform: {
      function(args, options) {
        args.tracingConfig = tracing.config;
        options.dependsOn = [migrations];
        return undefined;
      },
    },
  });
  // A chain of follow-ups may be as long as it likes: Lambda takes it for a loop after 16 of them, and ends it.
  // https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
  new aws.lambda.FunctionRecursionConfig(`${prefix}Recursion`, { functionName: worker.name, recursiveLoop: "Allow" });
  const mapping = new aws.lambda.EventSourceMapping(
    `${prefix}Mapping`,
    {
      eventSourceArn: main.arn,
      functionName: worker.arn,
      functionResponseTypes: ["ReportBatchItemFailures"],
      batchSize: plan.mapping.batchSize,
      maximumBatchingWindowInSeconds: plan.mapping.windowSeconds,
      scalingConfig: { maximumConcurrency: $dev ? devConcurrency : plan.mapping.maximumConcurrency },
    },
    { ignoreChanges: ["enabled"] }, // a queue that was paused stays so when it is deployed again
  );
  return { queue, function: worker, mapping };
}
