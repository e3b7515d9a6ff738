import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";

/** One cold start, in milliseconds and megabytes. */
export interface Start {
  /** Of importing the bundle. */
  readonly importMs: number;
  /** The processor's time for it, on all threads. */
  readonly cpuMs: number;
  /** From the process's start to the handler imported, and to its first answer. */
  readonly readyMs: number;
  readonly answeredMs: number;
  readonly peakMb: number;
  readonly answer?: unknown;
}

export interface StartOptions {
  readonly bundle: string;
  /** Without one the handler is only imported. */
  readonly event?: object;
  readonly env: Readonly<Record<string, string>>;
}

const context = JSON.stringify({
  callbackWaitsForEmptyEventLoop: true,
  functionName: "bench",
  functionVersion: "$LATEST",
  invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:bench",
  memoryLimitInMB: "512",
  awsRequestId: "8f507cfc-0000-4000-8000-000000000000",
  logGroupName: "/aws/lambda/bench",
  logStreamName: "stream",
});

/** Starts a process of its own, which has nothing but `env`. Rejects with what it said when it fails. */
export async function startCold({ bundle, event, env }: StartOptions): Promise<Start> {
  const words = [
    join(import.meta.dirname, "probe.mjs"),
    bundle,
    event === undefined ? "" : JSON.stringify(event),
    context,
  ];
  const child = spawn(process.execPath, words, { env, stdio: ["ignore", "ignore", "pipe", "pipe"] });
  const [, errors, found] = [child.stdin, child.stderr, child.stdio[3]];
  if (!(found instanceof Readable) || errors === null) throw new Error("The process has no pipes.");
  const [said, complaint, [code]] = await Promise.all([text(found), text(errors), once(child, "close")]);
  if (code !== 0 || said === "") throw new Error(`${bundle} ended with ${code}:\n${complaint}`);
  const start: Start = JSON.parse(said);
  return start;
}
