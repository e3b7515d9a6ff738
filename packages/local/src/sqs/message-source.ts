import { queueDoesNotExist } from "./errors.ts";
import { isInFlight, type MessageAttribute, receiptHandle } from "./message.ts";
import type { Queue } from "./queue.ts";
import type { Queues } from "./queues.ts";
import { deleteMessage } from "./receipt-actions.ts";
import { systemAttributes } from "./receive-actions.ts";

/** A queue as an event source mapping reads it: in process, as AWS's own pollers do. */
export interface MessageSource {
  readonly queueArn: string;
  /**
   * Takes up to `max` (any number) visible messages for the queue's visibility timeout; when there are none, waits up
   * to `waitMs` milliseconds for the first. Resolves with none when the signal aborts. Rejects with `QueueDoesNotExist`
   * when the queue was deleted.
   */
  receive(options: { max: number; waitMs: number; signal?: AbortSignal }): Promise<ReceivedMessage[]>;
  /**
   * Deletes messages that were received; those that are gone already are no error. Resolves when the deletions are kept
   * on disk; rejects with the first that failed (a FIFO queue's expired receipt handle, a full disk), after the others.
   */
  delete(receiptHandles: readonly string[]): Promise<void>;
}

/** A message as a receiver sees it. */
export interface ReceivedMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly md5OfBody: string;
  readonly md5OfMessageAttributes?: string;
  /** System attributes by SQS's names, e.g. `ApproximateReceiveCount`; times in milliseconds since 1970. */
  readonly attributes: Record<string, string>;
  readonly messageAttributes: Record<string, MessageAttribute>;
}

/** The source of a queue's messages, by the queue's name; the queue need not be there yet. */
export function messageSource(queues: Queues, queueName: string): MessageSource {
  const find = (): Queue => {
    const queue = queues.find(queueName);
    if (!queue) throw queueDoesNotExist();
    return queue;
  };
  return {
    queueArn: queues.arnOf(queueName),
    async receive({ max, waitMs, signal }) {
      const queue = find();
      const { visibilityMs } = queue.settings;
      const messages = await queue.receive({ max, waitMs, signal, visibilityMs, polled: true });
      return messages.map((message) => ({
        messageId: message.id,
        receiptHandle: receiptHandle(queue.name, message),
        body: message.body,
        md5OfBody: message.md5OfBody,
        ...(message.md5OfAttributes === undefined ? {} : { md5OfMessageAttributes: message.md5OfAttributes }),
        attributes: systemAttributes(message),
        messageAttributes: { ...message.attributes },
      }));
    },
    async delete(receiptHandles) {
      const queue = find();
      const refusal = queues.weather?.refusesDelete(queue.name);
      if (refusal) throw refusal;
      const results = await Promise.allSettled(receiptHandles.map((handle) => deleteMessage(queues, queue, handle)));
      for (const result of results) if (result.status === "rejected") throw result.reason;
    },
  };
}

/**
 * Makes visible again what readers of an earlier process had received and not settled: they are gone. AWS may redeliver
 * at any time as well; a delay that `ChangeMessageVisibility` has set stays.
 */
export async function releaseAbandoned(queues: Queues): Promise<void> {
  const nowMs = queues.clock.now();
  for (const queue of queues.all()) {
    const abandoned = [...queue.mailbox.all()].filter((message) => message.polled && isInFlight(message, nowMs));
    await Promise.all(
      abandoned.map(({ id, receipt = "" }) =>
        queues.commit({ kind: "visibility", queue: queue.name, id, receipt, visibleAtMs: nowMs }),
      ),
    );
  }
}
