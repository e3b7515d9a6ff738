import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SQSClient } from "@aws-sdk/client-sqs";
import { repositoryRoot } from "./project.ts";

/** `tendril aws`, running as a user runs it. */
export interface AwsProcess {
  readonly process: ChildProcess;
  readonly url: string;
  readonly databaseUrl: string;
  /** The lines that it prints to be pasted into a shell, as variables. */
  readonly variables: Record<string, string>;
  readonly clients: AwsClients;
  /** Everything that it has printed so far, on both outputs. */
  output(): string;
  /** What it has written on standard error so far. */
  errors(): string;
  /** Asks it to stop, as Ctrl-C does, and waits for its end: its exit code. */
  stop(): Promise<number | null>;
  /** Kills it with SIGKILL and waits for its end. */
  kill(): Promise<void>;
}

/** SDK clients that never try a call again: what was refused or cut off is known to be. */
export interface AwsClients {
  readonly sqs: SQSClient;
  readonly scheduler: SchedulerClient;
  readonly rdsData: RDSDataClient;
  destroy(): void;
}

/** How `tendril aws` is started. */
export interface AwsProcessOptions {
  /** The working folder, in which the state folder is made. */
  readonly folder: string;
  readonly flags?: readonly string[];
  /** A shell command that becomes it, given as its arguments; default `exec "$@"`. */
  readonly shell?: string;
}

/** What `tendril aws` printed and how it ended. */
export interface AwsEnd {
  readonly code: number | null;
  readonly output: string;
}

/** An empty folder for temporary things, which goes away with `remove`. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "tendril-aws-"));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Starts `tendril aws` on free ports; rejects with its output when it does not get ready. */
export async function startAws(options: AwsProcessOptions): Promise<AwsProcess> {
  const { child, output, errors, ended } = spawnAws(options);
  await Promise.race([printed(child, output, /^ {2}export DATABASE=.*\n/m), ended]);
  if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it did not get ready:\n${output()}`);
  const address = (name: string): string => new RegExp(`^  ${name} +(\\S+)$`, "m").exec(output())?.[1] ?? "";
  const url = address("SQS");
  const clients = awsClients(url);
  const end = async (signal: "SIGINT" | "SIGKILL"): Promise<number | null> => {
    clients.destroy();
    child.kill(signal);
    return ended;
  };
  return {
    process: child,
    url,
    databaseUrl: address("database"),
    variables: Object.fromEntries(
      [...output().matchAll(/^ {2}export (.*)$/gm)].flatMap(([, words = ""]) =>
        words.split(" ").map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
      ),
    ),
    clients,
    output,
    errors,
    stop: () => end("SIGINT"),
    kill: async () => void (await end("SIGKILL")),
  };
}

/** Starts `tendril aws` and gives it, ready or not. */
export function spawnAws({ folder, flags = [], shell = 'exec "$@"' }: AwsProcessOptions) {
  const main = join(repositoryRoot, "packages/cli/src/main.ts");
  const words = [process.execPath, main, "aws", "--port", "0", "--postgres-port", "0", ...flags];
  const child = spawn("/bin/sh", ["-c", shell, "tendril", ...words], {
    cwd: folder,
    // As under `npm run`, so that it ends with the process that started it.
    env: { ...process.env, NO_COLOR: "1", npm_lifecycle_event: "test" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [text, errorText] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    errorText += chunk;
  });
  const ended = once(child, "close").then(() => child.exitCode);
  return { child, output: () => text, errors: () => errorText, ended };
}

/** Runs `tendril aws`, which cannot start, to its end. */
export async function failToStartAws(options: AwsProcessOptions): Promise<AwsEnd> {
  const { output, ended } = spawnAws(options);
  return { code: await ended, output: output() };
}

/** Clients for an address of the local AWS. */
export function awsClients(endpoint: string): AwsClients {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const config = { endpoint, region: "us-east-1", credentials, maxAttempts: 1 };
  const [sqs, scheduler, rdsData] = [new SQSClient(config), new SchedulerClient(config), new RDSDataClient(config)];
  return {
    sqs,
    scheduler,
    rdsData,
    destroy() {
      for (const client of [sqs, scheduler, rdsData]) client.destroy();
    },
  };
}

function printed(child: ChildProcess, output: () => string, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!pattern.test(output())) return;
      child.stdout?.off("data", look);
      resolve();
    };
    child.stdout?.on("data", look);
  });
}
