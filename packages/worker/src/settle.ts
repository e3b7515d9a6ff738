import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchRequestEntry,
  DeleteMessageBatchCommand,
  type DeleteMessageBatchRequestEntry,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { longestVisibilityMs } from "@tendril/core/outcome";
import type { SQSRecord } from "aws-lambda";
import { asksForRedelivery, type Settled, type Settlement } from "./batch.ts";

/**
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
 */
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
export function visibilityEntries(settlements: readonly Settled[]): ChangeMessageVisibilityBatchRequestEntry[] {
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
export interface TellingFailure {
  readonly record: SQSRecord | undefined;
  readonly error: unknown;
}

/** What is to be told, and to whom. */
export interface Telling {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly settled: readonly Settled[];
  /** Records of which SQS was told before. */
  readonly told: ReadonlySet<SQSRecord>;
  readonly signal: AbortSignal;
}

/**
 * Tells SQS when the records that are delivered again become visible. What fails is only returned: those messages come
 * back at the end of the queue's visibility timeout.
 */
export function changeVisibility(telling: Telling): Promise<TellingFailure[]> {
  const { sqs, queueUrl, settled, told } = telling;
  const entries = visibilityEntries(settled).filter(({ Id }) => !isTold(settled[Number(Id)], told));
  return sendInTens(settled, entries, (Entries) =>
    sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }), { abortSignal: telling.signal }),
  );
}

/**
 * Deletes the records that are settled, before the batch's end, which otherwise deletes them. What fails is only returned:
 * those messages are deleted at the batch's end, or are delivered again as duplicates.
 */
export function deleteSettled(telling: Telling): Promise<TellingFailure[]> {
  const { sqs, queueUrl, settled, told } = telling;
  const entries = settled.flatMap((each, index): DeleteMessageBatchRequestEntry[] => {
    if (asksForRedelivery(each.settlement) || isTold(each, told)) return [];
    return [{ Id: String(index), ReceiptHandle: each.record.receiptHandle }];
  });
  return sendInTens(settled, entries, (Entries) =>
    sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }), { abortSignal: telling.signal }),
  );
}

const isTold = (each: Settled | undefined, told: ReadonlySet<SQSRecord>): boolean =>
  each !== undefined && told.has(each.record);

async function sendInTens<Entry extends { readonly Id: string | undefined }>(
  settled: readonly Settled[],
  entries: readonly Entry[],
  send: (entries: Entry[]) => Promise<{ readonly Failed?: BatchResultErrorEntry[] | undefined }>,
): Promise<TellingFailure[]> {
  const chunks = Array.from({ length: Math.ceil(entries.length / mostEntries) }, (_, index) =>
    entries.slice(index * mostEntries, (index + 1) * mostEntries),
  );
  const sendChunk = async (chunk: Entry[]): Promise<TellingFailure[]> => {
    try {
      const { Failed = [] } = await send(chunk);
      return Failed.map(({ Id, Code, Message }) => ({
        record: settled[Number(Id)]?.record,
        error: `${Code}: ${Message}`,
      }));
    } catch (error) {
      return chunk.map(({ Id }) => ({ record: settled[Number(Id)]?.record, error }));
    }
  };
  return (await Promise.all(chunks.map(sendChunk))).flat();
}
