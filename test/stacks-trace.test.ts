/** A trace goes from the request through the queue to the job: by what is deployed, on the real wire. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startLocalSqs } from "./support/local-aws.ts";
import { own, root, threeMinutesMs } from "./support/stacks/cases.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import { deployedEnvironment } from "./support/stacks/run-deployed.ts";

const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
let sqs: Awaited<ReturnType<typeof startLocalSqs>>;

beforeAll(async () => {
  await preparePlatform(root);
  sqs = await startLocalSqs();
}, threeMinutesMs);

afterAll(() => sqs?.close());

const script = `
const { handler } = await import(process.argv[1]);
const headers = { "content-type": "application/json" };
const requestContext = { domainName: "api.test", http: { method: "POST" } };
const event = { version: "2.0", rawPath: "/job/post/IncrementJob", rawQueryString: "", headers, requestContext, body: '{"data":"x"}' };
console.log((await handler(event, {})).statusCode);`;

test(
  "the API's SDK hands the trace of its invocation on: the worker finds it at the message",
  async () => {
    const queue = await sqs.freshQueue();
    const { entry, env } = deployedEnvironment(root, await own.stack(), "ApiHandler");
    const link = JSON.stringify({ url: queue.url, arn: "arn:aws:sqs:::jobs", deadLetterUrl: queue.deadLetterUrl });
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, entry], {
      env: {
        ...env,
        AWS_ENDPOINT_URL: new URL(queue.url).origin,
        AWS_LAMBDA_FUNCTION_NAME: "api", // Lambda's own runtime says it; the SDK looks for it
        _X_AMZN_TRACE_ID: trace,
        SST_RESOURCE_JobsQueue: link,
      },
    });
    expect(stdout.trim().split("\n").at(-1)).toBe("202");
    const { Records } = await queue.receive();
    expect(Records.map(({ attributes }) => attributes.AWSTraceHeader)).toEqual([trace]);
  },
  threeMinutesMs,
);
