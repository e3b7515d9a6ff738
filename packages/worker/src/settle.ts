import {
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchRequestEntry,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { longestVisibilityMs } from "@tendril/core/outcome";
import type { SQSRecord } from "aws-lambda";
import type { SettledBatch, Settlement } from "./batch.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html */
const mostEntries = 10;

/**
 * The longest delay of a retry, in seconds: SQS hides a message for at most 12 hours from its receipt, which was at most a
 * batching window (5 minutes) and a function's run (15 minutes) ago.
 */
export const longestDelaySeconds = longestVisibilityMs / 1000 - 20 * 60;

/**
 * When each record that is delivered again becomes visible: a retry after its delay; a record that was returned at once,
 * but in a FIFO group together with the retry that it waits for, since a message in flight holds its whole group back.
 */
export function visibilityEntries(
  settlements: SettledBatch["settlements"],
): ChangeMessageVisibilityBatchRequestEntry[] {
  const groupDelays = new Map<string | undefined, number>();
  return settlements.flatMap(({ record, settlement }, index) => {
    const group = record.attributes.MessageGroupId;
    const seconds = delaySeconds(settlement, group === undefined ? undefined : groupDelays.get(group));
    if (seconds === undefined) return [];
    if (settlement.kind === "retry") groupDelays.set(group, seconds);
    return [{ Id: String(index), ReceiptHandle: record.receiptHandle, VisibilityTimeout: seconds }];
  });
}

function delaySeconds(settlement: Settlement, ofGroup: number | undefined): number | undefined {
  switch (settlement.kind) {
    case "retry":
      return Math.min(longestDelaySeconds, Math.ceil(settlement.delayMs / 1000));
    case "returned":
      return ofGroup ?? 0;
    case "done":
    case "dead":
    case "duplicate":
    case "skipped":
      return undefined;
  }
}

/** What could not be told to SQS. */
export interface VisibilityFailure {
  readonly record: SQSRecord | undefined;
  readonly error: unknown;
}

/**
 * Tells SQS when the records that are delivered again become visible. What fails is only returned: those messages come
 * back at the end of the queue's visibility timeout.
 */
export async function changeVisibility(
  sqs: SQSClient,
  queueUrl: string,
  settlements: SettledBatch["settlements"],
  signal: AbortSignal,
): Promise<VisibilityFailure[]> {
  const entries = visibilityEntries(settlements);
  const chunks = Array.from({ length: Math.ceil(entries.length / mostEntries) }, (_, index) =>
    entries.slice(index * mostEntries, (index + 1) * mostEntries),
  );
  const change = async (chunk: ChangeMessageVisibilityBatchRequestEntry[]): Promise<VisibilityFailure[]> => {
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: chunk });
    try {
      const { Failed = [] } = await sqs.send(command, { abortSignal: signal });
      return Failed.map(({ Id, Code, Message }) => ({
        record: settlements[Number(Id)]?.record,
        error: `${Code}: ${Message}`,
      }));
    } catch (error) {
      return chunk.map(({ Id }) => ({ record: settlements[Number(Id)]?.record, error }));
    }
  };
  return (await Promise.all(chunks.map(change))).flat();
}
