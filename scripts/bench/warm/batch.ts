/** Powertools' batch processor alone. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { noOp } from "./no-op.ts";

const processor = new BatchProcessor(EventType.SQS);
const runJob = ({ body }: SQSRecord): Promise<void> => noOp(JSON.parse(body).data);

export const handler = (event: SQSEvent): Promise<SQSBatchResponse> => processPartialResponse(event, runJob, processor);
