/** Lambda entry point of the API, behind an HTTP API with payload format 2.0. Nothing here but wiring. */
import "./mapped-stacks.ts";
import { Logger } from "@aws-lambda-powertools/logger";
import { SQSClient } from "@aws-sdk/client-sqs";
import { createApi } from "@tendril/api/api";
import { tokenAccess } from "@tendril/api/bearer";
import { gatewayAccess } from "@tendril/api/gateway-access";
import { lambdaHandler } from "@tendril/api/lambda-handler";
import { once } from "@tendril/api/once";
import { lazyPlan } from "@tendril/api/operations-plan";
import { leanClient } from "@tendril/client/aws-calls/lean-client";
import { createSender } from "@tendril/client/sender";
import { apiAccess } from "@tendril/core/api-plan";
import { readApiTokenLink, readDatabaseLink, readLaterLink, readMappingsLink, readQueueLink } from "@tendril/core/link";
import { tier } from "@tendril/jobs/tier";
import { Resource } from "sst/resource";
import { claimsOf } from "./claims.ts";
import { readWholeNumber } from "./environment.ts";

const links = { ...Resource };
const queueNames = Object.keys(tier.queues);
const queues = Object.fromEntries(queueNames.map((queue) => [queue, readQueueLink(links, queue)]));
const database = readDatabaseLink(links);
const mappings = readMappingsLink(links, queueNames);
const { auth, throttle, docs } = apiAccess(tier);
// The MD5 sums of what is sent guard against nothing that TLS does not, and cost a seventh of a call.
const sqs = leanClient(new SQSClient({ md5: false }));
const logger = new Logger({ serviceName: `${tier.name}-api` });

/** Answers one HTTP request. What only some requests need is loaded by the first that does. */
export const handler = lambdaHandler(
  createApi({
    name: tier.name,
    jobs: tier.jobs,
    queues,
    sender: createSender({ sqs, queues, later: readLaterLink(links) }),
    claims: claimsOf(tier, links),
    store: once(async () => {
      const { openJobStore } = await import("./job-store.ts");
      return openJobStore(database);
    }),
    operations: once(async () => {
      const { createOperations } = await import("@tendril/client/operations/operations");
      const { createMappings } = await import("@tendril/client/operations/mappings");
      const plan = lazyPlan(tier, process.env.LAMBDA_TASK_ROOT ?? process.cwd());
      return createOperations({ sqs, queues, plan, mappings: createMappings({ mappings }) });
    }),
    access: auth.kind === "token" ? tokenAccess(readApiTokenLink(links)) : gatewayAccess(auth),
    auth: auth.kind,
    docs,
    throttle,
    retentionMs: 1000 * readWholeNumber("TENDRIL_LEDGER_RETENTION_SECONDS", [1, 9_999_999_999]),
    log: (message, facts) => logger.info(message, facts),
    logFailure: (message, facts) => logger.error(message, facts),
  }),
);
