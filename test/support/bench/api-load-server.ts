/** A server of the load test, in a process of its own: `node api-load-server.ts KIND [SQS_URL QUEUE_URL]`. */
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { systemClock } from "@tendril/local/clock";
import { repositoryRoot } from "../project.ts";
import { bareApp, openApiClient, openSqsClient, tendrilApp } from "./api-load-apps.ts";

const [kind = "", sqsUrl = "", queueUrl = ""] = process.argv.slice(2);
const clock = systemClock();
const place = { region: "us-east-1", accountId: "000000000000" };

process.on("disconnect", () => process.exit());
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicroseconds: user + system });
});
process.send?.({ url: await start() });

async function start(): Promise<string> {
  switch (kind) {
    case "sqs":
      return startSqs();
    case "Hono, no message":
      return serve(bareApp(openSqsClient(sqsUrl), undefined));
    case "Hono":
      return serve(bareApp(openSqsClient(sqsUrl), queueUrl));
    case "API, no message":
      return serve(tendrilApp(openApiClient(sqsUrl), undefined));
    case "API":
      return serve(tendrilApp(openApiClient(sqsUrl), queueUrl));
    case "Hono as a function":
      return startGateway("bare");
    case "API as a function":
      return startGateway("tendril");
    default:
      throw new Error(`no server ${kind}`);
  }
}

async function startSqs(): Promise<string> {
  const { openSqs } = await import("@tendril/local/sqs/service");
  const { listen } = await import("@tendril/local/wire/server");
  let url = "";
  const sqs = await openSqs({ ...place, clock, baseUrl: () => url });
  url = (await listen([sqs.service], { port: 0 })).url;
  return url;
}

function serve(app: { readonly fetch: (request: Request) => Response | Promise<Response> }): Promise<string> {
  const server = createAdaptorServer({ fetch: (request) => app.fetch(request) });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

async function startGateway(name: "bare" | "tendril"): Promise<string> {
  const { listenHttpApi } = await import("@tendril/local/http-api/http-api");
  const { createLambda } = await import("@tendril/local/lambda/lambda");
  const lambda = await createLambda({
    ...place,
    clock,
    root: repositoryRoot,
    onLog: () => {},
    onInitError: ({ errorMessage }) => process.stderr.write(`${errorMessage}\n`),
  });
  lambda.define({
    name,
    handler: `test/support/bench/api-load-function.${name}`,
    timeoutMs: 30_000,
    memoryMb: 512,
    environment: { LOAD_SQS_URL: sqsUrl, LOAD_QUEUE_URL: queueUrl },
  });
  const gateway = await listenHttpApi({ clock, port: 0, lambda, functionName: name, accountId: place.accountId });
  return gateway.url;
}
