import { randomBytes } from "node:crypto";
import path from "node:path";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import { createDatabase, type Database } from "@tendril/ledger/database";
import { applyMigrations, readMigrations } from "@tendril/ledger/migrations";
import { type Clock, systemClock, type VirtualClock, virtualClock } from "@tendril/local/clock";
import { openDataApi } from "@tendril/local/rds-data/service";
import { openSqs } from "@tendril/local/sqs/service";
import { listen } from "@tendril/local/wire/server";
import { useDatabaseServer } from "@tendril/testing/database-server";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import pg from "pg";
import { openAccountDatabase, readAccountDatabase } from "./account-database.ts";
import { type FaultyWire, openFaultyWire } from "./faulty-wire.ts";

/** How SDK clients are told where the local AWS is. */
const clientConfig = (endpoint: string) => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
});

/** What passes between a client and the Data API: it can be counted, lost and cut. */
export type Wire = Omit<FaultyWire, "url" | "close">;

/** Postgres behind the Data API, with databases for tests. */
export interface TestDatabase {
  readonly wire: Wire;
  /** A new, empty database with a name of its own. */
  freshDatabase(): Promise<{ readonly name: string; readonly database: Database }>;
  /** A database of the given name, with a client of its own. */
  openDatabase(name: string, options?: { sleep?: (ms: number) => Promise<void> }): Database;
  /** Runs a statement beside the wire. */
  query(databaseName: string, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** The local Data API with a wire before it. */
export interface LocalDatabase extends TestDatabase {
  readonly wire: FaultyWire;
}

/** The Aurora of a real account when the environment names one (`scripts/real-account.ts` says how), else a local one. */
export async function startTestDatabase(options: { clock?: Clock } = {}): Promise<TestDatabase> {
  const account = readAccountDatabase();
  return account === undefined ? startLocalDatabase(options) : openAccountDatabase(account);
}

/** The Data API over the PostgreSQL that all test files share, each with databases of its own. A power cut may damage it. */
export async function startLocalDatabase({ clock = systemClock() }: { clock?: Clock } = {}): Promise<LocalDatabase> {
  const postgres = await useDatabaseServer();
  const dataApi = openDataApi({ clock, databaseUrl: postgres.url });
  const server = await listen([dataApi.service], { port: 0 });
  const wire = await openFaultyWire(server.url);
  const openDatabase: LocalDatabase["openDatabase"] = (name, options = {}) =>
    createDatabase({
      client: leanClient(new RDSDataClient(clientConfig(wire.url))),
      link: { clusterArn: "arn:aws:rds:us-east-1:000000000000:cluster:local", secretArn: "arn:local", database: name },
      ...options,
    });
  const beside = openPools(postgres.url);
  const prefix = `tendril_test_${process.pid}_${randomBytes(6).toString("hex")}`;
  const made: string[] = [];
  return {
    wire,
    openDatabase,
    query: beside.query,
    async freshDatabase() {
      const name = `${prefix}_${made.length + 1}`;
      made.push(name);
      await beside.query("postgres", `create database ${name}`);
      return { name, database: openDatabase(name) };
    },
    async close() {
      await wire.close();
      await server.close();
      await dataApi.close();
      for (const name of made) await beside.query("postgres", `drop database ${name} with (force)`);
      await beside.close();
      postgres.release();
    },
  };
}

/** Connections to the databases of a server, by their names. */
function openPools(serverUrl: string): { readonly query: TestDatabase["query"]; close(): Promise<void> } {
  const pools = new Map<string, pg.Pool>();
  const open = (name: string): pg.Pool => {
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    const pool = new pg.Pool({ connectionString: url.href, ssl: false });
    pool.on("error", () => {}); // its database is dropped
    pools.set(name, pool);
    return pool;
  };
  return {
    query: async (name, sql, values = []) => (await (pools.get(name) ?? open(name)).query(sql, values)).rows,
    close: async () => void (await Promise.all([...pools.values()].map((pool) => pool.end()))),
  };
}

/** The ledger's migrations. */
export const ledgerMigrations = path.resolve(import.meta.dirname, "../../packages/ledger/migrations");

/** Makes the ledger's tables. */
export async function migrateLedger(database: Database): Promise<void> {
  await applyMigrations(database, [{ name: "ledger", migrations: await readMigrations(ledgerMigrations) }]);
}

/** A queue with its dead-letter queue, read the way an event source mapping reads it. */
export interface LocalQueue {
  readonly url: string;
  readonly deadLetterUrl: string;
  send(message: Omit<SendMessageCommandInput, "QueueUrl">): Promise<string>;
  /** Receives what is visible, as an event of at most ten records. */
  receive(): Promise<SQSEvent>;
  /** Deletes the records that a worker did not report, and gives those that it did report. */
  acknowledge(event: SQSEvent, response: SQSBatchResponse): Promise<string[]>;
  deadLetters(): Promise<Message[]>;
  /** Messages that are neither deleted nor dead-lettered. */
  count(): Promise<number>;
}

/** SQS on a clock that stands still until a test moves it. */
export interface LocalSqs {
  readonly client: SQSClient;
  readonly clock: VirtualClock;
  /** A new queue. */
  freshQueue(options?: { readonly fifo?: boolean }): Promise<LocalQueue>;
  close(): Promise<void>;
}

const region = "us-east-1";
const accountId = "000000000000";

export async function startLocalSqs(): Promise<LocalSqs> {
  const clock = virtualClock(Date.now());
  let baseUrl = "";
  const sqs = await openSqs({ clock, region, accountId, baseUrl: () => baseUrl });
  const server = await listen([sqs.service], { port: 0 });
  baseUrl = server.url;
  const client = new SQSClient(clientConfig(server.url));
  let count = 0;
  const create = async (name: string, fifo: boolean): Promise<string> => {
    const Attributes = { VisibilityTimeout: "240", ...(fifo ? { FifoQueue: "true" } : {}) };
    const { QueueUrl = "" } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
    return QueueUrl;
  };
  return {
    client,
    clock,
    async freshQueue({ fifo = false } = {}) {
      count += 1;
      const suffix = fifo ? ".fifo" : "";
      const url = await create(`jobs-${count}${suffix}`, fifo);
      const deadLetterUrl = await create(`jobs-${count}-dead${suffix}`, fifo);
      return openQueue(client, {
        url,
        deadLetterUrl,
        arn: `arn:aws:sqs:${region}:${accountId}:jobs-${count}${suffix}`,
      });
    },
    async close() {
      await server.close();
      await sqs.close();
    },
  };
}

/** A queue that is there, through a client that stays the caller's. */
export function openQueue(
  client: SQSClient,
  queue: { readonly url: string; readonly deadLetterUrl: string; readonly arn: string },
): LocalQueue {
  const receive = async (url: string): Promise<Message[]> => {
    const everything = { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All" as const] };
    const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, ...everything });
    return (await client.send(command)).Messages ?? [];
  };
  return {
    url: queue.url,
    deadLetterUrl: queue.deadLetterUrl,
    async send(message) {
      return (await client.send(new SendMessageCommand({ QueueUrl: queue.url, ...message }))).MessageId ?? "";
    },
    receive: async () => ({ Records: (await receive(queue.url)).map((message) => toRecord(message, queue.arn)) }),
    async acknowledge(event, { batchItemFailures }) {
      const failed = batchItemFailures.map((failure) => failure.itemIdentifier);
      const settled = event.Records.filter(({ messageId }) => !failed.includes(messageId));
      if (settled.length === 0) return failed;
      const Entries = settled.map(({ receiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle: receiptHandle }));
      const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
      if (Failed.length > 0) throw new Error(`${Failed.length} messages could not be deleted: ${Failed[0]?.Code}`);
      return failed;
    },
    deadLetters: () => receive(queue.deadLetterUrl),
    async count() {
      const AttributeNames = ["ApproximateNumberOfMessages" as const, "ApproximateNumberOfMessagesNotVisible" as const];
      const command = new GetQueueAttributesCommand({ QueueUrl: queue.url, AttributeNames });
      const { Attributes = {} } = await client.send(command);
      return Object.values(Attributes).reduce((sum, value) => sum + Number(value), 0);
    },
  };
}

/** A message as Lambda has it in its event. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
function toRecord(message: Message, arn: string): SQSRecord {
  const { MessageId = "", ReceiptHandle = "", Body = "", MD5OfBody = "", Attributes = {} } = message;
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [
    name,
    {
      ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
      ...(value.BinaryValue === undefined ? {} : { binaryValue: Buffer.from(value.BinaryValue).toString("base64") }),
      stringListValues: [],
      binaryListValues: [],
      dataType: value.DataType ?? "",
    },
  ]);
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: {
      ApproximateReceiveCount: "",
      SentTimestamp: "",
      SenderId: "",
      ApproximateFirstReceiveTimestamp: "",
      ...Attributes,
    },
    messageAttributes: Object.fromEntries(attributes),
    md5OfBody: MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: arn,
    awsRegion: region,
  };
}
