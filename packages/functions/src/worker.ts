/** Lambda entry point of a queue's worker: TENDRIL_QUEUE says which. Nothing here but wiring. */
import "./mapped-stacks.ts";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import { createSender } from "@tendril/client/sender";
import { readDatabaseLink, readLaterLink, readQueueLink } from "@tendril/core/link";
import { namedSources } from "@tendril/core/source";
import type { Tier } from "@tendril/core/tier";
import { handlers } from "@tendril/jobs/handlers";
import { tier } from "@tendril/jobs/tier";
import { createDatabase } from "@tendril/ledger/database";
import { createLedger } from "@tendril/ledger/ledger";
import { JobMetrics } from "@tendril/worker/batch-metrics";
import { JobLogger } from "@tendril/worker/job-logger";
import { createWorker } from "@tendril/worker/worker";
import { Resource } from "sst/resource";
import { claimsOf } from "./claims.ts";
import { readVariable, readWholeNumber } from "./environment.ts";
import { requireHandlers } from "./require-handlers.ts";

const links = { ...Resource };
const { App: app } = Resource;
const queue = readVariable("TENDRIL_QUEUE");
const { queues: options }: Tier = tier;
const jobsAtOnce = readWholeNumber("TENDRIL_JOBS_AT_ONCE", [1, 100]);
const retentionSeconds = readWholeNumber("TENDRIL_LEDGER_RETENTION_SECONDS", [1, 9_999_999_999]);

// Each job has one call under way at a time, and now and then the one that keeps its transaction alive.
const rdsData = leanClient(new RDSDataClient(), { maxSockets: 2 * jobsAtOnce });
// The MD5 sums of what is sent guard against nothing that TLS does not, and cost a seventh of a call.
const sqs = leanClient(new SQSClient({ md5: false }));
const queues = Object.fromEntries(Object.keys(tier.queues).map((name) => [name, readQueueLink(links, name)]));
const logger = new JobLogger({ serviceName: `${tier.name}-${queue}` });

/** Runs a batch of the queue's messages. */
export const handler = createWorker({
  handlers: requireHandlers(queue, tier.jobs, handlers),
  sources: namedSources(queue, options[queue]?.sources),
  queue,
  link: readQueueLink(links, queue),
  queues,
  longestJobMs: 1000 * readWholeNumber("TENDRIL_LONGEST_JOB_SECONDS", [1, 890]),
  maxReceiveCount: readWholeNumber("TENDRIL_MAX_RECEIVE_COUNT", [1, 1000]),
  ledgerRetentionMs: 1000 * retentionSeconds,
  sqs,
  // It loads the client of EventBridge Scheduler by itself, when a follow-up needs a schedule: no cold start pays for it.
  sender: createSender({ sqs, queues, later: readLaterLink(links) }),
  claims: claimsOf(tier, links),
  ledger: createLedger(createDatabase({ client: rdsData, link: readDatabaseLink(links) })),
  logger,
  metrics: new JobMetrics({
    // With the stage: the stages of an account share their metrics otherwise.
    namespace: `${app.name}-${app.stage}`,
    serviceName: queue,
    // Together with the lines of the batch's last jobs: one write.
    write: (document) => logger.writeKept(document),
  }),
  jobsAtOnce,
});
