/** Lambda entry point of the API, behind an HTTP API with payload format 2.0. Nothing here but wiring. */
import { Logger } from "@aws-lambda-powertools/logger";
import { SQSClient } from "@aws-sdk/client-sqs";
import { createApi } from "@tendril/api/api";
import { bearerCheck } from "@tendril/api/bearer";
import { createClient } from "@tendril/client/client";
import { apiAccess } from "@tendril/core/api-plan";
import { readApiTokenLink, readLaterLink, readQueueLink } from "@tendril/core/link";
import { tier } from "@tendril/jobs/tier";
import { handle } from "hono/aws-lambda";
import { Resource } from "sst/resource";

const links = { ...Resource };
const queues = Object.keys(tier.queues).map((queue) => [queue, readQueueLink(links, queue)] as const);
const logger = new Logger({ serviceName: `${tier.name}-api` });

/** Answers one HTTP request. */
export const handler = handle(
  createApi({
    jobs: tier.jobs,
    client: createClient({
      sqs: new SQSClient(),
      queues: Object.fromEntries(queues),
      later: readLaterLink(links),
    }),
    checkBearer: apiAccess(tier).auth.kind === "token" ? bearerCheck(readApiTokenLink(links)) : undefined,
    log: (message, facts) => logger.info(message, facts),
    logFailure: (message, facts) => logger.error(message, facts),
  }),
);
