/** Tendril's worker, with nothing left out. */
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import { createSender } from "@tendril/client/sender";
import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { createDatabase } from "@tendril/ledger/database";
import { createLedger } from "@tendril/ledger/ledger";
import { JobMetrics } from "@tendril/worker/batch-metrics";
import { JobLogger } from "@tendril/worker/job-logger";
import { createWorker } from "@tendril/worker/worker";
import { z } from "zod";
import { noOp } from "./no-op.ts";

const NoOp = defineJob({ type: "NoOp", input: z.string().max(100_000), effects: "at-least-once" });
const link = { url: "https://sqs.test/jobs", deadLetterUrl: "https://sqs.test/jobs-dead" };
const queues = { jobs: link };
const sqs = new SQSClient();
const client = new RDSDataClient();
const database = { clusterArn: "arn:cluster", secretArn: "arn:secret", database: "tendril" };
const logger = new JobLogger({ serviceName: "bench" });

export const handler = createWorker({
  handlers: [handle(NoOp, noOp)],
  queue: "jobs",
  link,
  queues,
  longestJobMs: 30_000,
  maxReceiveCount: 13,
  ledgerRetentionMs: 2_592_000_000,
  sqs,
  sender: createSender({ sqs, queues }),
  ledger: createLedger(createDatabase({ client, link: database })),
  logger,
  metrics: new JobMetrics({
    namespace: "bench",
    serviceName: "jobs",
    write: (document) => logger.writeKept(document),
  }),
  jobsAtOnce: 10,
});
