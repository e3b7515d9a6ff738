import type { Message } from "./message.ts";

/**
 * What may go wrong between a queue and those who read it. Asked for each message; a queue is meant by its name.
 * Without it, messages are delivered in time, once, and as a rule in order.
 */
export interface Weather {
  /** By how many milliseconds a message that was sent becomes visible too late. */
  lateMs(queueName: string, messageId: string): number;
  /** Whether those behind a message of a standard queue are received before it. */
  isOvertaken(queueName: string, messageId: string): boolean;
  /** What becomes of a receipt; undefined: what should. */
  receipt(queueName: string, messageId: string): ReceiptFault | undefined;
  /** Whether a message of a standard queue stays, although its deletion is acknowledged. */
  survivesDelete(queueName: string, messageId: string): boolean;
  /** What an event source mapping is told instead of having messages deleted; undefined: they are. */
  refusesDelete(queueName: string): Error | undefined;
}

export type ReceiptFault =
  /** It counts, but the receiver does not get the message. */
  | { readonly kind: "lost" }
  /** The message is visible again so soon, if that is before its visibility timeout. Of a standard queue only. */
  | { readonly kind: "visible-again"; readonly afterMs: number }
  /** It counts twice. */
  | { readonly kind: "counted-twice" };

/**
 * The messages that reach their receiver. In a FIFO queue nothing of a group overtakes a message that was lost: those
 * that were taken behind it are lost too.
 */
export function withoutLost(taken: Message[], lost: ReadonlySet<Message>): Message[] {
  if (lost.size === 0) return taken;
  const lostGroups = new Set<string | undefined>();
  return taken.filter((message) => {
    const isOrdered = message.sequenceNumber !== undefined;
    if (lost.has(message) && isOrdered) lostGroups.add(message.groupId);
    return !lost.has(message) && !(isOrdered && lostGroups.has(message.groupId));
  });
}
