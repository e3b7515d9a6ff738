import { ExecuteStatementCommand } from "@aws-sdk/client-rds-data";
import { GetScheduleCommand, paginateListSchedules } from "@aws-sdk/client-scheduler";
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  ListQueueTagsCommand,
  paginateListQueues,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import pLimit from "p-limit";
import type { AwsClients } from "../aws-process.ts";
import { call } from "./call.ts";
import type { MessageBook } from "./message-book.ts";
import { deleteAll, receive } from "./message-load.ts";
import { cluster, type Possible, type StateBook } from "./other-loads.ts";

/** The queue of common load that is looked into. */
export interface CheckedQueue {
  readonly clients: AwsClients;
  readonly book: MessageBook;
  readonly queue: string;
  readonly queueUrl: string;
  readonly unexpected: (what: string) => void;
}

/** How long nothing may come out of a queue before what has not come is lost: longer than a receive hides a message. */
const patienceMs = 7000;

/**
 * Takes everything out of a queue and holds it against the book: what was acknowledged is there once, what was deleted is
 * not, what is hidden stays so. Leaves every fifth message of a standard queue in it.
 */
export async function checkMessages(load: CheckedQueue): Promise<void> {
  const { book, queue } = load;
  const fifo = queue.endsWith(".fifo");
  const seen = new Set<string>();
  const kept: string[] = [];
  const takeAll = async (): Promise<number> => {
    let count = 0;
    for (;;) {
      const messages = await receive(load, { visibilityMs: 300_000, waitSeconds: 0 });
      if (messages.length === 0) return count;
      count += messages.length;
      for (const { key } of messages) seen.add(key);
      const toDelete = messages.filter((_, index) => fifo || index % 5 !== 4);
      kept.push(...messages.filter((message) => !toDelete.includes(message)).map(({ key }) => key));
      await deleteAll(load, toDelete);
    }
  };
  const missing = (): string[] => book.living(queue).flatMap(({ key }) => (seen.has(key) ? [] : [key]));
  if (fifo) await checkDeduplication(load);
  await takeAll();
  let progressMs = Date.now();
  while (missing().length > 0 && Date.now() - progressMs < patienceMs) {
    await showHidden(load, missing());
    if ((await takeAll()) > 0) progressMs = Date.now();
    else await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const key of missing()) {
    const message = book.get(key);
    book.lies.push(`${queue}: ${key} is lost (${JSON.stringify(message)})`);
  }
  await showHidden(load, kept);
}

/** A FIFO queue remembers deduplication ids for five minutes; what is asked about is younger. */
const rememberedMs = 4 * 60_000;

/** Sends messages again under the deduplication ids of the last ones: none may be taken. */
async function checkDeduplication({ clients, book, queue, queueUrl, unexpected }: CheckedQueue): Promise<void> {
  for (const { key, group, messageId, sentAtMs } of book.lastSent(queue, 20)) {
    if (sentAtMs < Date.now() - rememberedMs) continue;
    const again = { MessageBody: `${key}|again`, MessageGroupId: group, MessageDeduplicationId: key };
    const answer = await call(() => clients.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, ...again })));
    if (answer.kind !== "acknowledged") unexpected(`SendMessage: ${answer.kind}`);
    else if (answer.value.MessageId !== messageId) book.lies.push(`${queue}: the deduplication id ${key} is forgotten`);
  }
}

/** Makes messages visible again, by the receipt handles that were given before the kill. */
async function showHidden(load: CheckedQueue, keys: readonly string[]): Promise<void> {
  const messages = keys.flatMap((key) => load.book.get(key) ?? []).filter(({ handle }) => handle !== undefined);
  for (let from = 0; from < messages.length; from += 10) {
    const batch = messages.slice(from, from + 10);
    const Entries = batch.map(({ handle }, index) => ({
      Id: String(index),
      ReceiptHandle: handle ?? "",
      VisibilityTimeout: 0,
    }));
    const answer = await call(() =>
      load.clients.sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: load.queueUrl, Entries })),
    );
    if (answer.kind !== "acknowledged") load.unexpected(`ChangeMessageVisibilityBatch: ${answer.kind}`);
    for (const message of batch) message.hidden = undefined;
  }
}

/** Holds schedules, rows and queues of their own against the book, and settles what was in doubt. Gives the lies. */
export async function checkState(clients: AwsClients, book: StateBook, prefix: string): Promise<string[]> {
  return [
    ...compare("schedule", book.schedules, await readSchedules(clients)),
    ...compare("row", book.rows, await readRows(clients)),
    ...compare("queue", book.queues, await readQueues(clients, prefix)),
  ];
}

function compare<T>(what: string, book: Possible<T>, found: ReadonlyMap<string, T>): string[] {
  const lies: string[] = [];
  for (const [key, possible] of book) {
    const value = found.get(key) ?? "nothing";
    const text = JSON.stringify(value);
    if (!possible.some((each) => JSON.stringify(each) === text)) {
      lies.push(`${what} ${key}: found ${text}, told ${possible.map((each) => JSON.stringify(each)).join(" or ")}`);
    }
    book.set(key, [value]);
  }
  for (const key of found.keys()) if (!book.has(key)) lies.push(`${what} ${key} is there, and nobody made it`);
  return lies;
}

async function readSchedules({ scheduler }: AwsClients): Promise<Map<string, string>> {
  const names: string[] = [];
  for await (const page of paginateListSchedules({ client: scheduler }, {})) {
    names.push(...(page.Schedules ?? []).map(({ Name = "" }) => Name));
  }
  const limit = pLimit(4);
  const found = await Promise.all(names.map((Name) => limit(() => scheduler.send(new GetScheduleCommand({ Name })))));
  return new Map(found.map(({ Name = "", Description = "" }) => [Name, Description]));
}

async function readRows({ rdsData }: AwsClients): Promise<Map<string, "row">> {
  const found = new Map<string, "row">();
  for (;;) {
    const sql = `select id from kept order by id limit 5000 offset ${found.size}`;
    const { records = [] } = await rdsData.send(new ExecuteStatementCommand({ ...cluster, sql }));
    for (const [field] of records) found.set(field?.stringValue ?? "", "row");
    if (records.length < 5000) return found;
  }
}

async function readQueues(
  { sqs }: AwsClients,
  QueueNamePrefix: string,
): Promise<Map<string, { messages: number; tag: string | undefined }>> {
  const found = new Map<string, { messages: number; tag: string | undefined }>();
  for await (const { QueueUrls = [] } of paginateListQueues({ client: sqs }, { QueueNamePrefix, MaxResults: 1000 })) {
    for (const QueueUrl of QueueUrls) {
      const AttributeNames = ["ApproximateNumberOfMessages" as const];
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
      const { Tags } = await sqs.send(new ListQueueTagsCommand({ QueueUrl }));
      const name = QueueUrl.slice(QueueUrl.lastIndexOf("/") + 1);
      found.set(name, { messages: Number(Attributes?.ApproximateNumberOfMessages), tag: Tags?.of });
    }
  }
  return found;
}
