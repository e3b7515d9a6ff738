import { randomBytes } from "node:crypto";
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { type Message, SQSClient } from "@aws-sdk/client-sqs";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import { createSender } from "@tendril/client/sender";
import type { Handler, JobContext } from "@tendril/core/handler";
import { type JobId, newJobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import { createLedger, type Ledger } from "@tendril/ledger/ledger";
import { readWire } from "@tendril/worker/read-record";
import { createWorker, type Worker, type WorkerOptions } from "@tendril/worker/worker";
import type { Context, SQSRecord } from "aws-lambda";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type FaultyWire, openFaultyWire } from "./faulty-wire.ts";
import {
  type LocalDatabase,
  type LocalQueue,
  type LocalSqs,
  migrateLedger,
  startLocalDatabase,
  startLocalSqs,
} from "./local-aws.ts";

/** A log line or a metric document. */
export type Line = Record<string, unknown>;

/** A worker with all that it says. */
export interface WorkerBench {
  readonly worker: Worker;
  readonly lines: Line[];
  readonly documents: Line[];
  /** The lines of one job, as `message` and some keys. */
  linesOf(jobId: string): Line[];
}

/** What a worker is made of here; the rest is the same for all. */
export interface BenchOptions
  extends Pick<WorkerOptions, "handlers" | "sqs" | "ledger">,
    Partial<
      Pick<
        WorkerOptions,
        "sources" | "claims" | "maxReceiveCount" | "ledgerRetentionMs" | "longestJobMs" | "jobsAtOnce" | "now"
      >
    > {
  readonly queue: LocalQueue;
  /** Further queues of the tier, by their names. */
  readonly others?: Readonly<Record<string, LocalQueue>>;
}

/** The worker of a queue that is called `jobs` in its tier. */
export function createBench({ queue, others = {}, ...options }: BenchOptions): WorkerBench {
  const lines: Line[] = [];
  const documents: Line[] = [];
  const keep = (kept: Line[]) => (line: string) => void kept.push(JSON.parse(line));
  const logger = new Logger({ serviceName: "tendril" });
  const keepLine = keep(lines);
  Reflect.set(logger, "console", { info: keepLine, warn: keepLine, error: keepLine });
  const metrics = new Metrics({ namespace: "Tendril", serviceName: "tendril" });
  Reflect.set(metrics, "console", { log: keep(documents) });
  const link = linkOf(queue);
  const queues = Object.fromEntries(Object.entries(others).map(([name, other]) => [name, linkOf(other)]));
  const worker = createWorker({
    maxReceiveCount: 1000,
    ledgerRetentionMs: 30 * 86_400_000,
    longestJobMs: 890_000,
    jobsAtOnce: 10,
    ...options,
    queue: "jobs",
    link,
    queues: { jobs: link, ...queues },
    sender: createSender({ sqs: options.sqs, queues: { jobs: link, ...queues } }),
    logger,
    metrics,
    random: () => 0,
  });
  return { worker, lines, documents, linesOf: (jobId) => lines.filter((line) => line.job_id === jobId) };
}

const linkOf = ({ url, deadLetterUrl }: LocalQueue): QueueLink => ({ url, deadLetterUrl });

/** The context of an invocation that may run for `remainingMs`. */
export function lambdaContext(remainingMs = 40_000): Context {
  const endsAtMs = Date.now() + remainingMs;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: "jobs-worker",
    functionVersion: "$LATEST",
    invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:jobs-worker",
    memoryLimitInMB: "512",
    awsRequestId: "8f507cfc-0000-4000-8000-000000000000",
    logGroupName: "/aws/lambda/jobs-worker",
    logStreamName: "stream",
    getRemainingTimeInMillis: () => endsAtMs - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}

/** A job's id as an attribute of its message. */
export const idAttribute = (id: string) => ({ "tendril.job_id": { DataType: "String", StringValue: id } });

/** The reason that a dead letter gives. */
export function reasonIn(letter: Message | undefined): unknown {
  return JSON.parse(letter?.MessageAttributes?.["tendril.error"]?.StringValue ?? "null");
}

/** A new job id. */
export const newId = (): JobId => newJobId(Date.now(), randomBytes(16));

/** Local AWS for one test file, and a worker on a queue of its own for each test. */
export interface WorkerRoom {
  readonly local: LocalDatabase;
  readonly sqs: LocalSqs;
  /** SQS's wire, as the worker has it: what passes over it can be counted, lost and cut. Tests' own calls do not. */
  readonly sqsWire: FaultyWire;
  readonly ledger: Ledger;
  readonly queue: LocalQueue;
  readonly bench: WorkerBench;
  /** Takes another worker, or another queue too, for the rest of the test. */
  use(options: Partial<BenchOptions>): void;
  /** Sends a job whose input is the note, and gives its id. */
  send(
    note: string,
    options?: { readonly type?: string; readonly group?: string; readonly id?: JobId },
  ): Promise<JobId>;
  /** Receives a batch, works through it, deletes what is settled; gives the ids of the messages that were reported. */
  work(remainingMs?: number): Promise<string[]>;
  /** What a job does after it has written its note, by the note. Empty before each test. */
  readonly behaviours: Map<string, Behaviour>;
  failAlways(note: string, thrown: unknown): void;
  /** Writes a note to the table `effects`, then does what `behaviours` say. */
  writeNote(note: string, job: JobContext): Promise<unknown>;
  /** Receives a batch as a process does that dies while its jobs run; then its messages are visible again. */
  crash(): Promise<void>;
  notesOf(jobId: string): Promise<unknown[]>;
  /** The job's row in the ledger. */
  rowOf(jobId: string): Promise<Record<string, unknown> | undefined>;
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  messagesOf(jobId: string): unknown[];
  /** What the worker has said to the Data API and to SQS since the last call of this, in order. */
  calls(): { readonly database: string[]; readonly sqs: string[] };
}

