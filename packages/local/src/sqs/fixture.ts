import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageCommand,
  type SendMessageCommandInput,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { type VirtualClock, virtualClock } from "../clock.ts";
import { listen } from "../wire/server.ts";
import type { Interceptor } from "../wire/service.ts";
import { openSqs, type Sqs } from "./service.ts";
import type { Weather } from "./weather.ts";

/** SQS on a port, with the SDK's client, on a clock that a test moves. */
export interface SqsFixture {
  readonly client: SQSClient;
  readonly clock: VirtualClock;
  readonly sqs: Sqs;
  /** What the disk refused. */
  readonly failures: unknown[];
  /** Makes a queue and returns its URL. */
  create(name: string, attributes?: Record<string, string>): Promise<string>;
  send(queueUrl: string, body: string, input?: Partial<SendMessageCommandInput>): Promise<string>;
  /** Receives up to ten messages without waiting. */
  receive(queueUrl: string, input?: Partial<ReceiveMessageCommandInput>): Promise<Received[]>;
  close(): Promise<void>;
}

export interface Received {
  readonly id: string;
  readonly body: string;
  readonly handle: string;
  readonly attributes: Partial<Record<string, string>>;
}

export interface SqsFixtureOptions {
  /** Keeps the queues on disk. Default: memory only. */
  readonly dir?: string;
  /** Continues another fixture's time. */
  readonly clock?: VirtualClock;
  readonly weather?: Weather;
  readonly intercept?: Interceptor;
}

/** For tests. */
export async function startSqs(options: SqsFixtureOptions = {}): Promise<SqsFixture> {
  const clock = options.clock ?? virtualClock(Date.UTC(2030, 0, 1));
  const failures: unknown[] = [];
  let url = "";
  const sqs = await openSqs({
    clock,
    region: "us-east-1",
    accountId: "000000000000",
    baseUrl: () => url,
    onFailure: (failure) => failures.push(failure),
    weather: options.weather,
    ...(options.dir === undefined ? {} : { dir: options.dir }),
  });
  const { intercept } = options;
  const server = await listen([sqs.service], { port: 0, ...(intercept ? { intercept } : {}) });
  url = server.url;
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new SQSClient({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1 });
  return {
    client,
    clock,
    sqs,
    failures,
    async create(QueueName, Attributes = {}) {
      const fifo = QueueName.endsWith(".fifo") ? { FifoQueue: "true" } : {};
      const command = new CreateQueueCommand({ QueueName, Attributes: { ...fifo, ...Attributes } });
      return (await client.send(command)).QueueUrl ?? "";
    },
    async send(QueueUrl, MessageBody, input = {}) {
      return (await client.send(new SendMessageCommand({ QueueUrl, MessageBody, ...input }))).MessageId ?? "";
    },
    async receive(QueueUrl, input = {}) {
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ["All"],
        ...input,
      });
      const { Messages = [] } = await client.send(command);
      return Messages.map(({ MessageId = "", Body = "", ReceiptHandle = "", Attributes = {} }) => {
        return { id: MessageId, body: Body, handle: ReceiptHandle, attributes: Attributes };
      });
    },
    async close() {
      client.destroy();
      await server.close();
      await sqs.close();
    },
  };
}

/** The bodies of messages. */
export function bodies(messages: readonly { readonly body: string }[]): string[] {
  return messages.map(({ body }) => body);
}
