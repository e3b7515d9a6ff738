import type { Client, EnqueueOptions } from "@tendril/client/client";
import { TendrilError } from "@tendril/core/errors";
import type { Handler } from "@tendril/core/handler";
import type { InputOf, JobSpec } from "@tendril/core/job";
import { type JobId, keyedJobId, parseJobId } from "@tendril/core/job-id";
import type { JobRecord } from "@tendril/core/job-record";
import type { LaterLink, QueueLink } from "@tendril/core/link";
import type { Tier } from "@tendril/core/tier";
import type { Delivery } from "./delivery.ts";
import type { ClientConfig } from "./endpoint.ts";
import { type DrainOptions, endOf, type RunOptions } from "./runner.ts";
import type { TestClock } from "./test-aws.ts";
import { openParts } from "./tier-parts.ts";
import { type DeadLetter, type Enqueued, ofType } from "./waiting.ts";

export type { LogLine } from "./attempts.ts";
export type { Delivery, Fault } from "./delivery.ts";
export type { ClientConfig } from "./endpoint.ts";
export type { DrainOptions, RunOptions } from "./runner.ts";
export type { TestClock } from "./test-aws.ts";
export type { DeadLetter, Enqueued } from "./waiting.ts";

/** What `createTestTier` takes. Paths are found from the working folder, or from a folder above it. */
export interface TestTierOptions {
  readonly tier: Tier;
  /** Handlers of the job types that the tests run. */
  readonly handlers: readonly Handler[];
  /** The folder of the app's migrations, e.g. `packages/jobs/migrations`. Default: the ledger's own only. */
  readonly migrations?: string;
  /** cron.yaml: its schedules fire when the clock passes their times; `true` for the tier's own. Default: none fire. */
  readonly cron?: string | true;
  /**
   * A PostgreSQL to make the test's databases on, by a user who may create some. Default: one of the kit's own, shared by
   * all tests of this user.
   */
  readonly databaseUrl?: string;
  /** Where the clock begins. Default: the machine's time. */
  readonly now?: Date;
  /** Takes the worker's log, a line of JSON at a time. Default: it is thrown away. */
  readonly onLine?: (line: string) => void;
}

/** What came of a job that was enqueued and run: the delivery that ended it, or its last one. */
export interface Run extends Delivery {
  readonly id: JobId;
  /** What its handler returned, as the ledger has it; absent when that was nothing. */
  readonly result?: unknown;
  /** What it has enqueued and nobody has run yet. */
  readonly followUps: readonly Enqueued[];
  /** All its deliveries by this call, in their order. */
  readonly deliveries: readonly Delivery[];
}

