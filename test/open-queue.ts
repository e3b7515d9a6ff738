import { CreateScheduleGroupCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { LaterLink, QueueLink } from "@tendril/core/link";
import { readMessage, type WireJob } from "@tendril/core/message";
import { type VirtualClock, virtualClock } from "@tendril/local/clock";
import { openScheduler } from "@tendril/local/scheduler/service";
import { openSqs } from "@tendril/local/sqs/service";
import { listen } from "@tendril/local/wire/server";

/** The local SQS, and a Scheduler that sends to it, on a port of their own, as a producer sees them. */
export interface TestSqs {
  readonly sqs: SQSClient;
  readonly scheduler: SchedulerClient;
  /** Where one-time schedules may be made. */
  readonly later: LaterLink;
  /** The time of the queues and schedules; the client's own is the machine's. */
  readonly clock: VirtualClock;
  createQueue(name: string, attributes?: Record<string, string>): Promise<QueueLink>;
  /** How many messages the queue has: to be received, delayed and in flight. */
  count(queue: QueueLink): Promise<number>;
  /** Receives and deletes all that can be received now, in the order of receipt. */
  receive(queue: QueueLink): Promise<Message[]>;
  close(): Promise<void>;
}

/** Starts them, and clients of them. */
export async function openTestSqs(): Promise<TestSqs> {
  const clock = virtualClock(Date.now());
  let url = "";
  const place = { clock, region: "us-east-1", accountId: "000000000000" };
  const local = await openSqs({ ...place, baseUrl: () => url });
  const schedules = await openScheduler({
    ...place,
    send: async (message) => void (await sqs.send(new SendMessageCommand(message))),
  });
  const server = await listen([local.service, schedules.service], { port: 0, now: () => clock.now() });
  url = server.url;
  const config = {
    region: "us-east-1",
    endpoint: url,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  const sqs = new SQSClient(config);
  const scheduler = new SchedulerClient(config);
  const later: LaterLink = {
    groupName: "later",
    roleArn: "arn:aws:iam::000000000000:role/later",
    deadLetterArn: "arn:aws:sqs:us-east-1:000000000000:ScheduleFailures",
  };
  await scheduler.send(new CreateScheduleGroupCommand({ Name: later.groupName }));
  return {
    sqs,
    scheduler,
    later,
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
      scheduler.destroy();
      await server.close();
      await schedules.close();
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
