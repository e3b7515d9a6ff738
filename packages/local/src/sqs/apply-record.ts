import type { Clock } from "../clock.ts";
import { type Message, type StoredMessage, toStored } from "./message.ts";
import type { MoveTask } from "./move-task.ts";
import type { Queue, QueueState } from "./queue.ts";
import { mergeAttributes } from "./queue-attributes.ts";
import type { SqsRecord } from "./record.ts";

/**
 * How long a change of attributes may take to reach all of SQS; recordings show it for the deduplication scope alone.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
 */
const propagationMs = 60_000;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html */
const keptTasks = 10;

/**
 * For how long after its deletion a queue's name cannot be used again.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html
 */
export const deletedRecentlyMs = 60_000;

export interface Applied {
  readonly queues: Map<string, Queue>;
  readonly moveTasks: Map<string, MoveTask>;
  /** When queues were deleted, by name. */
  readonly deletedMs: Map<string, number>;
  readonly clock: Clock;
  readonly newQueue: (state: QueueState) => Queue;
}

/** Does what a record says, whether it was just kept or read back. What it speaks of may be gone: then it does nothing. */
export function applyRecord(record: SqsRecord, applied: Applied): void {
  const { queues, moveTasks, clock, newQueue } = applied;
  if (record.kind === "move-task") {
    keepTask(moveTasks, record.task);
    return;
  }
  if (record.kind === "moved") {
    move(record, applied);
    return;
  }
  if (record.kind === "queue") {
    const known = queues.get(record.state.name);
    if (known) known.state = record.state;
    else queues.set(record.state.name, newQueue(record.state));
    return;
  }
  if (record.kind === "queue-deleted") {
    deleteQueue(record, applied);
    return;
  }
  const queue = queues.get(record.queue);
  if (!queue) return;
  if (record.kind === "attributes" || record.kind === "tags") {
    queue.state = changedState(queue.state, record);
  } else {
    applyToMessages(record, queue, clock.now());
  }
}

type StateRecord = Extract<SqsRecord, { kind: "attributes" | "tags" }>;
type MessageRecord = Exclude<SqsRecord, StateRecord | { kind: "queue" | "queue-deleted" | "moved" | "move-task" }>;

function deleteQueue(record: Extract<SqsRecord, { kind: "queue-deleted" }>, applied: Applied): void {
  const { queues, moveTasks, deletedMs } = applied;
  deletedMs.set(record.queue, record.atMs);
  const queue = queues.get(record.queue);
  if (!queue) return;
  queue.close();
  queues.delete(record.queue);
  for (const { id, sourceArn } of moveTasks.values()) if (sourceArn === queue.arn) moveTasks.delete(id);
}

function move(record: Extract<SqsRecord, { kind: "moved" }>, { queues, moveTasks, clock }: Applied): void {
  if (record.task) keepTask(moveTasks, record.task);
  const source = queues.get(record.from);
  const queue = queues.get(record.queue);
  const message = source?.mailbox.get(record.id ?? record.message.id);
  if (!source || !queue || !message) return;
  source.remove(message);
  queue.sawSequenceNumber(record.message.sequenceNumber);
  remember(queue, record.message, clock.now());
  queue.add(record.message);
}

/** Of each queue the latest tasks are kept: as many as can be listed. */
function keepTask(tasks: Map<string, MoveTask>, task: MoveTask): void {
  tasks.set(task.id, task);
  const ofSource = [...tasks.values()].filter(({ sourceArn }) => sourceArn === task.sourceArn);
  for (const { id } of ofSource.slice(0, -keptTasks)) tasks.delete(id);
}

function changedState(state: QueueState, record: StateRecord): QueueState {
  if (record.kind === "attributes") {
    const { changes, modifiedMs } = record;
    const attributes = mergeAttributes(state.attributes, changes);
    return { ...state, ...formerScope(state, changes, modifiedMs), attributes, modifiedMs };
  }
  const removed = new Set(record.removed);
  const kept = Object.entries(state.tags).filter(([key]) => !removed.has(key));
  return { ...state, tags: { ...Object.fromEntries(kept), ...record.set } };
}

