// A peer's worker: node peer-worker.ts NAME DATABASE_URL REDIS_URL. Each job is one insert. Ends with its parent.
import { Worker } from "bullmq";
import { Logger, run } from "graphile-worker";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { z } from "zod";
import { queueName } from "./peers.ts";

const [name = "", connectionString = "", redisUrl = ""] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: 10 });
const jobSchema = z.object({ run: z.string(), sentMs: z.number() });

async function insert(data: unknown): Promise<void> {
  const { run: of, sentMs } = jobSchema.parse(data);
  await pool.query("insert into effects (run, sent_ms) values ($1, $2)", [of, sentMs]);
}

async function workPgBoss(): Promise<void> {
  const boss = new PgBoss({ connectionString, max: 10 });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(queueName);
  // Fetched in tens, the next ten while there are any; when there are none it looks every half second, its least.
  const options = { batchSize: 10, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, localConcurrency: 2 };
  await boss.work(queueName, options, async (jobs) => void (await Promise.all(jobs.map(({ data }) => insert(data)))));
}

async function workGraphile(): Promise<void> {
  const worker = {
    connectionString,
    concurrentJobs: 20,
    maxPoolSize: 22,
    localQueue: { size: 100 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  };
  await run({
    preset: { worker },
    taskList: { [queueName]: insert },
    noHandleSignals: true,
    parsedCronItems: [],
    logger: new Logger(() => () => {}),
  });
}

async function workBullMq(): Promise<void> {
  const worker = new Worker(queueName, ({ data }) => insert(data), { connection: { url: redisUrl }, concurrency: 20 });
  worker.on("error", (error) => console.error(error));
  await worker.waitUntilReady();
}

switch (name) {
  case "pg-boss":
    await workPgBoss();
    break;
  case "graphile-worker":
    await workGraphile();
    break;
  default:
    await workBullMq();
}
process.stdin.resume().on("end", () => process.exit());
console.log(JSON.stringify({}));
