import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { batchSize } from "./bodies.ts";

/** A queue of one of the servers, and the SDK's client of it, as a user makes it. */
export interface BenchQueue {
  readonly client: SQSClient;
  readonly url: string;
}

/** The settings of an SDK client of a server on this machine. */
export const clientConfig = (endpoint: string) => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
});

/** Makes the queue, but for a server that answers constants. */
export async function openQueue(endpoint: string, hasQueues: boolean): Promise<BenchQueue> {
  const client = new SQSClient(clientConfig(endpoint));
  const url = `${endpoint}/000000000000/bench`;
  if (!hasQueues) return { client, url };
  const Attributes = { VisibilityTimeout: "600" };
  await client.send(new CreateQueueCommand({ QueueName: "bench", Attributes }));
  return { client, url };
}

/** Sends the bodies in batches, `concurrency` calls at a time. */
export async function sendAll({ client, url }: BenchQueue, bodies: readonly string[], concurrency: number) {
  let next = 0;
  await atOnce(concurrency, async () => {
    while (next < bodies.length) {
      const batch = bodies.slice(next, next + batchSize);
      next += batchSize;
      const Entries = batch.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
      const { Successful = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
      if (Successful.length !== batch.length) throw new Error(`Only ${Successful.length} messages were taken.`);
    }
  });
}

/** Receives and deletes `count` messages, `concurrency` calls at a time; gives their bodies. */
export async function receiveAll({ client, url }: BenchQueue, count: number, concurrency: number): Promise<string[]> {
  const bodies: string[] = [];
  let wanted = count;
  await atOnce(concurrency, async () => {
    while (wanted > 0) {
      const max = Math.min(batchSize, wanted);
      wanted -= max;
      const receive = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: max });
      const { Messages = [] } = await client.send(receive);
      wanted += max - Messages.length;
      if (Messages.length > 0) await deleteAll({ client, url }, Messages);
      for (const { Body = "" } of Messages) bodies.push(Body);
    }
  });
  return bodies;
}

async function deleteAll({ client, url }: BenchQueue, messages: readonly Message[]): Promise<void> {
  const Entries = messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
  const { Successful = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }));
  if (Successful.length !== messages.length) throw new Error(`Only ${Successful.length} messages were deleted.`);
}

/** Runs `count` of the same at the same time. */
export async function atOnce(count: number, run: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, run));
}
