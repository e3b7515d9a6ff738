import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import type { LocalQueue, LocalSqs } from "./local-aws.ts";
import { repositoryRoot } from "./project.ts";
import type { WorkerRoom } from "./worker-bench.ts";

/** How a run of `tendril dead` ended. */
export interface DeadEnd {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** A run of `tendril dead`. */
export interface DeadRun {
  readonly child: ChildProcess;
  readonly ended: Promise<DeadEnd>;
}

/** Starts `tendril dead` as a process of its own, whose SDK finds a room's AWS; standard input is no terminal. */
export function startDead(room: WorkerRoom, words: readonly string[]): DeadRun {
  const main = join(repositoryRoot, "packages/cli/src/main.ts");
  const child = spawn(process.execPath, [main, "dead", ...words], {
    cwd: repositoryRoot,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      NO_COLOR: "1",
      NODE_COMPILE_CACHE: join(tmpdir(), "tendril-compile-cache"), // most of a short run is compiling the SDK
      npm_lifecycle_event: undefined,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
      AWS_ENDPOINT_URL_SQS: new URL(room.queue.url).origin,
      AWS_ENDPOINT_URL_RDS_DATA: room.local.wire.url,
    },
  });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  const ended = once(child, "close").then(() => ({ code: child.exitCode, out, errors }));
  return { child, ended };
}

/** Lets a room's SQS have time while something of another process goes on, which waits for messages that do not come. */
export async function whileTimePasses<Result>({ clock }: LocalSqs, going: Promise<Result>): Promise<Result> {
  let isOver = false;
  const over = going.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await clock.advance(250);
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  return over;
}

/** Gives a queue its dead-letter queue in SQS's sense, too: `maxReceiveCount` receipts, then SQS moves a message. */
export async function redriveToDeadLetters(sqs: LocalSqs, queue: LocalQueue, maxReceiveCount: number): Promise<void> {
  const deadName = new URL(queue.deadLetterUrl).pathname.split("/").pop();
  const policy = { deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${deadName}`, maxReceiveCount };
  const Attributes = { RedrivePolicy: JSON.stringify(policy) };
  await sqs.client.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes }));
}
