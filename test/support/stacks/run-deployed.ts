/** Runs entry points with the environment and the links that they are deployed with. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { inside, named, ofType } from "./graph.ts";
import type { Stack } from "./stack.ts";

/** A port that nobody listens on: what is sent there fails at once. */
const nowhere = "http://127.0.0.1:9";

/** The file of a function of an evaluated stack, and its variables; its links are variables too. It reaches nobody. */
export function deployedEnvironment(
  root: string,
  stack: Stack,
  functionName: string,
): { readonly entry: string; readonly env: Readonly<Record<string, string>> } {
  const { inputs } = named(stack, "lambda/function:Function", `${functionName}Function`);
  const built = stack.functions.find(({ name }) => name === functionName);
  const links = Object.entries(built?.links ?? {}).map(([name, link]) => [
    `SST_RESOURCE_${name}`,
    JSON.stringify(link),
  ]);
  // The links are in the bundle, encrypted with the key; here there is no bundle.
  const { SST_KEY: _key, SST_KEY_FILE: _file, ...variables } = Object(inside(inputs.environment, "variables"));
  const env = {
    ...variables,
    ...Object.fromEntries(links),
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
    AWS_ENDPOINT_URL: nowhere,
  };
  return { entry: join(root, `${built?.handler.replace(/\.[^.]+$/, "")}.ts`), env };
}

const script = `
const { handler } = await import(process.argv[1]);
const attributes = { ApproximateReceiveCount: "1", SentTimestamp: "0" };
const record = { messageId: "1", receiptHandle: "1", body: "{", attributes, eventSourceARN: "arn:aws:sqs:::jobs", messageAttributes: {} };
await handler({ Records: [record] }, { getRemainingTimeInMillis: () => 30_000 });`;

/** What the worker of a queue writes while it runs a message that it cannot read, and cannot settle: JSON lines. */
export async function runDeployedWorker(
  { root, trace }: { root: string; trace: string },
  stack: Stack,
  queue: string,
): Promise<Record<string, unknown>[]> {
  const worker = ofType(stack, "lambda/function:Function").find(
    ({ inputs }) => inside(inputs.environment, "variables", "TENDRIL_QUEUE") === queue,
  );
  const { entry, env } = deployedEnvironment(root, stack, worker?.name.replace(/Function$/, "") ?? "");
  const run = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, entry], {
    env: { ...env, _X_AMZN_TRACE_ID: trace },
  });
  const lines = `${run.stdout}\n${run.stderr}`.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line));
}
