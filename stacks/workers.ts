/** One worker function for each queue, fed by an event source mapping. */
import { database } from "./database.ts";
import { planned } from "./functions.ts";
import { migrations } from "./migrations.ts";
import { type JobQueue, queues } from "./queues.ts";

/** Batches at the same time in `sst dev`: each one is a process on the developer's machine. */
const devConcurrency = 2;

for (const queue of queues) runWorker(queue);

function runWorker({ plan, prefix, main, dead, link }: JobQueue): void {
  const worker = new sst.aws.Function(`${prefix}Worker`, {
    ...planned(plan.worker),
    link: [database, link],
    permissions: [
      {
        actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
        resources: [main.arn],
      },
      { actions: ["sqs:SendMessage"], resources: [dead.arn] },
    ],
    transform: {
      function(_args, options) {
        options.dependsOn = [migrations];
        return undefined;
      },
    },
  });
  new aws.lambda.EventSourceMapping(`${prefix}Mapping`, {
    eventSourceArn: main.arn,
    functionName: worker.arn,
    functionResponseTypes: ["ReportBatchItemFailures"],
    batchSize: plan.mapping.batchSize,
    maximumBatchingWindowInSeconds: plan.mapping.windowSeconds,
    scalingConfig: { maximumConcurrency: $dev ? devConcurrency : plan.mapping.maximumConcurrency },
  });
}
