/** The full stack by hand but the tracer: middy, Powertools' logger, metrics and batch with its parser; two lines a job, as the worker has them. */
import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { parser } from "@aws-lambda-powertools/batch/parser";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import { SqsRecordSchema } from "@aws-lambda-powertools/parser/schemas/sqs";
import middy from "@middy/core";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { z } from "zod";
import { noOp } from "./no-op.ts";

const logger = new Logger({ serviceName: "bench" });
const metrics = new Metrics({ namespace: "bench", serviceName: "bench" });
const Job = z.object({ job_type: z.literal("NoOp"), data: z.string().max(100_000) });
const schema = SqsRecordSchema.extend({ body: JSONStringified(Job) });
const processor = new BatchProcessor(EventType.SQS, { parser, schema, logger });

async function runJob({ messageId, body }: z.infer<typeof schema>): Promise<void> {
  const startedAtMs = Date.now();
  const keys = { job_id: messageId, job_type: body.job_type, queue: "jobs", attempt: 1 };
  logger.info("job started", keys);
  await noOp(body.data);
  const ms = Date.now() - startedAtMs;
  logger.info("job done", { ...keys, ms });
  metrics.addMetric("JobsDone", MetricUnit.Count, 1);
  metrics.addMetric("JobDuration", MetricUnit.Milliseconds, ms);
}

export const handler = middy<SQSEvent, SQSBatchResponse>()
  .use(injectLambdaContext(logger))
  .use(logMetrics(metrics))
  .handler((event: SQSEvent, context: Context) => processPartialResponse(event, runJob, processor, { context }));
