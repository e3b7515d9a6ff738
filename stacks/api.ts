/** The enqueue endpoint: an HTTP API in front of one function, which knows the routes. */
import { planned } from "./functions.ts";
import { later } from "./later.ts";
import { plan } from "./plan.ts";
import { queues } from "./queues.ts";

const handler = new sst.aws.Function("ApiHandler", {
  ...planned(plan.api),
  link: [later, ...queues.map((queue) => queue.link)],
  permissions: [{ actions: ["sqs:SendMessage"], resources: queues.map((queue) => queue.main.arn) }],
});

/** The API. Requests a second, and at once; more are answered with 429. */
export const api = new sst.aws.ApiGatewayV2("Api", {
  cors: false, // SST's default lets every site call it
  transform: { stage: { defaultRouteSettings: { throttlingRateLimit: 100, throttlingBurstLimit: 200 } } },
});

// Callers sign with AWS credentials that allow execute-api:Invoke. SST's default would let anyone enqueue.
api.route("$default", handler.arn, { name: "Default", auth: { iam: true } });
