// Runs functions on AWS's own runtime client for Node (aws-lambda-ric, which Lambda's Node runtimes are made of) through
// the local Lambda and its Runtime API, and the same on this project's runtime. Ends with 1 when a check fails on either.
//
//   node scripts/ric-check.ts [--folder FOLDER] [--version 4.0.2]
//
// It is no dependency: it is installed into the folder (a temporary one, gone afterwards, unless one is named; a named
// folder is used again). The installation compiles curl and aws-lambda-cpp, which takes minutes and needs a C++ compiler,
// make, cmake and Python, besides the header files of Node.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { systemClock } from "@tendril/local/clock";
import type { FunctionConfig } from "@tendril/local/lambda/function-config";
import type { FunctionLogLine, Invocation } from "@tendril/local/lambda/invocation";
import { createLambda, type Lambda } from "@tendril/local/lambda/lambda";

const { values } = parseArgs({
  options: { folder: { type: "string" }, version: { type: "string", default: "4.0.2" } },
});
const folder = values.folder ? resolve(values.folder) : await mkdtemp(join(tmpdir(), "tendril-ric-"));

const handlers = `
export const echo = async (event, context) => ({ event, pid: process.pid, id: context.awsRequestId, arn: context.invokedFunctionArn });
export const fail = async () => { throw new RangeError("out of bounds"); };
export const untellable = async () => { throw Object.assign(new Error("no"), { name: 42 }); };
export const hang = async () => { for (;;) {} };
export const crash = async () => process.exit(3);
export const trace = async (event, context) => [process.env._X_AMZN_TRACE_ID, context.xRayTraceId];
export const left = async (event, context) => {
  const first = context.getRemainingTimeInMillis();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return [first, context.getRemainingTimeInMillis()];
};
export const log = async () => { console.log("a line of the function"); };
export const large = async () => "x".repeat(6_300_000);
export const wide = async () => "grün \\u2028 \\u{1F331}";
`;

interface Check {
  readonly name: string;
  run(bench: Bench): Promise<unknown>;
  /** What `run` comes to when all is well. */
  readonly expected: unknown;
}

interface Bench {
  readonly lambda: Lambda;
  readonly lines: readonly FunctionLogLine[];
  invoke(name: string, event?: unknown, traceHeader?: string): Promise<Invocation>;
}

const answerOf = (invocation: Invocation): unknown =>
  invocation.kind === "succeeded" ? JSON.parse(invocation.payload) : invocation;

const facts = (invocation: Invocation): unknown[] =>
  "errorType" in invocation
    ? [invocation.kind, invocation.errorType, invocation.errorMessage.replace(/RequestId: \S+ /, "")]
    : [invocation.kind];

