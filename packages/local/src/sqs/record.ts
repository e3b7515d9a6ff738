import type { StoredMessage } from "./message.ts";
import type { MoveTask } from "./move-task.ts";
import type { QueueState } from "./queue.ts";

/** A line of the journal. Each says how things stand afterwards, so that reading one twice changes nothing. */
export type SqsRecord =
  | { readonly kind: "queue"; readonly state: QueueState }
  | {
      readonly kind: "attributes";
      readonly queue: string;
      readonly changes: Readonly<Record<string, string>>;
      readonly modifiedMs: number;
    }
  | {
      readonly kind: "tags";
      readonly queue: string;
      readonly set: Readonly<Record<string, string>>;
      readonly removed: readonly string[];
    }
  | { readonly kind: "queue-deleted"; readonly queue: string; readonly atMs: number }
  | { readonly kind: "sent"; readonly queue: string; readonly message: StoredMessage }
  | { readonly kind: "received"; readonly queue: string; readonly id: string; readonly receipt: Receipt }
  | {
      readonly kind: "visibility";
      readonly queue: string;
      readonly id: string;
      /** Under which receipt it was changed: a later receive outdoes the change. */
      readonly receipt: string;
      readonly visibleAtMs: number;
    }
  | { readonly kind: "deleted"; readonly queue: string; readonly ids: readonly string[] }
  | {
      readonly kind: "moved";
      readonly from: string;
      readonly queue: string;
      readonly message: StoredMessage;
      /** The message's id where it came from; undefined when it keeps it. */
      readonly id?: string;
      /** The task that moved it, as it stands afterwards. */
      readonly task?: MoveTask;
    }
  | { readonly kind: "move-task"; readonly task: MoveTask }
  | { readonly kind: "purged"; readonly queue: string; readonly atMs: number }
  | {
      readonly kind: "deduplicated";
      readonly queue: string;
      readonly key: string;
      readonly messageId: string;
      readonly sequenceNumber: string;
      readonly setMs: number;
    };

/** What a receive changes in a message. */
export type Receipt = Pick<
  StoredMessage,
  "receiveCount" | "firstReceivedMs" | "receivedMs" | "visibleAtMs" | "polled" | "receipt"
>;
