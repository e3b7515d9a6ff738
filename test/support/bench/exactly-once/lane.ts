import { randomBytes } from "node:crypto";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { CreateQueueCommand, SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { newJobId } from "@tendril/core/job-id";
import type { DatabaseLink } from "@tendril/core/link";
import type { Worker } from "@tendril/worker/worker";
import type { Context } from "aws-lambda";
import { type FaultyWire, openFaultyWire } from "../../faulty-wire.ts";
import { type LocalQueue, openQueue } from "../../local-aws.ts";
import { jobType, type Way } from "./ways.ts";

export const batchSize = 10;

/** How a client of the local AWS is made; it checks no signature. */
export const clientConfig = (endpoint: string) => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
  useQueueUrlAsEndpoint: false,
});

/** Where the local AWS is, and which database of it is used. */
export interface LocalAws {
  readonly url: string;
  readonly database: DatabaseLink;
}

/** A way of doing jobs at work on a queue of its own, with clients of its own. */
export interface Lane {
  readonly way: Way;
  /** Sends ten jobs, receives them as one batch, works through it and deletes them; how long the invocation took. */
  runBatch(): Promise<number>;
  close(): Promise<void>;
}

/** The wires of a lane whose calls are counted or held up. */
export interface Wires {
  readonly database: FaultyWire;
  /** The worker's own calls. */
  readonly sqs: FaultyWire;
  /** Those of the event source mapping. */
  readonly mapping: FaultyWire;
}

export async function openWires(url: string): Promise<Wires & { close(): Promise<void> }> {
  const [database, sqs, mapping] = [await openFaultyWire(url), await openFaultyWire(url), await openFaultyWire(url)];
  return {
    database,
    sqs,
    mapping,
    close: async () => void (await Promise.all([database, sqs, mapping].map((wire) => wire.close()))),
  };
}

let lanes = 0;

/** Opens a lane: over the wires, or directly. */
export async function openLane(way: Way, { url, database }: LocalAws, wires?: Wires): Promise<Lane> {
  lanes += 1;
  const sqs = new SQSClient(clientConfig(wires?.sqs.url ?? url));
  const mapping = new SQSClient(clientConfig(wires?.mapping.url ?? url));
  const dataApis: RDSDataClient[] = [];
  const producer = new SQSClient(clientConfig(url));
  const queue = await createQueue(producer, mapping, `bench-${lanes}`);
  const newDataApi = () => {
    const client = new RDSDataClient(clientConfig(wires?.database.url ?? url));
    dataApis.push(client);
    return client;
  };
  const worker = way.open({ newDataApi, sqs, database, queue });
  return {
    way,
    async runBatch() {
      await sendJobs(producer, queue.url, batchSize);
      return work(queue, worker);
    },
    async close() {
      for (const client of [sqs, mapping, producer, ...dataApis]) client.destroy();
    },
  };
}

async function createQueue(producer: SQSClient, mapping: SQSClient, name: string): Promise<LocalQueue> {
  const create = async (QueueName: string) =>
    (await producer.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: "240" } }))).QueueUrl ??
    "";
  const [url, deadLetterUrl] = [await create(name), await create(`${name}-dead`)];
  return openQueue(mapping, { url, deadLetterUrl, arn: `arn:aws:sqs:us-east-1:000000000000:${name}` });
}

/** Sends jobs with ids of their own, at most ten. */
export async function sendJobs(sqs: SQSClient, QueueUrl: string, jobs: number, type = jobType): Promise<void> {
  const Entries = Array.from({ length: jobs }, (_, index) => {
    const id = newJobId(Date.now(), randomBytes(16));
    return {
      Id: String(index),
      MessageBody: JSON.stringify({ job_type: type, data: `note of ${id}` }),
      MessageAttributes: { "tendril.job_id": { DataType: "String", StringValue: id } },
    };
  });
  const { Successful = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  if (Successful.length !== jobs) throw new Error(`${Successful.length} of ${jobs} jobs were sent.`);
}

/** Milliseconds of the invocation: receiving and deleting are AWS's own work, beside it. */
async function work(queue: LocalQueue, worker: Worker): Promise<number> {
  const event = await queue.receive();
  if (event.Records.length !== batchSize) throw new Error(`A batch of ${event.Records.length} was received.`);
  const startMs = performance.now();
  const response = await worker(event, invocationContext(60_000));
  const tookMs = performance.now() - startMs;
  const failed = await queue.acknowledge(event, response);
  if (failed.length > 0) throw new Error(`${failed.length} of ${batchSize} jobs failed.`);
  return tookMs;
}

/** The context of an invocation that may run for `remainingMs`. */
export function invocationContext(remainingMs: number): Context {
  const endsAtMs = Date.now() + remainingMs;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: "bench",
    functionVersion: "$LATEST",
    invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:bench",
    memoryLimitInMB: "512",
    awsRequestId: "8f507cfc-0000-4000-8000-000000000000",
    logGroupName: "/aws/lambda/bench",
    logStreamName: "stream",
    getRemainingTimeInMillis: () => endsAtMs - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
