/** The same job as one would write it from Powertools' documentation: every utility that Tendril has the like of. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { parser } from "@aws-lambda-powertools/batch/parser";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import { SqsRecordSchema } from "@aws-lambda-powertools/parser/schemas/sqs";
import { Tracer } from "@aws-lambda-powertools/tracer";
import { captureLambdaHandler } from "@aws-lambda-powertools/tracer/middleware";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { z } from "zod";
import { insertOnce } from "./insert-once.ts";

const logger = new Logger({ serviceName: "by-hand" });
const metrics = new Metrics({ namespace: "bench", serviceName: "by-hand" });
const tracer = new Tracer({ serviceName: "by-hand" });
const rdsData = tracer.captureAWSv3Client(new RDSDataClient());
export const sqs = tracer.captureAWSv3Client(new SQSClient());

const Job = z.object({ job_type: z.literal("IncrementJob"), data: z.string().max(100_000) });
const schema = SqsRecordSchema.extend({ body: JSONStringified(Job) });
const processor = new BatchProcessor(EventType.SQS, { parser, schema, logger });

async function runJob({ messageId, body }: z.infer<typeof schema>): Promise<void> {
  const startedAtMs = Date.now();
  logger.info("job started", { job_id: messageId, job_type: body.job_type });
  const isNew = await insertOnce(rdsData, messageId, body.data);
  const ms = Date.now() - startedAtMs;
  logger.info(isNew ? "job done" : "job duplicate", { job_id: messageId, job_type: body.job_type, ms });
  metrics.addMetric("JobsDone", MetricUnit.Count, 1);
  metrics.addMetric("JobDuration", MetricUnit.Milliseconds, ms);
}

export const handler = middy<SQSEvent, SQSBatchResponse>()
  .use(injectLambdaContext(logger))
  .use(captureLambdaHandler(tracer))
  .use(logMetrics(metrics))
  .handler((event: SQSEvent, context: Context) => processPartialResponse(event, runJob, processor, { context }));
