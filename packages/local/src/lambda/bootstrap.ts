/**
 * The runtime of a function: a process of its own that takes invocations from the Lambda Runtime API, as Lambda's
 * runtime for Node does (https://www.npmjs.com/package/aws-lambda-ric), and runs TypeScript handlers as they are.
 */
import { enableCompileCache, flushCompileCache } from "node:module";
import { inspect } from "node:util";
import { createContext, errorBody } from "./handler-context.ts";
import { loadHandler } from "./load-handler.ts";
import { watchParent } from "./parent-watch.ts";
import { createRuntimeClient } from "./runtime-client.ts";

watchParent();
// A terminal's Ctrl-C reaches the whole family: the parent decides when a function ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
enableCompileCache();

const client = createRuntimeClient(environmentVariable("AWS_LAMBDA_RUNTIME_API"));
const handler = await loadHandler(environmentVariable("LAMBDA_TASK_ROOT"), environmentVariable("_HANDLER")).catch(
  async (error: unknown) => {
    await client.postInitError(errorBody(error));
    // Thrown on, so that Node prints the place of a syntax error, which it tells nobody else.
    throw unwrap(error);
  },
);
// The process ends by SIGKILL, which writes no cache.
flushCompileCache();

let running = false;
process.on("beforeExit", () => {
  if (running) console.error("The handler's promise was never settled and nothing is left that could settle it.");
});

for (;;) {
  const invocation = await client.next();
  process.env._X_AMZN_TRACE_ID = invocation.traceId;
  running = true;
  try {
    const result = await handler(JSON.parse(invocation.payload), createContext(invocation));
    await client.postResponse(invocation.requestId, stringifyResult(result));
  } catch (error) {
    console.error(inspect(error));
    await client.postError(invocation.requestId, errorBody(error));
  }
  running = false;
}

function environmentVariable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: this file is run by the local Lambda, not by hand`);
  return value;
}

function stringifyResult(result: unknown): string {
  try {
    // A function or a symbol has no JSON: JSON.stringify answers undefined.
    return JSON.stringify(result) ?? "null";
  } catch (cause) {
    throw new Error("Unable to stringify response body", { cause });
  }
}

/** The error of the user's code inside an error of Lambda's own. */
function unwrap(error: unknown): unknown {
  return error instanceof Error && error.name.startsWith("Runtime.") && error.cause ? error.cause : error;
}
