/** Powertools' batch processor with its parser and a schema that was extended once. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { parser } from "@aws-lambda-powertools/batch/parser";
import { Logger } from "@aws-lambda-powertools/logger";
import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import { SqsRecordSchema } from "@aws-lambda-powertools/parser/schemas/sqs";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { z } from "zod";
import { noOp } from "./no-op.ts";

const Job = z.object({ job_type: z.literal("NoOp"), data: z.string().max(100_000) });
const schema = SqsRecordSchema.extend({ body: JSONStringified(Job) });
const logger = new Logger({ serviceName: "bench" });
const processor = new BatchProcessor(EventType.SQS, { parser, schema, logger });
const runJob = ({ body }: z.infer<typeof schema>): Promise<void> => noOp(body.data);

export const handler = (event: SQSEvent): Promise<SQSBatchResponse> => processPartialResponse(event, runJob, processor);
