/** Lambda entry point of a queue's worker: TENDRIL_QUEUE says which. Nothing here but wiring. */
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import { readDatabaseLink, readQueueLink } from "@tendril/core/link";
import { handlers } from "@tendril/jobs/handlers";
import { tier } from "@tendril/jobs/tier";
import { createDatabase } from "@tendril/ledger/database";
import { createLedger } from "@tendril/ledger/ledger";
import { createWorker } from "@tendril/worker/worker";
import { Resource } from "sst/resource";
import { readJobsAtOnce, readVariable } from "./environment.ts";
import { requireHandlers } from "./require-handlers.ts";

const links = { ...Resource };
const queue = readVariable("TENDRIL_QUEUE");
const jobsAtOnce = readJobsAtOnce("TENDRIL_JOBS_AT_ONCE");

// Each job has one call under way at a time, and now and then the one that keeps its transaction alive.
const sockets = { maxSockets: 2 * jobsAtOnce };
const rdsData = new RDSDataClient({ requestHandler: { httpAgent: sockets, httpsAgent: sockets } });

/** Runs a batch of the queue's messages. */
export const handler = createWorker({
  handlers: requireHandlers(queue, tier.jobs, handlers),
  queue,
  link: readQueueLink(links, queue),
  sqs: new SQSClient(),
  ledger: createLedger(createDatabase({ client: rdsData, link: readDatabaseLink(links) })),
  logger: new Logger({ serviceName: `${tier.name}-${queue}` }),
  metrics: new Metrics({ namespace: tier.name, serviceName: queue }),
  jobsAtOnce,
});
