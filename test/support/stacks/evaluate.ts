import { fork } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Evaluation, EvaluationOptions, Resource, Stack } from "./stack.ts";

/** Why a stack could not be evaluated; `resources` were registered before. */
export class EvaluationError extends Error {
  readonly resources: readonly Resource[];
  constructor(message: string, { trace, resources }: { trace: string; resources: readonly Resource[] }) {
    super(message);
    this.name = "EvaluationError";
    this.stack = trace;
    this.resources = resources;
  }
}

/**
 * Evaluates a project's sst.config.ts as `sst deploy` does, without an account and without a network; see evaluation.ts
 * for what is real. Takes seconds. Errors: `EvaluationError`, with the message that the user of `sst deploy` would see.
 */
export async function evaluate(options: Partial<EvaluationOptions> & { readonly root: string }): Promise<Stack> {
  const all: EvaluationOptions = {
    stage: "test",
    dev: false,
    region: "eu-west-1",
    account: "123456789012",
    replaced: {},
    environment: {},
    ...options,
  };
  const work = await mkdtemp(join(tmpdir(), "tendril-stack-"));
  try {
    const evaluation = await evaluateIn(work, all);
    if (evaluation.kind === "stack") return evaluation.stack;
    throw new EvaluationError(evaluation.message, evaluation);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function evaluateIn(work: string, options: EvaluationOptions): Promise<Evaluation> {
  const result = join(work, "evaluation.json");
  const child = fork(join(import.meta.dirname, "evaluation.ts"), [JSON.stringify({ ...options, work, result })], {
    cwd: options.root,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: ["--enable-source-maps", "--no-warnings"],
    env: {
      ...options.environment,
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      TMPDIR: process.env.TMPDIR,
      NODE_COMPILE_CACHE: join(options.root, ".sst/compile-cache"), // saves a third of the time
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  const json = await readFile(result, "utf8").catch(() => undefined);
  if (json === undefined) throw new Error(`evaluating sst.config.ts ended with ${code}\n${output}`);
  return JSON.parse(json);
}
