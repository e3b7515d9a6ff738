import type { Clock } from "../clock.ts";
import { type StoredMessage, toStored } from "./message.ts";
import type { Queue, QueueState } from "./queue.ts";
import { mergeAttributes } from "./queue-attributes.ts";
import type { SqsRecord } from "./record.ts";

export interface Applied {
  readonly queues: Map<string, Queue>;
  readonly clock: Clock;
  readonly newQueue: (state: QueueState) => Queue;
}

/** Does what a record says, whether it was just kept or read back. What it speaks of may be gone: then it does nothing. */
export function applyRecord(record: SqsRecord, { queues, clock, newQueue }: Applied): void {
  if (record.kind === "queue") {
    const known = queues.get(record.state.name);
    if (known) known.state = record.state;
    else queues.set(record.state.name, newQueue(record.state));
    return;
  }
  const queue = queues.get(record.queue);
  if (!queue) return;
  if (record.kind === "queue-deleted") {
    queue.close();
    queues.delete(record.queue);
  } else if (record.kind === "attributes" || record.kind === "tags") {
    queue.state = changedState(queue.state, record);
  } else if (record.kind === "moved") {
    const source = queues.get(record.from);
    const message = source?.mailbox.get(record.message.id);
    if (!source || !message) return;
    source.remove(message);
    queue.add(record.message);
  } else {
    applyToMessages(record, queue, clock.now());
  }
}

type StateRecord = Extract<SqsRecord, { kind: "attributes" | "tags" }>;
type MessageRecord = Exclude<SqsRecord, StateRecord | { kind: "queue" | "queue-deleted" | "moved" }>;

function changedState(state: QueueState, record: StateRecord): QueueState {
  if (record.kind === "attributes") {
    return { ...state, attributes: mergeAttributes(state.attributes, record.changes), modifiedMs: record.modifiedMs };
  }
  const removed = new Set(record.removed);
  const kept = Object.entries(state.tags).filter(([key]) => !removed.has(key));
  return { ...state, tags: { ...Object.fromEntries(kept), ...record.set } };
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

/** A message that was read back is remembered as one that was just sent was. */
function remember(queue: Queue, message: StoredMessage, nowMs: number): void {
  const { id, groupId, deduplicationId, sequenceNumber, sentMs, sourceArn } = message;
  if (deduplicationId === undefined || sequenceNumber === undefined || sourceArn !== undefined) return;
  queue.sawSequenceNumber(sequenceNumber);
  const key = deduplicationKey(queue, deduplicationId, groupId);
  if (queue.deduplicated.get(key, nowMs)) return;
  queue.deduplicated.set(key, { messageId: id, sequenceNumber }, sentMs, nowMs);
}

/** Under what a deduplication id is remembered: for the whole queue, or for the group alone. */
export function deduplicationKey(queue: Queue, deduplicationId: string, groupId: string | undefined): string {
  return queue.settings.deduplicatesPerGroup ? `${groupId}|${deduplicationId}` : deduplicationId;
}

/** Records that make the queues as they are now. */
export function* snapshot(queues: Iterable<Queue>, nowMs: number): Iterable<SqsRecord> {
  for (const queue of queues) {
    yield { kind: "queue", state: queue.state };
    for (const { key, value, setMs } of queue.deduplicated.live(nowMs)) {
      const { messageId, sequenceNumber, keeping } = value;
      // One whose message is refused in the end must not be remembered.
      if (keeping) continue;
      yield { kind: "deduplicated", queue: queue.name, key, messageId, sequenceNumber, setMs };
    }
    for (const message of queue.mailbox.all()) yield { kind: "sent", queue: queue.name, message: toStored(message) };
  }
}
