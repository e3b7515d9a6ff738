/** Queues, each with its dead-letter queue. */
import { queueLinkName } from "@tendril/core/link";
import type { QueuePlan } from "@tendril/core/plan";
import { queueEncryption } from "./encryption.ts";
import { senderStatements } from "./origins.ts";
import { plan } from "./plan.ts";
import { outlives } from "./stage.ts";

/** A queue of the tier. */
export interface JobQueue {
  readonly plan: QueuePlan;
  /** Begins the names of everything that belongs to the queue. */
  readonly prefix: string;
  readonly main: sst.aws.Queue;
  readonly dead: sst.aws.Queue;
  /** Who may send to `main`. */
  readonly policy: aws.sqs.QueuePolicy;
  /** Says where the queue is; what a function may do with it, the function says itself. */
  readonly link: ReturnType<typeof linkTo>;
}

/** The queues of the tier, in its order. */
export const queues = plan.queues.map(jobQueue);

function jobQueue(queue: QueuePlan): JobQueue {
  // The endings Queue, Main, Dead, Worker, Recursion and Mapping keep one queue's names apart from any other's.
  const prefix = queueLinkName(queue.name).replace(/Queue$/, "");
  const { queue: dead } = safeQueue(`${prefix}Dead`, queue.deadLetter.retentionSeconds, { fifo: queue.fifo });
  const { queue: main, policy } = safeQueue(
    `${prefix}Main`,
    queue.retentionSeconds,
    {
      fifo: queue.fifo,
      visibilityTimeout: `${queue.visibilityTimeoutSeconds} seconds`,
      dlq: { queue: dead.arn, retry: queue.maxReceiveCount },
    },
    (arn) => senderStatements(queue.name, arn),
  );
  new aws.sqs.RedriveAllowPolicy(`${prefix}DeadSources`, {
    queueUrl: dead.url,
    redriveAllowPolicy: $jsonStringify({ redrivePermission: "byQueue", sourceQueueArns: [main.arn] }),
  });
  return { plan: queue, prefix, main, dead, policy, link: linkTo(queue.name, main, dead) };
}

function linkTo(queue: string, main: sst.aws.Queue, dead: sst.aws.Queue) {
  return new sst.Linkable(queueLinkName(queue), {
    properties: { url: main.url, arn: main.arn, deadLetterUrl: dead.url },
  });
}

/**
 * A queue that is encrypted at rest, takes requests over TLS only, and in production outlives its removal from the stack.
 * `senders` gives statements that let services in, for the queue's ARN. Default: none.
 */
export function safeQueue(
  name: string,
  retentionSeconds: number,
  args: sst.aws.QueueArgs = {},
  senders: (arn: $util.Output<string>) => readonly object[] = () => [],
): { readonly queue: sst.aws.Queue; readonly policy: aws.sqs.QueuePolicy } {
  const queue = new sst.aws.Queue(name, {
    ...args,
    transform: {
      queue(queueArgs, options) {
        queueArgs.messageRetentionSeconds = retentionSeconds;
        Object.assign(queueArgs, queueEncryption);
        Object.assign(options, outlives); // SST's `removal: "retain"` leaves queues out
        return undefined;
      },
    },
  });
  const policy = new aws.sqs.QueuePolicy(`${name}Policy`, {
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
        ...senders(queue.arn),
      ],
    }),
  });
  return { queue, policy };
}
