import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { systemClock } from "../clock.ts";
import type { FunctionConfig } from "./function-config.ts";
import type { InitError } from "./init-error.ts";
import type { FunctionLogLine, Invocation } from "./invocation.ts";
import { createLambda, type Lambda, type LambdaOptions } from "./lambda.ts";

/** A folder of handlers for one test. */
export interface TestProject {
  readonly root: string;
  write(path: string, text: string): Promise<void>;
}

/** Makes a project of ECMAScript modules below the system's temporary folder, gone when the test is. */
export async function testProject(files: Readonly<Record<string, string>>): Promise<TestProject> {
  const root = await mkdtemp(join(tmpdir(), "tendril-lambda-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await write("package.json", '{ "type": "module" }');
  for (const [path, text] of Object.entries(files)) await write(path, text);
  return { root, write };
}

/** A Lambda for one test, with one function: "worker" in src/worker.ts. */
export interface TestLambda {
  readonly lambda: Lambda;
  readonly project: TestProject;
  readonly lines: FunctionLogLine[];
  readonly initErrors: InitError[];
  /** Runs "worker"; the event is `{}` by default. */
  invoke(event?: unknown): Promise<Invocation>;
}

export interface TestLambdaOptions {
  readonly config?: Partial<FunctionConfig>;
  readonly files?: Readonly<Record<string, string>>;
  readonly lambda?: Partial<LambdaOptions>;
}

/** Starts a Lambda whose "worker" is this TypeScript; it is closed when the test is over. */
export async function testLambda(source: string, options: TestLambdaOptions = {}): Promise<TestLambda> {
  const project = await testProject({ "src/worker.ts": source, ...options.files });
  const lines: FunctionLogLine[] = [];
  const initErrors: InitError[] = [];
  const lambda = await createLambda({
    clock: systemClock(),
    root: project.root,
    region: "eu-central-1",
    accountId: "000000000000",
    onLog: (line) => lines.push(line),
    onInitError: (error) => initErrors.push(error),
    ...options.lambda,
  });
  onTestFinished(() => lambda.close({ graceMs: 0 }));
  const config = { handler: "src/worker.handler", timeoutMs: 30_000, memoryMb: 256, environment: {} };
  lambda.define({ name: "worker", ...config, ...options.config });
  return { lambda, project, lines, initErrors, invoke: (event = {}) => lambda.invoke("worker", JSON.stringify(event)) };
}

/** What the function returned. Throws for any other end. */
export function answer(invocation: Invocation): unknown {
  if (invocation.kind !== "succeeded") throw new Error(JSON.stringify(invocation));
  return JSON.parse(invocation.payload);
}
