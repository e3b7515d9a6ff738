import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A process of its own that makes calls. */
export interface Lane {
  readonly name: string;
  /** Makes a call so many times, so many of them at once; resolves to the processor time of each, in microseconds. */
  measure(call: string, count: number, atOnce: number): Promise<number>;
  close(): void;
}

/** Starts a process for a bundle, whose calls go to `url`. The credentials are as long as Lambda's. */
export async function openLane(name: string, bundle: string, url: string): Promise<Lane> {
  const child = fork(join(import.meta.dirname, "runner.mjs"), [bundle], {
    env: {
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_SESSION_TOKEN: "t".repeat(800),
      AWS_LAMBDA_FUNCTION_NAME: "bench",
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
      AWS_ENDPOINT_URL_SQS: url,
      AWS_ENDPOINT_URL_RDS_DATA: url,
    },
  });
  await answerOf(child);
  return {
    name,
    async measure(call, count, atOnce) {
      child.send({ name: call, count, atOnce });
      return Number(await answerOf(child));
    },
    close: () => void child.kill(),
  };
}

/** Starts the server that answers at once. */
export async function openServer(): Promise<{ readonly url: string; close(): void }> {
  const child = fork(join(import.meta.dirname, "null-server.mjs"));
  return { url: String(await answerOf(child)), close: () => void child.kill() };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  const ended = once(child, "exit", { signal: waiting.signal }).then(([code]) => {
    throw new Error(`A process of the bench ended with ${code}.`);
  });
  const [answer] = await Promise.race([once(child, "message", { signal: waiting.signal }), ended]);
  ended.catch(() => {});
  waiting.abort();
  return answer;
}
