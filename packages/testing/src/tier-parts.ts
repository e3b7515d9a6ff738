import { readFile } from "node:fs/promises";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { type Client, createClient } from "@tendril/client/client";
import { type CronEntry, cronYamlError, readCronYaml } from "@tendril/core/cron-yaml";
import type { JobStore } from "@tendril/core/job-record";
import type { QueueLink } from "@tendril/core/link";
import { type Plan, planTier, refusal } from "@tendril/core/plan";
import { namedSources } from "@tendril/core/source";
import { createDatabase } from "@tendril/ledger/database";
import { createJobStore } from "@tendril/ledger/job-store";
import { watchHandlers } from "./attempts.ts";
import { useDatabaseServer } from "./database-server.ts";
import type { Lane } from "./delivery.ts";
import { databaseLink } from "./endpoint.ts";
import { findFile, readSets } from "./project-files.ts";
import { createRunner, type Runner } from "./runner.ts";
import { openTestAws, type TestAws } from "./test-aws.ts";
import { type TestDatabase, takeTestDatabase } from "./test-database.ts";
import type { TestTierOptions } from "./test-tier.ts";
import { type DeadLetter, type Enqueued, readDeadLetters, readWaiting } from "./waiting.ts";
import { startWorkerProcess, type WorkerProcess } from "./worker-process.ts";

/** What a test tier is made of. */
export interface TierParts {
  readonly database: TestDatabase;
  readonly aws: TestAws;
  /** The queues' links by their names in the tier. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  readonly store: JobStore;
  readonly client: Client;
  readonly runner: Runner;
  /** Idempotency keys by the ids that were made of them. */
  readonly keys: Map<string, string>;
  waiting(): Promise<Enqueued[]>;
  deadLetters(): DeadLetter[];
  /** Ends all of it, the last that was started first. */
  close(): Promise<void>;
}

/** Starts the parts of a test tier; when one does not start, those before it are ended. */
export async function openParts(options: TestTierOptions): Promise<TierParts> {
  const plan = await planOf(options);
  const sets = await readSets(options.migrations);
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    const { url, release } =
      options.databaseUrl === undefined
        ? await useDatabaseServer()
        : { url: options.databaseUrl, release: (): void => {} };
    closers.push(release);
    const database = await takeTestDatabase(url, sets);
    closers.push(() => database.close());
    const aws = await openTestAws({ plan, databaseUrl: database.url, startMs: options.now?.getTime() });
    closers.push(() => aws.close());
    const parts = { aws, database, queues: linksOf(aws) };
    const rdsData = new RDSDataClient(aws.ownConfig);
    closers.push(() => rdsData.destroy());
    const store = createJobStore(createDatabase({ client: rdsData, link: databaseLink(database.name) }));
    const keys = new Map<string, string>();
    const { lanes, closeWorkers } = openLanes(options, { ...parts, plan, keys });
    closers.push(closeWorkers);
    const waiting = async (): Promise<Enqueued[]> =>
      (await readWaiting(aws, lanes)).map((job) => {
        const key = keys.get(job.id);
        return key === undefined ? job : { ...job, key };
      });
    const client = clientOf(options, { ...parts, store });
    const deadLetters = (): DeadLetter[] => readDeadLetters(aws, lanes);
    const runner = createRunner({ aws, lanes, waiting });
    return { ...parts, store, client, keys, waiting, deadLetters, runner, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function linksOf({ queues }: TestAws): Record<string, QueueLink> {
  return Object.fromEntries(queues.map(({ name, url, deadLetterUrl }) => [name, { url, deadLetterUrl }]));
}

function clientOf(
  { tier }: TestTierOptions,
  { aws, queues, store }: Pick<TierParts, "aws" | "queues" | "store">,
): Client {
  return createClient({
    sqs: aws.sqsClient,
    queues,
    later: aws.later,
    ...(aws.claims === undefined ? {} : { claims: aws.claims }),
    scheduler: async () => aws.schedulerClient,
    now: () => aws.clock.now(),
    jobs: store,
    specs: tier.jobs,
  });
}

/** The tier's queues with their workers. */
function openLanes(
  { tier, handlers, onLine = () => {} }: TestTierOptions,
  {
    plan,
    aws,
    database,
    queues,
    keys,
  }: Pick<TierParts, "aws" | "database" | "queues" | "keys"> & { readonly plan: Plan },
): { readonly lanes: readonly Lane[]; closeWorkers(): Promise<unknown> } {
  const watched = watchHandlers(handlers, keys);
  const started: WorkerProcess[] = [];
  const lanes = plan.queues.map((queue): Lane => {
    const sources = namedSources(queue.name, tier.queues[queue.name]?.sources);
    const start = (): WorkerProcess => {
      const process = startWorkerProcess({
        plan,
        queue,
        sources,
        handlers: watched.handlers,
        config: aws.ownConfig,
        links: { queues, later: aws.later },
        claims: aws.claims,
        database: databaseLink(database.name),
        now: () => aws.clock.now(),
        onLine,
      });
      started.push(process);
      return process;
    };
    let process: WorkerProcess | undefined;
    const living = (): WorkerProcess => {
      if (process === undefined || process.dead) process = start();
      return process;
    };
    return { plan: queue, sources, aws, watched, process: living };
  });
  return { lanes, closeWorkers: () => Promise.all(started.map((process) => process.close())) };
}

async function planOf({ tier, cron }: TestTierOptions): Promise<Plan> {
  const file = cron === true ? tier.cron : cron;
  const result = planTier(tier, file === undefined ? [] : await readEntries(file));
  if (result.kind === "refused") throw refusal(result.problems);
  return file === undefined ? { ...result.plan, schedules: [] } : result.plan;
}

async function readEntries(file: string): Promise<readonly CronEntry[]> {
  const read = readCronYaml(await readFile(findFile(file), "utf8"), file);
  if (read.kind !== "schedules") throw cronYamlError(read.errors);
  return read.schedules;
}
