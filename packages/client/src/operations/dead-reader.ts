import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { type DeadQueue, failedCall } from "./dead-queue.ts";

/** Reads a dead-letter queue to its end. What it has read is hidden from others until it is released or forgotten. */
export interface DeadReader {
  /** The queue's messages, each once, until SQS gives no more or the signal aborts. Error: `aws_call_failed`. */
  batches(): AsyncGenerator<readonly Message[]>;
  /** Says that a message was deleted. */
  forget(messageId: string): void;
  /** Makes all that is still held visible; gives how many could not be: they come back by themselves. */
  release(): Promise<number>;
}

/** How many messages a queue has. */
export interface MessageCounts {
  readonly visible: number;
  /** Hidden, because somebody reads them. */
  readonly hidden: number;
}

/** Messages that a receive, and entries that a batch call, may have. */
const mostEntries = 10;
/** Receives, and other calls, at the same time. */
const mostCalls = 8;
/** Empty receives after which a queue that still counts messages is taken to give no more. */
const mostEmpty = 3;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html */
const longestHoldSeconds = 43_200;

/**
 * How long messages are hidden while they are read, in seconds: many times what reading takes, so that it is rarely
 * prolonged; and not long, since a reader that is killed leaves them hidden for it.
 */
export const holdSeconds = (messages: number): number => Math.min(longestHoldSeconds, 60 + Math.ceil(messages / 20));

export interface DeadReaderOptions {
  readonly sqs: SQSClient;
  readonly queue: DeadQueue;
  /** Messages that are expected: the reader fits its pace to them. */
  readonly expected: number;
  readonly signal: AbortSignal;
}

export function openDeadReader({ sqs, queue, expected, signal }: DeadReaderOptions): DeadReader {
  const QueueUrl = queue.deadLetterUrl;
  const VisibilityTimeout = holdSeconds(expected);
  // In a FIFO queue two receives at once would share a group's messages between them.
  const lanes = queue.fifo ? 1 : Math.max(1, Math.min(mostCalls, Math.ceil(expected / 50)));
  const held = new Map<string, string>();
  const gone = new Set<string>();
  let prolongAtMs = performance.now() + VisibilityTimeout * 500;

  const receive = async (): Promise<Message[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl,
      VisibilityTimeout,
      MaxNumberOfMessages: mostEntries,
      WaitTimeSeconds: 1, // a receive that waits asks all of SQS's servers, one that does not only some
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
    });
    const received = await Promise.allSettled(Array.from({ length: lanes }, () => sqs.send(command)));
    const fresh = received
      .flatMap((each) => (each.status === "fulfilled" ? (each.value.Messages ?? []) : []))
      .filter(hold);
    const failed = received.find((each) => each.status === "rejected");
    return failed === undefined ? fresh : failedCall(`ReceiveMessage on ${queue.name}'s dead letters`)(failed.reason);
  };
  /** Whether a message is read for the first time. */
  const hold = ({ MessageId = "", ReceiptHandle = "" }: Message): boolean => {
    const isNew = !held.has(MessageId) && !gone.has(MessageId);
    held.set(MessageId, ReceiptHandle);
    return isNew;
  };
  const prolong = async (): Promise<void> => {
    if (performance.now() < prolongAtMs) return;
    prolongAtMs = performance.now() + VisibilityTimeout * 500;
    await changeVisibility(sqs, QueueUrl, [...held.values()], VisibilityTimeout);
  };
  return {
    async *batches() {
      for (let empty = 0; empty < mostEmpty && !signal.aborted; ) {
        await prolong();
        const messages = await receive();
        if (messages.length > 0) {
          empty = 0;
          yield messages;
        } else {
          empty = (await countMessages(sqs, queue)).visible === 0 ? mostEmpty : empty + 1;
        }
      }
    },
    forget(messageId) {
      held.delete(messageId);
      gone.add(messageId);
    },
    async release() {
      const handles = [...held.values()];
      held.clear();
      return changeVisibility(sqs, QueueUrl, handles, 0);
    },
  };
}

/** Counts the messages of a queue's dead-letter queue; SQS's numbers are approximate. Error: `aws_call_failed`. */
export async function countMessages(sqs: SQSClient, queue: DeadQueue): Promise<MessageCounts> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queue.deadLetterUrl,
    AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
  });
  const { Attributes = {} } = await sqs
    .send(command)
    .catch(failedCall(`GetQueueAttributes of ${queue.name}'s dead letters`));
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    hidden: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
  };
}

/** Never rejects: gives how many messages it has failed for. */
async function changeVisibility(
  sqs: SQSClient,
  QueueUrl: string,
  handles: readonly string[],
  VisibilityTimeout: number,
): Promise<number> {
  let failed = 0;
  const change = async (chunk: readonly string[]): Promise<void> => {
    const Entries = chunk.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout }));
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries });
    const answer = await sqs.send(command).catch(() => undefined);
    failed += answer === undefined ? chunk.length : (answer.Failed?.length ?? 0);
  };
  const chunks = inChunks(handles, mostEntries);
  for (const some of inChunks(chunks, mostCalls)) await Promise.all(some.map(change));
  return failed;
}

/** A list in pieces of at most `size`. */
export function inChunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