const checks: readonly Check[] = [
  {
    name: "a function is given its event and its context, and answers",
    async run({ invoke }) {
      const invocation = await invoke("echo", { n: 21 });
      const { event, id, arn } = Object(answerOf(invocation));
      return [event, invocation.kind === "succeeded" && id === invocation.requestId, arn];
    },
    expected: [{ n: 21 }, true, "arn:aws:lambda:eu-central-1:000000000000:function:echo"],
  },
  {
    name: "an environment is used again",
    async run({ invoke }) {
      const pids = [await invoke("echo"), await invoke("echo")].map((each) => Object(answerOf(each)).pid);
      return pids[0] === pids[1];
    },
    expected: true,
  },
  {
    name: "an answer keeps every character",
    run: async ({ invoke }) => answerOf(await invoke("wide")),
    expected: "grün \u2028 \u{1F331}",
  },
  {
    name: "a thrown error is a failure, and the environment lives on",
    run: async ({ invoke }) => [facts(await invoke("fail")), facts(await invoke("fail"))],
    expected: Array(2).fill(["failed", "RangeError", "out of bounds"]),
  },
  {
    name: "an error whose name is no text is a failure all the same",
    run: async ({ invoke }) => facts(await invoke("untellable")).slice(0, 2),
    expected: ["failed", "handled"],
  },
  {
    name: "a timeout kills the process",
    run: async ({ invoke }) => facts(await invoke("hang")),
    expected: ["timed-out", "Sandbox.Timedout", "Error: Task timed out after 1.00 seconds"],
  },
  {
    name: "a process that exits crashes its invocation",
    run: async ({ invoke }) => facts(await invoke("crash")),
    expected: ["crashed", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"],
  },
  {
    name: "a handler that is not exported is an init error",
    run: async ({ invoke }) => facts(await invoke("nowhere")).slice(0, 2),
    expected: ["init-failed", "Runtime.HandlerNotFound"],
  },
  {
    name: "a module that does not parse is an init error",
    run: async ({ invoke }) => facts(await invoke("broken")).slice(0, 2),
    expected: ["init-failed", "Runtime.UserCodeSyntaxError"],
  },
  {
    name: "a module that throws is an init error",
    run: async ({ invoke }) => facts(await invoke("thrower")),
    expected: ["init-failed", "TypeError", "no such thing"],
  },
  {
    name: "an invocation goes on with its caller's trace, and has a parent of its own",
    async run({ invoke }) {
      const header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
      const [variable, context] = Object(answerOf(await invoke("trace", {}, header)));
      return [variable === context, String(variable).replace(/Parent=[0-9a-f]{16}/, "Parent=…")];
    },
    expected: [true, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1"],
  },
  {
    name: "invocations without a caller's trace have one each",
    async run({ invoke }) {
      const roots = [await invoke("trace"), await invoke("trace")].map((each) => Object(answerOf(each))[0]);
      return [roots.every((root) => /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};/.test(root)), roots[0] !== roots[1]];
    },
    expected: [true, true],
  },
  {
    name: "the remaining time runs down",
    async run({ invoke }) {
      const [first, second] = Object(answerOf(await invoke("left")));
      return [first > 25_000 && first <= 30_000, first - second >= 295];
    },
    expected: [true, true],
  },
  {
    name: "a line of the log belongs to its function",
    async run({ invoke, lines }) {
      await invoke("log");
      return lines.some(({ functionName, text }) => functionName === "log" && text.endsWith("a line of the function"));
    },
    expected: true,
  },
  {
    name: "an answer of more than 6 MB fails",
    run: async ({ invoke }) => facts(await invoke("large")).slice(0, 2),
    expected: ["failed", "Function.ResponseSizeTooLarge"],
  },
];

try {
  await install(folder, values.version);
  const onAwsRuntime = await runChecks(folder, { name: "AWS's runtime client", runtime: runtimeIn(folder) });
  const onOwnRuntime = await runChecks(folder, { name: "this project's runtime" });
  process.exitCode = onAwsRuntime && onOwnRuntime ? 0 : 1;
} finally {
  if (!values.folder) await rm(folder, { recursive: true, force: true });
}

async function install(into: string, version: string): Promise<void> {
  await mkdir(into, { recursive: true });
  if (existsSync(runtimeIn(into))) return console.log(`aws-lambda-ric is in ${into} already`);
  console.log(`installing aws-lambda-ric ${version} into ${into}: it compiles for minutes and needs a C++ toolchain`);
  await writeFile(join(into, "package.json"), '{ "private": true, "type": "module" }\n');
  const startMs = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - startMs) / 1000)} s`;
  const ticker = setInterval(() => console.log(`  … compiling, ${seconds()}`), 15_000);
  const output: string[] = [];
  const args = ["install", "--no-audit", "--no-fund", "--foreground-scripts", `aws-lambda-ric@${version}`];
  const npm = spawn("npm", args, { cwd: into, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [npm.stdout, npm.stderr]) stream.setEncoding("utf8").on("data", (text) => output.push(text));
  const code = await new Promise((done) => npm.once("error", done).once("close", done));
  clearInterval(ticker);
  if (code !== 0) throw new Error(`aws-lambda-ric cannot be installed (${code}):\n${output.join("").slice(-4000)}`);
  console.log(`installed in ${seconds()}`);
}

function runtimeIn(into: string): string {
  return join(into, "node_modules", "aws-lambda-ric", "index.mjs");
}

/** Says whether all passed. */
async function runChecks(root: string, { name, ...options }: { name: string; runtime?: string }): Promise<boolean> {
  console.log(`\non ${name}:`);
  await writeFile(join(root, "handlers.mjs"), handlers);
  await writeFile(join(root, "syntax.mjs"), "export const handler = async () => {");
  await writeFile(join(root, "thrower.mjs"), "throw new TypeError('no such thing');");
  const lines: FunctionLogLine[] = [];
  const lambda = await createLambda({
    clock: systemClock(),
    root,
    region: "eu-central-1",
    accountId: "000000000000",
    ...options,
    onLog: (line) => lines.push(line),
    onInitError: () => {},
  });
  try {
    defineFunctions(lambda);
    const invoke: Bench["invoke"] = (name, event = {}, traceHeader = undefined) =>
      lambda.invoke(name, JSON.stringify(event), { traceHeader });
    let failed = 0;
    for (const check of checks) {
      const found = await check.run({ lambda, lines, invoke });
      const hasPassed = isDeepStrictEqual(found, check.expected);
      if (!hasPassed) failed++;
      console.log(`${hasPassed ? "ok    " : "FAILED"} ${check.name}`);
      if (!hasPassed)
        console.log(`       expected ${JSON.stringify(check.expected)}\n       found    ${JSON.stringify(found)}`);
    }
    console.log(`${checks.length - failed} of ${checks.length} passed`);
    return failed === 0;
  } finally {
    await lambda.close({ graceMs: 0 });
  }
}

function defineFunctions(lambda: Lambda): void {
  const define = (name: string, handler: string, config: Partial<FunctionConfig> = {}): void =>
    lambda.define({ name, handler, timeoutMs: 30_000, memoryMb: 256, environment: {}, ...config });
  for (const name of ["untellable", "echo", "fail", "crash", "trace", "left", "log", "large", "wide", "nowhere"])
    define(name, `handlers.${name}`);
  define("hang", "handlers.hang", { timeoutMs: 1000 });
  define("broken", "syntax.handler");
  define("thrower", "thrower.handler");
}
