import {
  DeleteMessageBatchCommand,
  type Message,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { longestMessageBytes } from "@tendril/core/message";
import { type DeadLetter, readDeadLetter, wayBackOf } from "./dead-letter.ts";
import { type DeadQueue, failedCall } from "./dead-queue.ts";
import { type DeadReader, inChunks, openDeadReader } from "./dead-reader.ts";

/** What became of the chosen letters. */
export interface Tally {
  done: number;
  /** By the letter's message id. */
  readonly failures: Map<string, { readonly jobId: string; readonly why: string }>;
  /** Letters that could not be made visible again at once. */
  stillHidden: number;
}

export interface DeadWork {
  readonly sqs: SQSClient;
  readonly queue: DeadQueue;
  readonly name: "redrive" | "drop";
  /** Asked once about each letter that is read. */
  readonly isChosen: (letter: DeadLetter) => boolean;
  /** At most so many letters are chosen: after them the queue is read no further. */
  readonly most: number;
  /** Letters in the queue. */
  readonly expected: number;
  readonly signal: AbortSignal;
  /** Told how many letters more are done. Default: nobody is. */
  readonly onDone?: (count: number) => void;
  readonly tally: Tally;
}

/** A letter with its message. */
interface Held {
  readonly message: Message;
  readonly letter: DeadLetter;
}

/**
 * Sends the chosen letters of a queue back, or drops them, as they are read: no more than some tens of bodies are held.
 * A letter is deleted only when SQS has acknowledged its message, so an end between the two leaves both: the job is then
 * delivered twice and takes effect once. Letters that are not chosen are visible again in the end, also after an error.
 * Error: `aws_call_failed`; `tally` then says how far it came.
 */
export async function workThrough(work: DeadWork): Promise<void> {
  const stoppedGroups = new Set<string>();
  const decided = new Map<string, boolean>();
  let left = work.most;
  const isChosen = ({ letter }: Held): boolean => {
    const before = decided.get(letter.messageId);
    const chosen = before ?? (left > 0 && work.isChosen(letter));
    decided.set(letter.messageId, chosen);
    if (before === undefined && chosen) left -= 1;
    return chosen && !work.tally.failures.has(letter.messageId);
  };
  for (let before = -1; before < work.tally.done && !work.signal.aborted; ) {
    before = work.tally.done;
    const reader = openDeadReader(work);
    try {
      for await (const messages of reader.batches()) {
        const held = messages.map((message) => ({ message, letter: readDeadLetter(message, work.queue) }));
        await settleAll(begin(held.filter(isChosen), work, reader, stoppedGroups));
        if (left <= 0) break;
      }
    } finally {
      work.tally.stillHidden += await reader.release();
    }
    // In a FIFO queue, letters come to light when those before them in their groups are gone.
    if (!work.queue.fifo || left <= 0) return;
  }
}

/** Begins what is to be done with some letters: all at the same time, but those of a FIFO group one after the other. */
function begin(chosen: readonly Held[], work: DeadWork, reader: DeadReader, stopped: Set<string>): Promise<void>[] {
  if (work.name === "drop") return inChunks(chosen, 10).map((chunk) => remove(chunk, work, reader));
  if (!work.queue.fifo) {
    return packed(outgoing(chosen, work)).map(async (chunk) => remove(await send(chunk, work), work, reader));
  }
  const groups = Map.groupBy(chosen, ({ message }) => message.Attributes?.MessageGroupId ?? "");
  return [...groups].map(async ([group, letters]) => {
    const sent: Held[] = [];
    try {
      for (const letter of letters) {
        if (stopped.has(group)) return;
        const taken = await send(outgoing([letter], work), work);
        if (taken.length === 0) stopped.add(group); // what is behind it must not overtake it
        sent.push(...taken);
      }
    } finally {
      await remove(sent, work, reader);
    }
  });
}

/** The messages that letters are sent back as; those that cannot go have failed. */
function outgoing(letters: readonly Held[], work: DeadWork): Outgoing[] {
  return letters.flatMap((held) => {
    const way = wayBackOf(held.message, held.letter, work.queue);
    if (way.kind === "message") return [{ ...held, ...way }];
    fail(work, held, way.why);
    return [];
  });
}

interface Outgoing extends Held {
  readonly entry: Omit<SendMessageBatchRequestEntry, "Id">;
  readonly bytes: number;
}

/** Batches of at most 10 messages and 1 MiB. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
function packed(messages: readonly Outgoing[]): Outgoing[][] {
  const batches: Outgoing[][] = [];
  let roomBytes = 0;
  for (const each of messages) {
    const last = batches.at(-1);
    if (last === undefined || last.length === 10 || each.bytes > roomBytes) {
      batches.push([each]);
      roomBytes = longestMessageBytes - each.bytes;
    } else {
      last.push(each);
      roomBytes -= each.bytes;
    }
  }
  return batches;
}

/** Sends messages to the letters' own queue; gives those that SQS has acknowledged. */
async function send(chunk: readonly Outgoing[], work: DeadWork): Promise<Outgoing[]> {
  if (chunk.length === 0) return [];
  const Entries = chunk.map(({ entry }, index) => ({ Id: String(index), ...entry }));
  const command = new SendMessageBatchCommand({ QueueUrl: work.queue.url, Entries });
  const { Successful = [], Failed = [] } = await work.sqs
    .send(command)
    .catch(failedCall(`SendMessageBatch to ${work.queue.name}`));
  for (const { Id, Code } of Failed) fail(work, chunk[Number(Id)], `SQS did not take it (${Code})`);
  return Successful.flatMap(({ Id }) => chunk[Number(Id)] ?? []);
}

/** Deletes letters. */
async function remove(chunk: readonly Held[], work: DeadWork, reader: DeadReader): Promise<void> {
  if (chunk.length === 0) return;
  const Entries = chunk.map(({ message }, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle }));
  const command = new DeleteMessageBatchCommand({ QueueUrl: work.queue.deadLetterUrl, Entries });
  const { Successful = [], Failed = [] } = await work.sqs
    .send(command)
    .catch(failedCall(`DeleteMessageBatch on ${work.queue.name}'s dead letters`));
  const sent = work.name === "redrive" ? "sent back, but its letter" : "it";
  for (const { Id, Code } of Failed) fail(work, chunk[Number(Id)], `${sent} could not be deleted (${Code})`);
  for (const { Id } of Successful) reader.forget(chunk[Number(Id)]?.message.MessageId ?? "");
  work.tally.done += Successful.length;
  work.onDone?.(Successful.length);
}

function fail(work: DeadWork, held: Held | undefined, why: string): void {
  if (held !== undefined) work.tally.failures.set(held.letter.messageId, { jobId: held.letter.jobId, why });
}

/** Waits for all, then throws what the first that failed has thrown: nothing goes on behind the caller's back. */
async function settleAll(tasks: readonly Promise<void>[]): Promise<void> {
  for (const task of await Promise.allSettled(tasks)) if (task.status === "rejected") throw task.reason;
}
