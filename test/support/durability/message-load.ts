import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import type { AwsClients } from "../aws-process.ts";
import type { Random } from "../random.ts";
import { type Answer, call } from "./call.ts";
import type { BookedMessage, MessageBook } from "./message-book.ts";

/** One client's load on one queue. */
export interface Load {
  readonly clients: AwsClients;
  readonly book: MessageBook;
  readonly random: Random;
  readonly queue: string;
  readonly queueUrl: string;
  /** Unique among all loads ever; keys begin with it. */
  readonly name: string;
  readonly stopped: () => boolean;
  /** Told of an answer that no client should get. */
  readonly unexpected: (what: string) => void;
}

/** Sends until it is stopped: alone and in batches, small and larger ones, some delayed. */
export async function sendLoad(load: Load): Promise<void> {
  const { random } = load;
  for (let number = 0; !load.stopped(); ) {
    const count = random.chance(0.5) ? 1 : random.between(2, 10);
    const entries = Array.from({ length: count }, () => newEntry(load, number++));
    if (count === 1 && entries[0]) await sendOne(load, entries[0]);
    else await sendBatch(load, entries);
  }
}

/** Receives until it is stopped, and deletes, hides, shows or leaves what it gets. */
export async function receiveLoad(load: Load): Promise<void> {
  while (!load.stopped()) {
    const messages = await receive(load, { visibilityMs: 4000, waitSeconds: 1 });
    await settle(load, messages);
  }
}

interface Entry {
  readonly booked: BookedMessage;
  readonly body: string;
  readonly delaySeconds: number;
}

function newEntry({ book, random, queue, name }: Load, number: number): Entry {
  const key = `${name}-${number}`;
  const body = `${key}|${"x".repeat(random.chance(0.1) ? random.between(1000, 20_000) : random.between(0, 300))}`;
  const fifo = queue.endsWith(".fifo");
  const group = fifo ? `${name}-${random.between(0, 4)}` : undefined;
  const booked = book.sending({ key, queue, group, bytes: body.length });
  return { booked, body, delaySeconds: !fifo && random.chance(0.05) ? 1 : 0 };
}

const placeOf = ({ booked: { key, group }, delaySeconds }: Entry): object =>
  group === undefined ? { DelaySeconds: delaySeconds } : { MessageGroupId: group, MessageDeduplicationId: key };

async function sendOne(load: Load, entry: Entry): Promise<void> {
  const send = () =>
    load.clients.sqs.send(
      new SendMessageCommand({ QueueUrl: load.queueUrl, MessageBody: entry.body, ...placeOf(entry) }),
    );
  const answer = await call(send);
  expectDone(load, "SendMessage", answer);
  if (answer.kind !== "acknowledged") return;
  acknowledgeSend(entry, answer.value.MessageId, answer);
  if (entry.booked.group === undefined || !load.random.chance(0.1)) return;
  const again = await call(send);
  if (again.kind === "acknowledged" && again.value.MessageId !== answer.value.MessageId) {
    load.book.lies.push(`${load.queue}: ${entry.booked.key} was taken twice in spite of its deduplication id`);
  }
}

async function sendBatch(load: Load, entries: readonly Entry[]): Promise<void> {
  const Entries = entries.map((entry, index) => ({ Id: String(index), MessageBody: entry.body, ...placeOf(entry) }));
  const answer = await call(() =>
    load.clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: load.queueUrl, Entries })),
  );
  expectDone(load, "SendMessageBatch", answer);
  if (answer.kind !== "acknowledged") return;
  for (const { Id, MessageId } of answer.value.Successful ?? []) {
    const entry = entries[Number(Id)];
    if (entry) acknowledgeSend(entry, MessageId, answer);
  }
  for (const { Code, Message } of answer.value.Failed ?? [])
    load.unexpected(`an entry of SendMessageBatch: ${Code} ${Message}`);
}

function acknowledgeSend(
  { booked, delaySeconds }: Entry,
  messageId: string | undefined,
  { startedMs, endedMs }: { startedMs: number; endedMs: number },
): void {
  booked.sent = "acknowledged";
  booked.messageId = messageId;
  if (delaySeconds > 0 && !booked.hidden) {
    booked.hidden = { sinceMs: endedMs, untilMs: startedMs + delaySeconds * 1000, by: "delay" };
  }
}

