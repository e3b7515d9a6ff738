/** Queues, each with its dead-letter queue. */
import { queueLinkName } from "@tendril/core/link";
import type { QueuePlan } from "@tendril/core/plan";
import { plan } from "./plan.ts";
import { production } from "./stage.ts";

/** A queue of the tier. */
export interface JobQueue {
  readonly plan: QueuePlan;
  /** Begins the names of everything that belongs to the queue. */
  readonly prefix: string;
  readonly main: sst.aws.Queue;
  readonly dead: sst.aws.Queue;
  /** Says where the queue is; what a function may do with it, the function says itself. */
  readonly link: ReturnType<typeof linkTo>;
}

/** The queues of the tier, in its order. */
export const queues = plan.queues.map(jobQueue);

function jobQueue(queue: QueuePlan): JobQueue {
  // The endings Queue, Main, Dead, Worker, Recursion and Mapping keep one queue's names apart from any other's.
  const prefix = queueLinkName(queue.name).replace(/Queue$/, "");
  const dead = safeQueue(`${prefix}Dead`, queue.deadLetter.retentionSeconds, { fifo: queue.fifo });
  const main = safeQueue(`${prefix}Main`, queue.retentionSeconds, {
    fifo: queue.fifo,
    visibilityTimeout: `${queue.visibilityTimeoutSeconds} seconds`,
    dlq: { queue: dead.arn, retry: queue.maxReceiveCount },
  });
  new aws.sqs.RedriveAllowPolicy(`${prefix}DeadSources`, {
    queueUrl: dead.url,
    redriveAllowPolicy: $jsonStringify({ redrivePermission: "byQueue", sourceQueueArns: [main.arn] }),
  });
  return { plan: queue, prefix, main, dead, link: linkTo(queue.name, main, dead) };
}

function linkTo(queue: string, main: sst.aws.Queue, dead: sst.aws.Queue) {
  return new sst.Linkable(queueLinkName(queue), {
    properties: { url: main.url, arn: main.arn, deadLetterUrl: dead.url },
  });
}

/** A queue that is encrypted at rest, takes requests over TLS only, and in production outlives its removal from the stack. */
export function safeQueue(name: string, retentionSeconds: number, args: sst.aws.QueueArgs = {}): sst.aws.Queue {
  const queue = new sst.aws.Queue(name, {
    ...args,
    transform: {
      queue(queueArgs, options) {
        queueArgs.messageRetentionSeconds = retentionSeconds;
        queueArgs.sqsManagedSseEnabled = true;
        if (production) options.retainOnDelete = true; // SST's `removal: "retain"` leaves queues out
        return undefined;
      },
    },
  });
  new aws.sqs.QueuePolicy(`${name}Policy`, {
    queueUrl: queue.url,
    policy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "TlsOnly",
          Effect: "Deny",
          Principal: "*",
          Action: "sqs:*",
          Resource: queue.arn,
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        },
      ],
    }),
  });
  return queue;
}
