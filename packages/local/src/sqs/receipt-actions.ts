import { checkBatch, runBatch } from "./batch.ts";
import { invalidValue } from "./errors.ts";
import type { SqsHandlers } from "./handlers.ts";
import { isInFlight, type Message, parseReceiptHandle } from "./message.ts";
import type { Queue } from "./queue.ts";
import type { Queues } from "./queues.ts";
import { checkVisibility } from "./receive-actions.ts";

/** No message stays invisible longer than this after it was received, in milliseconds: 12 hours. */
const maxInvisibleMs = 43_200_000;

type ReceiptAction =
  | "DeleteMessage"
  | "DeleteMessageBatch"
  | "ChangeMessageVisibility"
  | "ChangeMessageVisibilityBatch";

/** What a receiver does with a message: delete it, or change for how long it stays invisible. */
export function receiptActions(queues: Queues): Pick<SqsHandlers, ReceiptAction> {
  return {
    async DeleteMessage(input) {
      await deleteMessage(queues, queues.byUrl(input.QueueUrl), input.ReceiptHandle);
      return {};
    },
    DeleteMessageBatch(input) {
      const queue = queues.byUrl(input.QueueUrl);
      checkBatch(input.Entries);
      return runBatch(input.Entries, async ({ ReceiptHandle }) => {
        await deleteMessage(queues, queue, ReceiptHandle);
        return {};
      });
    },
    async ChangeMessageVisibility(input) {
      const queue = queues.byUrl(input.QueueUrl);
      await changeVisibility(queues, queue, input.ReceiptHandle, input.VisibilityTimeout);
      return {};
    },
    ChangeMessageVisibilityBatch(input) {
      const queue = queues.byUrl(input.QueueUrl);
      checkBatch(input.Entries);
      return runBatch(input.Entries, async ({ ReceiptHandle, VisibilityTimeout = 0 }) => {
        await changeVisibility(queues, queue, ReceiptHandle, VisibilityTimeout);
        return {};
      });
    },
  };
}

/**
 * Deletes the message of a receipt handle; one that is gone already is no error. In a FIFO queue only the newest handle
 * will do, and only while the message is in flight.
 */
export async function deleteMessage(queues: Queues, queue: Queue, handle: string): Promise<void> {
  const { id, receipt } = parseReceiptHandle(queue.name, handle);
  const message = queue.mailbox.get(id);
  if (!message) return;
  if (queue.fifo && !holds(message, receipt, queues.clock.now())) {
    throw invalidValue("ReceiptHandle", handle, "The receipt handle has expired.");
  }
  if (!queue.fifo && queues.weather?.survivesDelete(queue.name, id)) return;
  await queues.commit({ kind: "deleted", queue: queue.name, ids: [id] });
}

/** In a standard queue, a message that has become visible again meanwhile is left as it is. */
async function changeVisibility(queues: Queues, queue: Queue, handle: string, seconds: number): Promise<void> {
  checkVisibility(seconds);
  const { id, receipt } = parseReceiptHandle(queue.name, handle);
  const message = queue.mailbox.get(id);
  const nowMs = queues.clock.now();
  if (!message || (queue.fifo && !holds(message, receipt, nowMs))) {
    const reason = "Message does not exist or is not available for visibility timeout change.";
    throw invalidValue("ReceiptHandle", handle, reason);
  }
  if (!isInFlight(message, nowMs)) return;
  const visibleAtMs = nowMs + seconds * 1_000;
  if (visibleAtMs > (message.receivedMs ?? nowMs) + maxInvisibleMs) {
    const reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].";
    throw invalidValue("VisibilityTimeout", seconds, reason);
  }
  const newest = message.receipt ?? receipt;
  await queues.commit({ kind: "visibility", queue: queue.name, id, receipt: newest, visibleAtMs });
}

function holds(message: Message, receipt: string, nowMs: number): boolean {
  return message.receipt === receipt && isInFlight(message, nowMs);
}
