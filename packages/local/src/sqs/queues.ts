import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { type Journal, openJournal } from "../journal.ts";
import { refusedByDisk } from "../wire/disk-refusal.ts";
import { applyRecord, snapshot } from "./apply-record.ts";
import { queueDoesNotExist } from "./errors.ts";
import { type Message, type StoredMessage, toStored } from "./message.ts";
import type { MoveTask } from "./move-task.ts";
import { Queue, type QueueEvents, type QueueState } from "./queue.ts";
import type { SqsRecord } from "./record.ts";
import type { Weather } from "./weather.ts";

export interface QueuesOptions {
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** The folder of the journal; undefined keeps everything in memory only. */
  readonly dir: string | undefined;
  /** What goes wrong with messages; undefined for nothing. */
  readonly weather?: Weather | undefined;
  /** Told when the disk refuses something. */
  readonly onFailure: (failure: unknown) => void;
}

/** All queues, and the journal that keeps them. */
export interface Queues {
  readonly clock: Clock;
  readonly weather: Weather | undefined;
  /** By id, in the order in which they were started. */
  readonly moveTasks: ReadonlyMap<string, MoveTask>;
  /** When queues were deleted, by name; those of long ago may be missing. */
  readonly deletedMs: ReadonlyMap<string, number>;
  /** All queues in the order of their names. */
  all(): readonly Queue[];
  find(name: string): Queue | undefined;
  /** By any URL whose last path segment is the name. Throws `QueueDoesNotExist`. */
  byUrl(url: string): Queue;
  byArn(arn: string): Queue | undefined;
  arnOf(name: string): string;
  /**
   * Keeps a record, then does what it says. Rejects when the disk refuses it, and then nothing was done. Records are
   * done in the order in which they came.
   */
  commit(record: SqsRecord): Promise<void>;
  /** Does what a record says at once; the journal follows, for after a restart. */
  doNow(record: SqsRecord): void;
  /** Ends those who wait for messages, and closes the journal. */
  close(): Promise<void>;
}

/** Reads the queues from their journal. */
export async function openQueues(options: QueuesOptions): Promise<Queues> {
  const { clock, dir, weather, onFailure } = options;
  const queues = new Map<string, Queue>();
  const moveTasks = new Map<string, MoveTask>();
  const deletedMs = new Map<string, number>();
  const arnOf = (name: string): string => `arn:aws:sqs:${options.region}:${options.accountId}:${name}`;
  const byArn = (arn: string): Queue | undefined => {
    const queue = queues.get(arn.slice(arn.lastIndexOf(":") + 1));
    return queue?.arn === arn ? queue : undefined;
  };
  // Messages that are received or move by themselves change at once; the journal follows, for after a restart.
  const note = (record: SqsRecord): void => journal.note(record);
  const events = queueEvents({ clock, byArn, note });
  const newQueue = (state: QueueState): Queue => new Queue({ state, arn: arnOf(state.name), clock, events, weather });
  const apply = (record: SqsRecord): void => applyRecord(record, { queues, moveTasks, deletedMs, clock, newQueue });
  const journal: Journal<SqsRecord> = dir
    ? await openJournal({
        file: join(dir, "journal.jsonl"),
        load: apply,
        snapshot: () => snapshot({ queues, moveTasks, deletedMs }, clock.now()),
        onFailure,
      })
    : memoryJournal;
  return {
    clock,
    weather,
    moveTasks,
    deletedMs,
    all: () => [...queues.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    find: (name) => queues.get(name),
    byUrl(url) {
      const queue = queues.get(url.slice(url.lastIndexOf("/") + 1));
      if (!queue) throw queueDoesNotExist();
      return queue;
    },
    byArn,
    arnOf,
    async commit(record) {
      await journal.append(record).catch(refusedByDisk);
      apply(record);
    },
    doNow(record) {
      apply(record);
      note(record);
    },
    async close() {
      for (const queue of queues.values()) queue.close();
      await journal.close();
    },
  };
}

const memoryJournal: Journal<SqsRecord> = {
  append: () => Promise.resolve(),
  note: () => {},
  close: () => Promise.resolve(),
};

function queueEvents(to: {
  clock: Clock;
  byArn: (arn: string) => Queue | undefined;
  note: (record: SqsRecord) => void;
}): QueueEvents {
  return {
    received(queue, messages) {
      for (const {
        id,
        receiveCount,
        firstReceivedMs = 0,
        receivedMs = 0,
        visibleAtMs,
        polled = false,
        receipt = "",
      } of messages) {
        const change = { receiveCount, firstReceivedMs, receivedMs, visibleAtMs, polled, receipt };
        to.note({ kind: "received", queue: queue.name, id, receipt: change });
      }
    },
    expired(queue, messages) {
      to.note({ kind: "deleted", queue: queue.name, ids: messages.map(({ id }) => id) });
    },
    exhausted(queue, message) {
      const target = to.byArn(queue.settings.redrive?.deadLetterArn ?? "");
      if (!target) return false;
      const moved = deadLetter(message, queue, to.clock.now());
      queue.remove(message);
      target.add(moved);
      to.note({ kind: "moved", from: queue.name, queue: target.name, message: moved });
      return true;
    },
  };
}

/**
 * The message as it stands in the dead-letter queue. In a FIFO queue its retention begins again, in a standard queue not:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
 */
function deadLetter(message: Message, source: Queue, nowMs: number): StoredMessage {
  const { receipt: _, ...stored } = toStored(message);
  return {
    ...stored,
    sourceArn: source.arn,
    enqueuedMs: source.fifo ? nowMs : message.enqueuedMs,
    receivedElsewhere: message.receiveCount,
    visibleAtMs: nowMs,
  };
}
