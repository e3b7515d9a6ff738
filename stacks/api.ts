/** The enqueue endpoint: an HTTP API in front of one function, which knows the routes. */
import { type ApiAuth, corsRules } from "@tendril/core/api-plan";
import { apiTokenLinkName } from "@tendril/core/link";
import type { Tier } from "@tendril/core/tier";
import { tier } from "@tendril/jobs/tier";
import { claimsLinks, claimsWriting } from "./claims.ts";
import { database } from "./database.ts";
import { encryptionPermissions } from "./encryption.ts";
import { planned, tracing } from "./functions.ts";
import { later } from "./later.ts";
import { plan } from "./plan.ts";
import { queues } from "./queues.ts";
import { mappings } from "./workers.ts";

const { auth, origins, throttle } = plan.apiAccess;

/** Set with `npx sst secret set ApiToken "…"`; SST encrypts it, and only the function can read it. */
const token = auth.kind === "token" ? [new sst.Secret(apiTokenLinkName)] : [];

const handler = new sst.aws.Function("ApiHandler", {
  ...planned(plan.api),
  link: [...token, database, later, mappings, ...claimsLinks, ...queues.map((queue) => queue.link)],
  copyFiles: cronFiles(tier).map((from) => ({ from })),
  permissions: [
    { actions: ["sqs:SendMessage", "sqs:GetQueueAttributes"], resources: queues.map((queue) => queue.main.arn) },
    {
      actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"],
      resources: queues.map((queue) => queue.dead.arn),
    },
    ...encryptionPermissions,
    ...claimsWriting,
    tracing.permission,
  ],
  transform: {
    function(args) {
      args.tracingConfig = tracing.config;
      return undefined;
    },
  },
});

/** The API. Requests a second, and at once; more are answered with 429. The access log knows no header but the user agent. */
export const api = new sst.aws.ApiGatewayV2("Api", {
  cors: origins.length > 0 && {
    allowOrigins: [...origins],
    allowMethods: [...corsRules.methods],
    allowHeaders: [...corsRules.headers],
    exposeHeaders: [...corsRules.exposedHeaders],
    maxAge: `${corsRules.maxAgeSeconds} seconds`,
  }, // SST's default lets every site call it
  accessLog: { retention: "1 month" },
  transform: {
    stage: { defaultRouteSettings: { throttlingRateLimit: throttle.rate, throttlingBurstLimit: throttle.burst } },
  },
});

// A route for every method would answer the browsers' OPTIONS too, which have no authorisation: with one for each method
// API Gateway does. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
const routes =
  origins.length === 0
    ? { Default: "$default" }
    : { Get: "GET /{proxy+}", Post: "POST /{proxy+}", Delete: "DELETE /{proxy+}" };
const routeAuth = authorise(auth);
for (const [name, route] of Object.entries(routes)) api.route(route, handler.arn, { name, auth: routeAuth });

/** What the function tells of schedules, it reads from cron.yaml: from the same path as in the project. */
function cronFiles({ cron }: Tier): string[] {
  return cron === undefined ? [] : [cron];
}

/** SST's default would let anyone enqueue. */
function authorise(given: ApiAuth): NonNullable<sst.aws.ApiGatewayV2RouteArgs["auth"]> {
  switch (given.kind) {
    case "iam":
      return { iam: true };
    case "token":
      return false; // the function checks it: API Gateway knows no secrets
    case "jwt": {
      const { issuer, audience, scopes = [] } = given;
      const { id } = api.addAuthorizer({ name: "Jwt", jwt: { issuer, audiences: [...audience] } });
      return { jwt: { authorizer: id, scopes: [...scopes] } };
    }
  }
}
