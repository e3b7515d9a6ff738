import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ExecuteStatementCommand } from "@aws-sdk/client-rds-data";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
} from "@aws-sdk/client-sqs";
import { type AwsProcess, type AwsProcessOptions, spawnAws, startAws } from "../aws-process.ts";
import { type Random, randomOf } from "../random.ts";
import { checkMessages, checkState } from "./check.ts";
import { MessageBook } from "./message-book.ts";
import { type Load, receiveLoad, sendLoad } from "./message-load.ts";
import { cluster, queueLoad, rowLoad, type StateBook, scheduleLoad } from "./other-loads.ts";

export interface CampaignOptions {
  /** An empty folder. */
  readonly folder: string;
  /** More flags for `tendril aws`. */
  readonly flags?: readonly string[];
  readonly kills: number;
  readonly seed: number;
  /** How long the load goes on before a kill, in milliseconds: from, to. */
  readonly loadMs: readonly [from: number, to: number];
  /** How often a start is killed too, 0 to 1. */
  readonly killedStarts: number;
  /** Takes a line after each kill. */
  readonly log: (line: string) => void;
}

export interface CampaignResult {
  /** Where the server did against its word; the campaign ends with the first. */
  readonly lies: readonly string[];
  readonly messages: number;
  readonly schedules: number;
  readonly rows: number;
  readonly queues: number;
  readonly killedStarts: number;
  /** Receives that a killed process did not remember: their messages came early. */
  readonly forgottenReceives: number;
  /** The largest size of the journals, in bytes. */
  readonly journalBytes: { readonly sqs: number; readonly scheduler: number };
}

const queueNames = ["standard", "fifo.fifo"] as const;

/** Kills `tendril aws` under load again and again, and holds what is there after each start against what clients were told. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { folder, flags = [], log } = options;
  const random = randomOf(options.seed);
  const messages = new MessageBook();
  const state: StateBook = { schedules: new Map(), rows: new Map(), queues: new Map() };
  const journal = watchJournals(folder);
  let killedStarts = 0;
  let aws = await startAws({ folder, flags });
  try {
    await prepare(aws);
    for (let kill = 1; kill <= options.kills && messages.lies.length === 0; kill++) {
      const loadMs = random.between(...options.loadMs);
      const before = messages.size;
      await killUnderLoad({ aws, random, messages, state, loadMs, name: `k${kill}` });
      const bytes = await journal.look(messages);
      for (; random.chance(options.killedStarts); killedStarts++) await killStart({ folder, flags }, random);
      const startMs = Date.now();
      aws = await startAws({ folder, flags });
      const readyMs = Date.now() - startMs;
      await check(aws, messages, state);
      log(
        `kill ${kill}: ${messages.size - before} messages sent in ${loadMs} ms, ready again in ${readyMs} ms, ` +
          `${messages.lies.length} lies, SQS journal ${(bytes / 1024).toFixed(0)} KiB`,
      );
    }
  } finally {
    await aws.kill();
  }
  return {
    lies: messages.lies,
    messages: messages.size,
    schedules: state.schedules.size,
    rows: state.rows.size,
    queues: state.queues.size,
    killedStarts,
    forgottenReceives: messages.forgottenReceives,
    journalBytes: journal.largest,
  };
}

async function prepare({ clients }: AwsProcess): Promise<void> {
  for (const QueueName of queueNames) {
    const Attributes = QueueName.endsWith(".fifo") ? { FifoQueue: "true" } : {};
    await clients.sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  }
  await clients.rdsData.send(new ExecuteStatementCommand({ ...cluster, sql: "create table kept (id text)" }));
}

interface Round {
  readonly aws: AwsProcess;
  readonly random: Random;
  readonly messages: MessageBook;
  readonly state: StateBook;
  readonly loadMs: number;
  readonly name: string;
}

async function killUnderLoad({ aws, random, messages, state, loadMs, name }: Round): Promise<void> {
  let stopped = false;
  const { clients } = aws;
  const common = {
    clients,
    random,
    stopped: () => stopped,
    unexpected: (what: string) => void messages.lies.push(what),
  };
  const loads = queueNames.flatMap((queue): Promise<void>[] => {
    const load = (part: string): Load => ({
      ...common,
      book: messages,
      queue,
      queueUrl: urlOf(aws, queue),
      name: `${name}-${queue[0]}${part}`,
    });
    return [sendLoad(load("1")), sendLoad(load("2")), receiveLoad(load("r1")), receiveLoad(load("r2"))];
  });
  const others = { ...common, book: state };
  loads.push(scheduleLoad({ ...others, name: `${name}-s1` }), scheduleLoad({ ...others, name: `s2` }));
  loads.push(rowLoad({ ...others, name }), queueLoad({ ...others, name: `own-${name}` }));
  await pause(loadMs);
  stopped = true;
  messages.killed();
  const ended = aws.kill();
  await Promise.all(loads);
  await ended;
  if (aws.errors() !== "") messages.lies.push(`it wrote on standard error:\n${aws.errors()}`);
}

async function check(aws: AwsProcess, messages: MessageBook, state: StateBook): Promise<void> {
  const { clients } = aws;
  const unexpected = (what: string): void => void messages.lies.push(what);
  await Promise.all([
    ...queueNames.map((queue) =>
      checkMessages({ clients, book: messages, queue, queueUrl: urlOf(aws, queue), unexpected }),
    ),
    checkState(clients, state, "own-").then((lies) => void messages.lies.push(...lies)),
  ]);
}

const urlOf = (aws: AwsProcess, queue: string): string => `${aws.url}/000000000000/${queue}`;

/** A start that is killed before it is ready, or just then. */
async function killStart(start: AwsProcessOptions, random: Random): Promise<void> {
  const { child, ended } = spawnAws(start);
  await pause(random.between(200, 2500));
  child.kill("SIGKILL");
  await ended;
}