/** A tier in this process: the worker and the client that are deployed, over local AWS, with a database of its own. */
export interface TestTier extends AsyncDisposable {
  /** Enqueues a job and gives its id. Errors: the client's, and `job_type_unknown` for a job type that is not the tier's. */
  enqueue<Spec extends JobSpec>(spec: Spec, input: InputOf<Spec>, options?: EnqueueOptions): Promise<JobId>;
  /**
   * Enqueues a job and runs what is before it in its queue, until its attempt has ended; for a delayed job the clock moves.
   * Its follow-ups wait in their queues. Errors: those of `enqueue`, `handler_missing`.
   */
  run<Spec extends JobSpec>(spec: Spec, input: InputOf<Spec>, options?: EnqueueOptions & RunOptions): Promise<Run>;
  /** Runs what can be delivered, follow-ups included, and gives every delivery in its order. Error: `jobs_endless`. */
  drain(options?: DrainOptions): Promise<Delivery[]>;
  readonly clock: TestClock;
  /** Jobs that are enqueued and not done, the first due first; also those that wait for another attempt. */
  enqueued(): Promise<Enqueued[]>;
  enqueued<Spec extends JobSpec>(spec: Spec): Promise<Enqueued<InputOf<Spec>>[]>;
  /** What is dead, the oldest of each queue first. */
  deadLetters(): DeadLetter[];
  /** How a job stands in the ledger; `queued` when it waits to begin. Errors: `job_unknown`, `job_id_invalid`. */
  job(id: JobId | string): Promise<JobRecord>;
  /** Runs a statement in the test's database, beside the jobs: `` t.sql`select ${id}::uuid` ``. Values become parameters. */
  sql(strings: TemplateStringsArray, ...values: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** The client, for code of yours that enqueues. */
  readonly client: Client;
  /** For code of yours that makes SDK clients or connections of its own. */
  readonly aws: {
    readonly config: ClientConfig;
    readonly queues: Readonly<Record<string, QueueLink>>;
    readonly later: LaterLink;
    /** Of the test's database, for `pg` and the like; the Data API knows it as `databaseName`. */
    readonly databaseUrl: string;
    readonly databaseName: string;
  };
  /**
   * Empties queues, dead-letter queues and one-time schedules, and brings rows, sequences and clock back to where they
   * began; tables that a test has altered stay so.
   */
  reset(): Promise<void>;
  /** Stops it and gives its database back. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts a tier for tests, in milliseconds when a PostgreSQL runs already. Errors: `tier_refused`, `cron_yaml_invalid`,
 * `migration_invalid`, `postgres_unavailable`, `project_missing` for a file that is not there.
 */
export async function createTestTier(options: TestTierOptions): Promise<TestTier> {
  const parts = await openParts(options);
  const { aws, database, store, client, runner, keys, waiting } = parts;
  const read = (id: JobId): Promise<JobRecord | undefined> => store.read(id, AbortSignal.timeout(longestReadMs));
  const enqueue: TestTier["enqueue"] = async (spec, input, how = {}) => {
    checkType(spec, options.tier);
    const id = await client.enqueue(spec, input, how);
    if (how.key !== undefined) keys.set(id, how.key);
    return id;
  };
  function enqueued(): Promise<Enqueued[]>;
  function enqueued<Spec extends JobSpec>(spec: Spec): Promise<Enqueued<InputOf<Spec>>[]>;
  async function enqueued(spec?: JobSpec): Promise<Enqueued[]> {
    const jobs = await waiting();
    return spec === undefined ? jobs : ofType(spec, jobs);
  }
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= parts.close();
    return closing;
  };
  return {
    enqueue,
    enqueued,
    client,
    clock: aws.clock,
    drain: (how) => runner.drain(how),
    async run(spec, input, { attempts = "first", fault, ...how } = {}) {
      checkHandler(spec, options.handlers);
      const known = how.id ?? (how.key === undefined ? undefined : keyedJobId(spec.type, how.key));
      const before = known === undefined ? 0 : runner.count(known);
      const id = await enqueue(spec, input, how);
      const run = { id, queue: how.queue ?? spec.queue, before };
      const deliveries = await runner.run(run, fault === undefined ? { attempts } : { attempts, fault });
      const ids = new Set<string>(deliveries.flatMap(({ followUpIds }) => followUpIds));
      const followUps = ids.size === 0 ? [] : (await waiting()).filter((job) => ids.has(job.id));
      const result = spec.effects === "at-least-once" ? undefined : (await read(id))?.result;
      return { ...endOf(deliveries), id, deliveries, followUps, ...(result === undefined ? {} : { result }) };
    },
    deadLetters: parts.deadLetters,
    async job(id) {
      const jobId = parseJobId(id, "id");
      return (await read(jobId)) ?? queuedOf(await waiting(), jobId);
    },
    async sql(strings, ...values) {
      const text = strings.reduce((before, part, index) => `${before}$${index}${part}`);
      return (await database.pool.query(text, [...values])).rows;
    },
    aws: {
      config: aws.config,
      queues: parts.queues,
      later: aws.later,
      databaseUrl: database.url,
      databaseName: database.name,
    },
    reset: () =>
      runner.startOver(async () => {
        await aws.reset();
        await database.empty();
        keys.clear();
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** How long the ledger may take to tell of a job, in milliseconds. */
const longestReadMs = 5000;

/** A job that has not begun. Error: `job_unknown`. */
function queuedOf(waiting: readonly Enqueued[], id: JobId): JobRecord {
  const job = waiting.find((each) => each.id === id);
  if (job === undefined) {
    throw new TendrilError("job_unknown", {
      where: "id",
      given: id,
      allowed: "a job that is in the ledger, or waits in a queue",
    });
  }
  const { type, queue, schedule } = job;
  return { id, type, queue, state: "queued", attempts: 0, ...(schedule === undefined ? {} : { schedule }) };
}

function checkType(spec: JobSpec, { jobs }: Tier): void {
  if (jobs.some(({ type }) => type === spec.type)) return;
  throw new TendrilError("job_type_unknown", {
    where: "spec",
    given: spec.type,
    allowed: `a job type of the tier: ${jobs.map(({ type }) => type).join(", ")}`,
    fix: "Put it into the list `jobs` of the tier.",
  });
}

function checkHandler(spec: JobSpec, handlers: readonly Handler[]): void {
  if (handlers.some((handler) => handler.spec.type === spec.type)) return;
  throw new TendrilError("handler_missing", {
    where: "handlers",
    given: `no handler of ${spec.type}`,
    allowed: "a handler of each job type that is run",
    fix: "Give it to `createTestTier`, or only `enqueue` the job.",
  });
}
