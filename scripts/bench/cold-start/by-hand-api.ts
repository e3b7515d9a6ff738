/** The same endpoint as one would write it from Powertools' documentation. */
import { randomUUID } from "node:crypto";
import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import { JSONStringified } from "@aws-lambda-powertools/parser/helpers";
import { APIGatewayProxyEventV2Schema } from "@aws-lambda-powertools/parser/schemas/api-gatewayv2";
import { Tracer } from "@aws-lambda-powertools/tracer";
import { captureLambdaHandler } from "@aws-lambda-powertools/tracer/middleware";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import middy from "@middy/core";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { z } from "zod";

const logger = new Logger({ serviceName: "by-hand" });
const metrics = new Metrics({ namespace: "bench", serviceName: "by-hand" });
const tracer = new Tracer({ serviceName: "by-hand" });
const sqs = tracer.captureAWSv3Client(new SQSClient());
const { url } = JSON.parse(process.env.SST_RESOURCE_JobsQueue ?? "{}");
const Body = z.object({ data: z.string().max(100_000) });
const schema = APIGatewayProxyEventV2Schema.extend({ body: JSONStringified(Body) });

async function enqueue(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const parsed = schema.safeParse(event);
  if (!parsed.success) return { statusCode: 422, body: JSON.stringify({ detail: parsed.error.message }) };
  const job_type = parsed.data.rawPath.split("/").at(-1);
  const MessageBody = JSON.stringify({ job_type, data: parsed.data.body.data });
  const { MessageId } = await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody }));
  metrics.addMetric("JobsEnqueued", MetricUnit.Count, 1);
  logger.info("job enqueued", { job_id: MessageId, job_type, request_id: randomUUID() });
  return { statusCode: 202, body: JSON.stringify({ job_id: MessageId, job_type, queue: "jobs" }) };
}

export const handler = middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>()
  .use(injectLambdaContext(logger))
  .use(captureLambdaHandler(tracer))
  .use(logMetrics(metrics))
  .handler(enqueue);
