/** Powertools' batch processor with its parser, as its documentation begins: `innerSchema`. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { parser } from "@aws-lambda-powertools/batch/parser";
import { Logger } from "@aws-lambda-powertools/logger";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { z } from "zod";
import { noOp } from "./no-op.ts";

const innerSchema = z.object({ job_type: z.literal("NoOp"), data: z.string().max(100_000) });
const logger = new Logger({ serviceName: "bench" });
const processor = new BatchProcessor(EventType.SQS, { parser, innerSchema, transformer: "json", logger });
const runJob = ({ body }: { body: z.infer<typeof innerSchema> }): Promise<void> => noOp(body.data);

export const handler = (event: SQSEvent): Promise<SQSBatchResponse> => processPartialResponse(event, runJob, processor);
