import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { QueueLink } from "@tendril/core/link";
import { readMessage, type WireJob } from "@tendril/core/message";
import { type VirtualClock, virtualClock } from "@tendril/local/clock";
import { openSqs } from "@tendril/local/sqs/service";
import { listen } from "@tendril/local/wire/server";

/** The local SQS on a port of its own, as a producer sees it. */
export interface TestSqs {
  readonly sqs: SQSClient;
  /** The time of the queues; the client's own is the machine's. */
  readonly clock: VirtualClock;
  createQueue(name: string, attributes?: Record<string, string>): Promise<QueueLink>;
  /** How many messages the queue has: to be received, delayed and in flight. */
  count(queue: QueueLink): Promise<number>;
  /** Receives and deletes all that can be received now, in the order of receipt. */
  receive(queue: QueueLink): Promise<Message[]>;
  close(): Promise<void>;
}

/** Starts the local SQS and a client of it. */
export async function openTestSqs(): Promise<TestSqs> {
  const clock = virtualClock(Date.now());
  let url = "";
  const local = await openSqs({ clock, region: "us-east-1", accountId: "000000000000", baseUrl: () => url });
  const server = await listen([local.service], { port: 0 });
  url = server.url;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const sqs = new SQSClient({ region: "us-east-1", endpoint: url, credentials });
  return {
    sqs,
    clock,
    async createQueue(name, attributes = {}) {
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
      return { url: QueueUrl ?? "", deadLetterUrl: "" };
    },
    async count(queue) {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: queue.url, AttributeNames: ["All"] }),
      );
      return (
        Number(Attributes?.ApproximateNumberOfMessages) +
        Number(Attributes?.ApproximateNumberOfMessagesDelayed) +
        Number(Attributes?.ApproximateNumberOfMessagesNotVisible)
      );
    },
    receive: (queue) => receiveAll(sqs, queue),
    async close() {
      sqs.destroy();
      await server.close();
      await local.close();
    },
  };
}

/** The job that a message carries, as a worker reads it. */
export function jobOf(message: Message | undefined): WireJob {
  const attributes = Object.entries(message?.MessageAttributes ?? {}).map(
    ([name, value]) => [name, value.StringValue ?? ""] as const,
  );
  const reading = readMessage({
    messageId: message?.MessageId ?? "",
    body: message?.Body ?? "",
    attributes: Object.fromEntries(attributes),
  });
  if (reading.kind === "job") return reading.job;
  throw reading.error;
}

async function receiveAll(sqs: SQSClient, queue: QueueLink): Promise<Message[]> {
  const received: Message[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queue.url,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["All"],
      }),
    );
    if (Messages.length === 0) return received;
    received.push(...Messages);
    const entries = Messages.map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries: entries }));
  }
}
