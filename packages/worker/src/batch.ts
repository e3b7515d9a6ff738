import {
  BatchProcessor,
  EventType,
  processPartialResponse,
  SqsFifoPartialProcessorAsync,
} from "@aws-lambda-powertools/batch";
import { errorText } from "@tendril/core/errors";
import type { Outcome } from "@tendril/core/outcome";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import pLimit from "p-limit";

/** What becomes of a record: its job's outcome, or that it goes back without having been tried. */
export type Settlement = Outcome | { readonly kind: "returned"; readonly reason: string };

/** A batch that has been worked through. */
export interface SettledBatch {
  readonly response: SQSBatchResponse;
  /** One for each record of the event, in its order. */
  readonly settlements: readonly { readonly record: SQSRecord; readonly settlement: Settlement }[];
}

/** Whether SQS has to deliver the record again. */
export function asksForRedelivery(settlement: Settlement): boolean {
  switch (settlement.kind) {
    case "retry":
    case "returned":
      return true;
    case "done":
    case "dead":
    case "duplicate":
    case "skipped":
      return false;
  }
}

/**
 * Works through a batch: each record on its own, at most `jobsAtOnce` at a time; of a FIFO queue one after the other, and
 * after a record that is delivered again the later ones of its group are returned. Reports as failed exactly the records
 * that ask for redelivery. Whatever `deliver` throws returns its record; this function itself does not reject.
 */
export async function processBatch(
  event: SQSEvent,
  options: { readonly jobsAtOnce: number; readonly deliver: (record: SQSRecord) => Promise<Settlement> },
): Promise<SettledBatch> {
  const limit = pLimit(options.jobsAtOnce);
  const settled = new Map<SQSRecord, Settlement>();
  const handleRecord = async (record: SQSRecord): Promise<void> => {
    const settlement = await limit(() => options.deliver(record)).catch(returnedBy);
    settled.set(record, settlement);
    if (asksForRedelivery(settlement)) throw new Redelivery();
  };
  const response = await report(event, handleRecord);
  return {
    response,
    settlements: event.Records.map((record) => ({ record, settlement: settled.get(record) ?? heldBack })),
  };
}

/**
 * A processor keeps its records: each batch has one of its own. Powertools would throw when every record fails, and Lambda
 * would then poll less.
 */
function report(event: SQSEvent, handleRecord: (record: SQSRecord) => Promise<void>): Promise<SQSBatchResponse> {
  if (isFifo(event)) {
    const options = { skipGroupOnError: true, throwOnFullBatchFailure: false };
    return processPartialResponse(event, handleRecord, new SqsFifoPartialProcessorAsync(), options);
  }
  const options = { processInParallel: true, throwOnFullBatchFailure: false };
  return processPartialResponse(event, handleRecord, new BatchProcessor(EventType.SQS), options);
}

/** Whether the batch comes from a FIFO queue: the name of one ends in `.fifo`. */
export function isFifo(event: SQSEvent): boolean {
  return event.Records.some((record) => record.eventSourceARN.endsWith(".fifo"));
}

/** How a record tells Powertools that it has to be reported. Powertools takes errors only: `throw undefined` would end the batch. */
class Redelivery extends Error {
  override readonly name = "Redelivery";
}

const heldBack: Settlement = { kind: "returned", reason: "an earlier message of its group is delivered again" };

const returnedBy = (thrown: unknown): Settlement => ({ kind: "returned", reason: errorText(thrown) });
