import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { Queue } from "bullmq";
import { makeWorkerUtils } from "graphile-worker";
import { PgBoss } from "pg-boss";
import { startChild } from "./child.ts";
import type { Lane } from "./lane.ts";

/** The queue of every peer. */
export const queueName = "insert";

const startWorker = (name: string, databaseUrl: string, redisUrl = "") =>
  startChild(join(import.meta.dirname, "peer-worker.ts"), [name, databaseUrl, redisUrl]);

/** pg-boss: jobs in the same PostgreSQL, inserted in bulk. */
export async function openPgBoss(connectionString: string): Promise<Lane> {
  const worker = await startWorker("pg-boss", connectionString);
  const boss = new PgBoss({ connectionString, max: 4, supervise: false, schedule: false, migrate: false });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  return {
    name: "pg-boss",
    send: async (jobs) =>
      void (await boss.insert(
        queueName,
        jobs.map((data) => ({ data })),
      )),
    async close() {
      await boss.stop({ graceful: false });
      await worker.end();
    },
  };
}

/** graphile-worker: jobs in the same PostgreSQL, added in bulk; local queue and batched completion are on. */
export async function openGraphile(connectionString: string): Promise<Lane> {
  const worker = await startWorker("graphile-worker", connectionString);
  const utils = await makeWorkerUtils({ connectionString, maxPoolSize: 4 });
  return {
    name: "graphile-worker",
    send: async (jobs) => void (await utils.addJobs(jobs.map((payload) => ({ identifier: queueName, payload })))),
    async close() {
      await utils.release();
      await worker.end();
    },
  };
}

/** BullMQ: jobs in Redis, added in bulk; or why it is missing. */
export async function openBullMq(connectionString: string, folder: string): Promise<Lane | string> {
  // BullMQ does not bring its client of Redis.
  if (!canLoad("ioredis")) return "BullMQ is missing: ioredis is not installed";
  const redis = await startRedis(folder);
  if (redis === undefined) return "BullMQ is missing: no REDIS_URL, and no redis-server on the PATH";
  const worker = await startWorker("BullMQ", connectionString, redis.url);
  const queue = new Queue(queueName, {
    connection: { url: redis.url },
    defaultJobOptions: { removeOnComplete: true },
  });
  return {
    name: "BullMQ",
    send: async (jobs) => void (await queue.addBulk(jobs.map((data) => ({ name: "insert", data })))),
    async close() {
      await worker.end();
      await queue.close();
      await redis.stop();
    },
  };
}

function canLoad(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** REDIS_URL's, or `redis-server` from the PATH, which keeps its jobs on disk as its documentation advises for queues. */
async function startRedis(folder: string): Promise<{ readonly url: string; stop(): Promise<void> } | undefined> {
  const given = process.env.REDIS_URL;
  if (given !== undefined && given !== "") return { url: given, stop: async () => {} };
  const port = await freePort();
  const words = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--save", ""];
  // The shell ends it when this process does: its standard input is closed then.
  const script = 'redis-server "$@" > /dev/null & pid=$!; cat > /dev/null; kill $pid; wait $pid';
  const child = spawn(
    "/bin/sh",
    ["-c", `command -v redis-server > /dev/null || exit 127; ${script}`, "redis", ...words],
    {
      stdio: ["pipe", "ignore", "inherit"],
    },
  );
  const ended = once(child, "exit");
  const answered = await Promise.race([answers(port), ended.then(() => false)]);
  if (!answered) return undefined;
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function answers(port: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