/** What is compacted is at most three times what is alive, or 4 MiB more; a burst of writes may come on top. */
const allowedGrowthBytes = 6 * 1024 * 1024;

/** A FIFO queue remembers deduplication ids for five minutes, whatever becomes of their messages. */
const deduplicationBytes = 250;

function watchJournals(folder: string) {
  const largest = { sqs: 0, scheduler: 0 };
  let [livingBytes, begunMs] = [0, Date.now()];
  let sent: { atMs: number; size: number }[] = [];
  return {
    largest,
    /** Adds a lie when a journal is larger than its contents explain; gives the size of SQS's, in bytes. */
    async look(book: MessageBook): Promise<number> {
      const nowMs = Date.now();
      sent = [...sent, { atMs: begunMs, size: book.size }].filter(({ atMs }) => atMs > nowMs - 400_000);
      begunMs = nowMs;
      const remembered = (book.size - (sent[0]?.size ?? 0) + 1000) * deduplicationBytes;
      livingBytes = Math.max(livingBytes, book.livingBytes + remembered);
      const sqs = await sizeOf(join(folder, ".tendril-aws/sqs/journal.jsonl"));
      const scheduler = await sizeOf(join(folder, ".tendril-aws/scheduler/schedules.jsonl"));
      largest.sqs = Math.max(largest.sqs, sqs);
      largest.scheduler = Math.max(largest.scheduler, scheduler);
      if (sqs > 3 * livingBytes + allowedGrowthBytes)
        book.lies.push(`SQS's journal has ${sqs} bytes, of which ${livingBytes} are alive at most`);
      if (scheduler > allowedGrowthBytes + 1024 * 1024) book.lies.push(`Scheduler's journal has ${scheduler} bytes`);
      return sqs;
    },
  };
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** Sends and deletes messages, so that few are there at a time, and gives the journal's largest size in bytes. */
export async function steadyLoad({
  aws,
  folder,
  messages,
  bodyBytes,
}: {
  aws: AwsProcess;
  folder: string;
  messages: number;
  bodyBytes: number;
}): Promise<number> {
  const { sqs } = aws.clients;
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "steady" }));
  const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: String(index), MessageBody: "x".repeat(bodyBytes) }));
  let [left, largest] = [messages, 0];
  const work = async (): Promise<void> => {
    for (; left > 0; left -= 10) {
      await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
      const toDelete = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      if (toDelete.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: toDelete }));
      largest = Math.max(largest, await sizeOf(join(folder, ".tendril-aws/sqs/journal.jsonl")));
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return largest;
}
