import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { SQSClient } from "@aws-sdk/client-sqs";
import pg from "pg";

/** `tendril dev`, running as a user runs it. */
export interface DevTier {
  readonly process: ChildProcess;
  readonly apiUrl: string;
  readonly awsUrl: string;
  readonly databaseUrl: string;
  readonly sqs: SQSClient;
  /** Everything that it has printed so far. */
  output(): string;
  /** Resolves with the match when the output has it; rejects when the process ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Rows of a query on its database. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Asks it to stop, as Ctrl-C does, and waits for its end. */
  stop(): Promise<number | null>;
}

/** What `tendril dev` printed and how it ended, when it did not get ready. */
export interface FailedStart {
  readonly code: number | null;
  readonly output: string;
}

/** Starts `tendril dev` in a project on free ports; rejects with its output when it does not get ready. */
export async function startDev(root: string, flags: readonly string[] = []): Promise<DevTier> {
  const { child, output, changed } = spawnDev(root, flags);
  const printed = (pattern: RegExp) => waitFor(pattern, output, changed, child);
  await printed(/Try it:\n.*\n/);
  const address = (name: string): string => new RegExp(`^  ${name} +(\\S+)$`, "m").exec(output())?.[1] ?? "";
  const awsUrl = address("SQS");
  const databaseUrl = address("database");
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return {
    process: child,
    apiUrl: address("enqueue"),
    awsUrl,
    databaseUrl,
    sqs: new SQSClient({
      endpoint: awsUrl,
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    }),
    output,
    printed,
    async query(sql) {
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    async stop() {
      child.kill("SIGINT");
      return ended;
    },
  };
}

/** Runs `tendril dev` in a project that it cannot run, to its end. */
export async function failToStart(root: string, flags: readonly string[] = []): Promise<FailedStart> {
  const { child, output } = spawnDev(root, flags);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output: output() };
}

function spawnDev(root: string, flags: readonly string[]) {
  const main = join(root, "packages/cli/src/main.ts");
  const ports = ["--port", "0", "--aws-port", "0", "--postgres-port", "0"];
  const child = spawn(process.execPath, [main, "dev", ...ports, ...flags], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", npm_lifecycle_event: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      for (const listener of listeners) listener();
    });
  }
  return { child, output: () => text, changed: listeners };
}

function waitFor(
  pattern: RegExp,
  output: () => string,
  changed: Set<() => void>,
  child: ChildProcess,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      changed.delete(look);
      child.off("close", fail);
      end();
    };
    const look = (): void => {
      const match = pattern.exec(output());
      if (match !== null) settle(() => resolve(match));
    };
    const fail = (): void => settle(() => reject(new Error(`it ended before it printed ${pattern}:\n${output()}`)));
    changed.add(look);
    child.once("close", fail);
    look();
  });
}