export type Behaviour = (job: JobContext) => Promise<unknown>;

interface Started {
  readonly local: LocalDatabase;
  readonly sqs: LocalSqs;
  readonly sqsWire: FaultyWire;
  readonly sqsClient: SQSClient;
  readonly ledger: Ledger;
  readonly name: string;
}

/** Makes the room of a test file: to be called once, outside of tests. */
export function useWorkerRoom(
  makeHandlers: (room: WorkerRoom) => readonly Handler[],
  { fifo = false }: { readonly fifo?: boolean } = {},
): WorkerRoom {
  let started: Started | undefined;
  let lane: { readonly options: BenchOptions; readonly bench: WorkerBench } | undefined;
  let counted = { database: 0, sqs: 0 };
  const behaviours = new Map<string, Behaviour>();
  const open = (options: BenchOptions): void => {
    lane = { options, bench: createBench(options) };
  };
  const room: WorkerRoom = {
    get local() {
      return there(started).local;
    },
    get sqs() {
      return there(started).sqs;
    },
    get sqsWire() {
      return there(started).sqsWire;
    },
    get ledger() {
      return there(started).ledger;
    },
    get queue() {
      return there(lane).options.queue;
    },
    get bench() {
      return there(lane).bench;
    },
    use: (options) => open({ ...there(lane).options, ...options }),
    async send(note, { type = "Note", group, id = newId() } = {}) {
      await room.queue.send({
        MessageBody: JSON.stringify({ job_type: type, data: note }),
        MessageAttributes: idAttribute(id),
        ...(group === undefined ? {} : { MessageGroupId: group, MessageDeduplicationId: id }),
      });
      return id;
    },
    async work(remainingMs) {
      const event = await room.queue.receive();
      return room.queue.acknowledge(event, await room.bench.worker(event, lambdaContext(remainingMs)));
    },
    behaviours,
    failAlways: (note, thrown) => void behaviours.set(note, () => Promise.reject(thrown)),
    async writeNote(note, job) {
      await job.sql`insert into effects values (${job.id}::uuid, ${note})`;
      return behaviours.get(note)?.(job);
    },
    async crash() {
      const { Records } = await room.queue.receive();
      for (const record of Records) await crashWhileRunning(record, room.ledger);
      await room.sqs.clock.advance(240_000);
    },
    async notesOf(jobId) {
      const rows = await room.query("select note from effects where job = $1", [jobId]);
      return rows.map((row) => row.note);
    },
    rowOf: async (jobId) => (await room.query("select * from tendril.jobs where id = $1", [jobId]))[0],
    query: (sql, values) => room.local.query(there(started).name, sql, values),
    messagesOf: (jobId) => room.bench.linesOf(jobId).map((line) => line.message),
    calls() {
      const { local, sqsWire } = there(started);
      const since = counted;
      counted = { database: local.wire.calls.length, sqs: sqsWire.calls.length };
      return {
        database: local.wire.calls.slice(since.database).map((call) => call.action),
        sqs: sqsWire.calls.slice(since.sqs).map((call) => call.action),
      };
    },
  };
  beforeAll(async () => {
    started = await start();
    await room.query("create table effects (job uuid not null, note text)");
  });
  beforeEach(async () => {
    const { sqs, sqsClient, ledger } = there(started);
    open({ handlers: makeHandlers(room), queue: await sqs.freshQueue({ fifo }), sqs: sqsClient, ledger });
    room.calls();
  });
  afterEach(() => {
    room.local.wire.decide(() => "pass");
    room.sqsWire.decide(() => "pass");
    behaviours.clear();
  });
  afterAll(async () => {
    if (started === undefined) return;
    started.sqsClient.destroy();
    await started.sqsWire.close();
    await Promise.all([started.local.close(), started.sqs.close()]);
  });
  return room;
}

async function start(): Promise<Started> {
  const [local, sqs] = await Promise.all([startLocalDatabase(), startLocalSqs()]);
  const { name, database } = await local.freshDatabase();
  await migrateLedger(database);
  const { protocol, hostname, port } = (await sqs.client.config.endpoint?.()) ?? { protocol: "", hostname: "" };
  const sqsWire = await openFaultyWire(`${protocol}//${hostname}:${port}`);
  const { region, credentials } = sqs.client.config;
  const sqsClient = leanClient(
    new SQSClient({ endpoint: sqsWire.url, region, credentials, useQueueUrlAsEndpoint: false }),
  );
  return { local, sqs, sqsWire, sqsClient, ledger: createLedger(database), name };
}

/** What a worker does until its handler runs; and what the Data API does 3 minutes after the worker's last call. */
async function crashWhileRunning(record: SQSRecord, ledger: Ledger): Promise<void> {
  const signal = new AbortController().signal;
  const reading = readWire(record);
  if (reading.kind !== "job") throw reading.kind === "unreadable" ? reading.error : new Error(reading.reason);
  const { job } = reading;
  const claim = await ledger.claim({ job, queue: "jobs", messageId: record.messageId }, signal);
  if (claim.kind !== "claimed") throw new Error(`a crash of a job that is ${claim.kind}`);
  if (record.attributes.ApproximateReceiveCount !== "1") await ledger.markStart(job.id, signal);
  await claim.transaction.rollback();
}

function there<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new Error("The room is not open yet: use it in tests and hooks only.");
  return part;
}
