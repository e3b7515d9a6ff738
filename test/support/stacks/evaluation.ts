/**
 * The process that evaluates sst.config.ts: what `sst deploy` does, step for step, with answers in place of AWS.
 *
 * Real: sst.config.ts and stacks/, SST's components and its program runner, Pulumi's SDK and its AWS resource classes.
 * Not real: Pulumi's engine, the AWS provider, the SST command's own server. So nothing here knows what AWS refuses.
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { answerCall, answerResource } from "./aws-answers.ts";
import { bundleApp, bundleProgram } from "./config-bundle.ts";
import { type Monitor, observe } from "./registrations.ts";
import { startCliServer } from "./sst-cli-server.ts";
import type { BuiltFunction, Evaluation, EvaluationOptions, Resource } from "./stack.ts";

interface Pulumi {
  readonly runtime: {
    setMocks(answers: object, project: string, stack: string, preview: boolean, organization: string): Promise<void>;
    getMonitor(): Monitor;
    runInPulumiStack(program: () => Promise<unknown>): Promise<Record<string, unknown>>;
    deserializeProperties(properties: unknown): unknown;
  };
}

const options: EvaluationOptions & { work: string; result: string } = JSON.parse(process.argv[2] ?? "");
const platform = join(options.root, ".sst/platform");
const resources: Resource[] = [];
const functions: BuiltFunction[] = [];
const links: Record<string, Readonly<Record<string, unknown>>> = {};
let finished: Pick<Extract<Evaluation, { kind: "stack" }>["stack"], "app" | "outputs"> | undefined;

function leave(evaluation: Evaluation): never {
  writeFileSync(options.result, JSON.stringify(evaluation));
  process.exit();
}

function fail(error: unknown): never {
  const [message, trace] = error instanceof Error ? [error.message, error.stack ?? ""] : [String(error), ""];
  leave({ kind: "failed", message, trace, resources });
}

process.on("unhandledRejection", fail); // an error in an apply() arrives here
process.on("uncaughtException", fail);
// The program is over when nothing is left that could register a resource: that is how Pulumi ends, too.
process.on("beforeExit", () => {
  if (finished === undefined) fail(new Error("sst.config.ts waits for something that never happens"));
  leave({ kind: "stack", stack: { ...finished, resources, functions, links } });
});
process.on("disconnect", () => process.exit(1));
process.channel?.unref();

async function evaluate(): Promise<void> {
  const { stage, region, account, dev } = options;
  process.env.SST_AWS_REGION = region;
  process.env.SST_SERVER = await startCliServer({ ...options, onBuilt: (built) => functions.push(built) });
  const app = await bundleApp(options);
  const appName = String(app.name);
  const program = await bundleProgram(options, {
    $app: { removal: "retain", protect: false, ...app, stage },
    $cli: {
      command: "deploy",
      dev,
      paths: { home: options.work, root: options.root, work: options.work, platform },
      state: { version: {} },
    },
    $dev: dev,
  });
  // The instance that the program will import.
  const { runtime }: Pulumi = createRequire(join(platform, "package.json"))("@pulumi/pulumi");
  const answers = {
    newResource: (given: Parameters<typeof answerResource>[0]) => answerResource(given, { region, account }),
    call: (given: Parameters<typeof answerCall>[0]) => answerCall(given, { region, account }),
  };
  await runtime.setMocks(answers, appName, stage, false, "organization");
  observe(runtime.getMonitor(), {
    app: appName,
    stage,
    plain: (properties) => runtime.deserializeProperties(properties),
    onResource: (resource) => resources.push(resource),
    onLink: (target, properties) => {
      links[target] = properties;
    },
  });
  finished = { app, outputs: await runtime.runInPulumiStack(program) };
}

await evaluate();