function formerScope(
  { attributes }: QueueState,
  { DeduplicationScope: scope }: Readonly<Record<string, string>>,
  modifiedMs: number,
): Pick<QueueState, "formerScope"> {
  if (scope === undefined || scope === attributes.DeduplicationScope) return {};
  const perGroup = attributes.DeduplicationScope === "messageGroup";
  return { formerScope: { perGroup, untilMs: modifiedMs + propagationMs } };
}

function applyToMessages(record: MessageRecord, queue: Queue, nowMs: number): void {
  switch (record.kind) {
    case "sent":
      remember(queue, record.message, nowMs);
      queue.add(record.message);
      break;
    case "received":
    case "visibility": {
      const message = queue.mailbox.get(record.id);
      if (!message) break;
      if (record.kind === "received") Object.assign(message, { ...record.receipt, visibleAtMs: message.visibleAtMs });
      const { receipt, visibleAtMs } = record.kind === "received" ? record.receipt : record;
      if (message.receipt !== receipt) break;
      if (record.kind === "visibility") message.polled = false;
      queue.setVisibleAt(message, visibleAtMs);
      break;
    }
    case "deleted":
      for (const id of record.ids) {
        const message = queue.mailbox.get(id);
        if (message) queue.remove(message);
      }
      break;
    case "purged":
      queue.purge(record.atMs);
      break;
    case "deduplicated": {
      const { key, messageId, sequenceNumber, setMs } = record;
      queue.deduplicated.set(key, { messageId, sequenceNumber }, setMs, nowMs);
    }
  }
}

/** A message that was read back, or was moved by a task, is remembered as one that was just sent was. */
function remember(queue: Queue, message: StoredMessage, nowMs: number): void {
  const { id, groupId, deduplicationId, sequenceNumber, sentMs, sourceArn } = message;
  if (deduplicationId === undefined || sequenceNumber === undefined || sourceArn !== undefined) return;
  queue.sawSequenceNumber(sequenceNumber);
  const key = queue.deduplicationKey(deduplicationId, groupId, sentMs);
  if (queue.deduplicated.get(key, nowMs)) return;
  queue.deduplicated.set(key, { messageId: id, sequenceNumber }, sentMs, nowMs);
}

/**
 * Records that make the queues and their tasks as they are now. Only a message may change until its record is made: the
 * records of such changes, loaded after it, set what they set once more.
 */
export function snapshot(state: Omit<Applied, "clock" | "newQueue">, nowMs: number): Iterable<SqsRecord> {
  const deletions: SqsRecord[] = [];
  for (const [queue, atMs] of state.deletedMs) {
    if (atMs + deletedRecentlyMs > nowMs) deletions.push({ kind: "queue-deleted", queue, atMs });
  }
  const queues = [...state.queues.values()].map((queue) => queueAsItIs(queue, nowMs));
  const tasks = [...state.moveTasks.values()];
  return (function* (): Generator<SqsRecord> {
    yield* deletions;
    for (const { name, records, messages } of queues) {
      yield* records;
      for (const message of messages) yield { kind: "sent", queue: name, message: toStored(message) };
    }
    for (const task of tasks) yield { kind: "move-task", task };
  })();
}

function queueAsItIs(queue: Queue, nowMs: number): { name: string; records: SqsRecord[]; messages: Message[] } {
  const records: SqsRecord[] = [{ kind: "queue", state: queue.state }];
  for (const { key, value, setMs } of queue.deduplicated.live(nowMs)) {
    const { messageId, sequenceNumber, keeping } = value;
    // One whose message is refused in the end must not be remembered.
    if (keeping) continue;
    records.push({ kind: "deduplicated", queue: queue.name, key, messageId, sequenceNumber, setMs });
  }
  return { name: queue.name, records, messages: [...queue.mailbox.all()] };
}