/** Receives up to ten messages and books them. */
export async function receive(
  load: Pick<Load, "clients" | "book" | "queue" | "queueUrl" | "unexpected">,
  { visibilityMs, waitSeconds }: { visibilityMs: number; waitSeconds: number },
): Promise<BookedMessage[]> {
  const answer = await call(() =>
    load.clients.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: load.queueUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: visibilityMs / 1000,
        WaitTimeSeconds: waitSeconds,
      }),
    ),
  );
  expectDone(load, "ReceiveMessage", answer);
  if (answer.kind !== "acknowledged") return [];
  const messages = (answer.value.Messages ?? []).map((message) => ({
    id: message.MessageId ?? "",
    body: message.Body ?? "",
    handle: message.ReceiptHandle ?? "",
  }));
  return load.book.received({ queue: load.queue, messages, visibilityMs, ...answer });
}

async function settle(load: Load, messages: readonly BookedMessage[]): Promise<void> {
  const { random } = load;
  // Only while they are surely held: afterwards another client may have them.
  const held = messages.filter(({ hidden }) => (hidden?.untilMs ?? 0) - Date.now() > 2000);
  const [toDelete, toChange]: [BookedMessage[], BookedMessage[]] = [[], []];
  for (const message of held) {
    const dice = random.next();
    if (dice < 0.6) toDelete.push(message);
    else if (dice < 0.9) toChange.push(message);
  }
  const alone = random.chance(0.3);
  for (const batch of alone ? toDelete.map((each) => [each]) : [toDelete]) await deleteAll(load, batch);
  for (const batch of alone ? toChange.map((each) => [each]) : [toChange]) await hideAll(load, batch);
}

type Place = Pick<Load, "clients" | "queueUrl" | "unexpected">;

/** Deletes up to ten messages, one alone with a call of its own. */
export async function deleteAll(load: Place, messages: readonly BookedMessage[]): Promise<void> {
  const [first] = messages;
  if (!first) return;
  for (const message of messages) message.deleted = "in-doubt";
  const { sqs } = load.clients;
  const QueueUrl = load.queueUrl;
  const entries = messages.map(({ handle }, index) => ({ Id: String(index), ReceiptHandle: handle ?? "" }));
  const answer = await call(() =>
    messages.length === 1
      ? sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: first.handle }))
      : sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: entries })),
  );
  expectDone(load, "DeleteMessage", answer);
  if (answer.kind !== "acknowledged") return;
  const failed = reportFailed(load, "DeleteMessageBatch", answer.value);
  for (const [index, message] of messages.entries()) {
    if (!failed.has(index)) Object.assign(message, { deleted: "acknowledged", deletedAtMs: answer.endedMs });
  }
}

async function hideAll(load: Load, messages: readonly BookedMessage[]): Promise<void> {
  const [first] = messages;
  if (!first) return;
  const { sqs } = load.clients;
  const QueueUrl = load.queueUrl;
  const seconds = load.random.pick([0, 1, 5, 30, 120]);
  // Until it is answered, both the old hold and the new one are possible: neither is counted on.
  const before = messages.map((message) => message.hidden);
  for (const message of messages) message.hidden = undefined;
  const entries = messages.map(({ handle }, index) => ({
    Id: String(index),
    ReceiptHandle: handle ?? "",
    VisibilityTimeout: seconds,
  }));
  const answer = await call(() =>
    messages.length === 1
      ? sqs.send(
          new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: first.handle, VisibilityTimeout: seconds }),
        )
      : sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries: entries })),
  );
  expectDone(load, "ChangeMessageVisibility", answer);
  if (answer.kind !== "acknowledged") return;
  const failed = reportFailed(load, "ChangeMessageVisibilityBatch", answer.value);
  const { startedMs, endedMs } = answer;
  for (const [index, message] of messages.entries()) {
    // A message that had become visible meanwhile is left as it is; one that was received meanwhile has a hold of its own.
    if (failed.has(index) || message.hidden || endedMs >= (before[index]?.untilMs ?? 0)) continue;
    message.hidden = { sinceMs: endedMs, untilMs: startedMs + seconds * 1000, by: "change" };
  }
}

/** The entries of a batch that were not done, by their place. */
function reportFailed(load: Pick<Load, "unexpected">, what: string, output: object): ReadonlySet<number> {
  const failed: readonly BatchResultErrorEntry[] =
    "Failed" in output && Array.isArray(output.Failed) ? output.Failed : [];
  for (const { Code, Message } of failed) load.unexpected(`an entry of ${what}: ${Code} ${Message}`);
  return new Set(failed.map(({ Id }) => Number(Id)));
}

/** Calls of this load are right: AWS has no reason to refuse one. */
function expectDone(load: Pick<Load, "unexpected">, what: string, answer: Answer<unknown>): void {
  if (answer.kind === "refused") load.unexpected(`${what} was refused: ${answer.error.name}: ${answer.error.message}`);
}
