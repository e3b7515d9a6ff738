/** Requests to enqueue, by the thousand, to the API and to Hono by hand. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { CreateQueueCommand, GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { openSqsClient } from "./api-load-apps.ts";
import type { Shot, Volley } from "./api-load-cannon.ts";

/** What may be shot at. `no message`: as the other, but SQS is never called. `as a function`: behind the local HTTP API. */
export const loadWays = [
  "Hono, no message",
  "Hono",
  "API, no message",
  "API",
  "Hono as a function",
  "API as a function",
] as const;

/** One of them. */
export type LoadWay = (typeof loadWays)[number];

/** A server that can be shot at. */
export interface LoadLane {
  readonly name: LoadWay;
  /** Sends requests; `cpuMicroseconds` is what one took of the server's process, which is not where functions run. */
  measure(volley: Omit<Volley, "url">): Promise<Shot & { readonly cpuMicroseconds: number }>;
  /** Messages in its queue. */
  count(): Promise<number>;
}

/** A local SQS, a cannon and servers, each in a process of its own. */
export interface Load {
  openLane(name: LoadWay): Promise<LoadLane>;
  close(): Promise<void>;
}

/** Starts it. All processes end with this one. */
export async function openLoad(): Promise<Load> {
  const children: ChildProcess[] = [];
  const start = (file: string, words: readonly string[] = []): ChildProcess => {
    const child = fork(join(import.meta.dirname, file), words, {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    children.push(child);
    return child;
  };
  const startServer = async (...words: string[]) => {
    const child = start("api-load-server.ts", words);
    return { child, url: String(Reflect.get(await answerOf(child), "url")) };
  };
  const { url: sqsUrl } = await startServer("sqs");
  const sqs = openSqsClient(sqsUrl);
  const cannon = start("api-load-cannon.ts");
  let queues = 0;
  return {
    async openLane(name) {
      queues += 1;
      const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: `jobs-${queues}` }));
      const { child, url } = await startServer(name, sqsUrl, QueueUrl);
      const cpu = async (): Promise<number> => {
        child.send({});
        return Number(Reflect.get(await answerOf(child), "cpuMicroseconds"));
      };
      return {
        name,
        async measure(volley) {
          const before = await cpu();
          cannon.send({ ...volley, url });
          const shot = readShot(await answerOf(cannon));
          return { ...shot, cpuMicroseconds: ((await cpu()) - before) / volley.requests };
        },
        async count() {
          const AttributeNames = ["ApproximateNumberOfMessages" as const];
          const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
          return Number(Attributes?.ApproximateNumberOfMessages);
        },
      };
    },
    async close() {
      sqs.destroy();
      const ended = children.filter(({ exitCode }) => exitCode === null).map((child) => once(child, "exit"));
      for (const child of children) if (child.connected) child.disconnect();
      await Promise.all(ended);
    },
  };
}

async function answerOf(child: ChildProcess): Promise<object> {
  const ended = new AbortController();
  const { signal } = ended;
  try {
    const [answer] = await Promise.race([
      once(child, "message", { signal }),
      once(child, "exit", { signal }).then(([code]) => Promise.reject(new Error(`a process ended with ${code}`))),
    ]);
    if (typeof answer === "object" && answer !== null) return answer;
    throw new Error("an answer that is no object");
  } finally {
    ended.abort();
  }
}

function readShot(answer: object): Shot {
  if ("statuses" in answer && "lost" in answer && "seconds" in answer && "p50" in answer && "p99" in answer) {
    const { statuses, lost, seconds, p50, p99 } = answer;
    return {
      statuses: { ...Object(statuses) },
      lost: Number(lost),
      seconds: Number(seconds),
      p50: Number(p50),
      p99: Number(p99),
    };
  }
  throw new Error("an answer of no volley");
}
