import type { ReceiptFault, Weather } from "../sqs/weather.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { FaultSource } from "./fault-source.ts";
import type { FaultDurations } from "./faults.ts";

/** Faults between queues and their readers. FIFO queues keep what AWS promises: order within a group, each message once. */
export function deliveryFaults(source: FaultSource, durations: FaultDurations): Weather {
  /** A message that came back after its deletion once is gone for good after the next. */
  const cameBack = new Set<string>();
  return {
    lateMs(queue, messageId) {
      const event = source.event(`send ${queue}`);
      if (!event?.strikes("late")) return 0;
      const lateMs = event.duration("late", durations.lateMs);
      event.report("late", `visible ${lateMs} ms late`, messageId);
      return lateMs;
    },
    isOvertaken(queue, messageId) {
      const event = source.event(`take ${queue}`);
      if (!event?.strikes("out-of-order")) return false;
      event.report("out-of-order", "those behind it go first", messageId);
      return true;
    },
    receipt(queue, messageId) {
      const event = source.event(`receive ${queue}`);
      const report = (
        kind: "receipt-lost" | "delivered-twice" | "count-inflated",
        what: string,
        fault: ReceiptFault,
      ) => {
        event?.report(kind, what, messageId);
        return fault;
      };
      if (event?.strikes("receipt-lost")) {
        return report("receipt-lost", "received, and the receiver never sees it", { kind: "lost" });
      }
      if (!isFifo(queue) && event?.strikes("delivered-twice")) {
        const afterMs = event.duration("delivered-twice", durations.againMs);
        return report("delivered-twice", `visible again after ${afterMs} ms`, { kind: "visible-again", afterMs });
      }
      if (event?.strikes("count-inflated")) {
        return report("count-inflated", "this receipt counts twice", { kind: "counted-twice" });
      }
      return undefined;
    },
    survivesDelete(queue, messageId) {
      const event = source.event(`delete ${queue}`);
      if (cameBack.delete(messageId) || !event?.strikes("deleted-in-vain")) return false;
      cameBack.add(messageId);
      event.report("deleted-in-vain", "its deletion is acknowledged, a copy stays", messageId);
      return true;
    },
    refusesDelete(queue) {
      const event = source.event(`delete batch ${queue}`);
      if (!event?.strikes("delete-refused")) return undefined;
      event.report("delete-refused", "the mapping cannot delete its messages");
      return new AwsError("InternalFailure", "The messages could not be deleted.", { status: 500 });
    },
  };
}

function isFifo(queueName: string): boolean {
  return queueName.endsWith(".fifo");
}
