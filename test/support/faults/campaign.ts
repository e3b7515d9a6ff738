import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { GetQueueAttributesCommand, SQSClient, StartMessageMoveTaskCommand } from "@aws-sdk/client-sqs";
import { openProject, planProject } from "@tendril/cli/project";
import { type Client, createClient } from "@tendril/client/client";
import type { JobSpec } from "@tendril/core/job";
import { followUpJobId, type JobId, newJobId } from "@tendril/core/job-id";
import { type Chaos, createChaos } from "@tendril/local/chaos/chaos";
import type { CrashPoint, Fault } from "@tendril/local/chaos/faults";
import { type LocalTier, startLocalTier } from "@tendril/local/local-tier";
import pg from "pg";
import { type HurriedClock, hurriedClock } from "./clock.ts";
import { campaignProject, isGrouped, type Order, orderOf } from "./project.ts";
import { judge, type Verdict } from "./verdict.ts";

/** What one run is told. */
export interface CampaignOptions {
  readonly seed: string;
  /** Jobs that are enqueued; nearly each enqueues another one. */
  readonly parents: number;
  /** How often the database goes away for a minute, and all dead letters are sent back. */
  readonly tricks: number;
  /** Seconds of the machine's time after which the run is stuck. */
  readonly longestSeconds: number;
  /** Called now and then with how far it is. */
  readonly onProgress: (text: string) => void;
}

/** What one run came to. */
export interface Campaign {
  readonly verdict: Verdict;
  /** How often each kind of fault struck. */
  readonly faults: ReadonlyMap<string, number>;
  readonly seconds: number;
  /** Minutes of AWS's time that went by. */
  readonly minutes: number;
}

/** Where a worker's process is killed, beside the chaos mode's own faults. */
const crashPoints: readonly CrashPoint[] = [
  { name: "before claim", when: "before", operation: "ExecuteStatement", statement: /tendril\.claim/, rate: 0.001 },
  { name: "after claim", when: "after", operation: "ExecuteStatement", statement: /tendril\.claim/, rate: 0.002 },
  { name: "after effects", when: "after", operation: "ExecuteStatement", statement: /into effects/, rate: 0.002 },
  {
    name: "before group",
    when: "before",
    operation: "ExecuteStatement",
    statement: /tendril\.commit_group/,
    rate: 0.01,
  },
  { name: "after group", when: "after", operation: "ExecuteStatement", statement: /tendril\.commit_group/, rate: 0.02 },
  { name: "after writes", when: "after", operation: "ExecuteStatement", statement: /tendril\.write/, rate: 0.004 },
  { name: "before commit", when: "before", operation: "CommitTransaction", rate: 0.001 },
  { name: "after commit", when: "after", operation: "CommitTransaction", rate: 0.003 },
  { name: "before send", when: "before", operation: "SendMessageBatch", rate: 0.005 },
  { name: "after send", when: "after", operation: "SendMessageBatch", rate: 0.005 },
  { name: "after a later job's schedule", when: "after", operation: "CreateSchedule", rate: 0.02 },
  { name: "after dead letter", when: "after", operation: "SendMessage", rate: 0.02 },
  { name: "after visibility", when: "after", operation: "ChangeMessageVisibilityBatch", rate: 0.01 },
];

/** How much faster AWS's clock runs than the machine's: at the start of the tier, while a function works, while none does. */
const pace = { start: 1, work: 10, wait: 200 };

/** Runs the campaign once: a tier of its own in a temporary folder, with its processes. Rejects only for what is not a fault. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const startedMs = performance.now();
  const project = await campaignProject();
  const stateDir = await mkdtemp(join(tmpdir(), "tendril-faults-"));
  const faults = new Map<string, number>();
  let working = 0;
  let isReady = false;
  const clock = hurriedClock(() => (isReady ? (working > 0 ? pace.work : pace.wait) : pace.start));
  const chaos = createChaos({
    seed: options.seed,
    crashPoints,
    onFault: ({ kind, what }: Fault) => {
      const name = kind === "killed-at-point" ? `${kind}: ${what}` : kind;
      faults.set(name, (faults.get(name) ?? 0) + 1);
    },
  });
  const watched: Chaos = {
    ...chaos,
    onBatch(name, event) {
      if (event.kind !== "filtered") working += event.kind === "started" ? 1 : -1;
      chaos.onBatch(name, event);
    },
  };
  let tier: LocalTier | undefined;
  try {
    const plan = await planProject(await openProject(project.root));
    options.onProgress("starting the tier");
    tier = await startLocalTier({
      plan,
      clock,
      root: project.root,
      stateDir,
      ports: { api: 0, aws: 0, postgres: 0 },
      environmentsAtOnce: 3,
      chaos: watched,
      onProgress: () => {},
      onLog: () => {},
      onInitError: ({ report }) => options.onProgress(`code does not load: ${report}`),
      onLostBatch: () => {},
      onReload: () => {},
      onSent: () => {},
    });
    isReady = true;
    const run = { ...options, tier, chaos, clock, startedMs, specs: await specsOf(project.root) };
    const verdict = await drive(run);
    const seconds = (performance.now() - startedMs) / 1000;
    return { verdict, faults, seconds, minutes: (clock.aheadMs() / 1000 + seconds) / 60 };
  } finally {
    chaos.pause();
    await tier?.stop();
    clock.stop();
    await project.remove();
    await rm(stateDir, { recursive: true, force: true });
  }
}

interface Run extends CampaignOptions {
  readonly tier: LocalTier;
  readonly chaos: Chaos;
  readonly clock: HurriedClock;
  readonly startedMs: number;
  readonly specs: { readonly Parent: JobSpec; readonly GroupedParent: JobSpec };
}

async function specsOf(root: string): Promise<Run["specs"]> {
  return (await import(pathToFileURL(join(root, "packages/jobs/src/campaign.ts")).href)) as Run["specs"];
}

/** Sends the jobs, plays the tricks in the middle, waits for the end, and judges. */
async function drive(run: Run): Promise<Verdict> {
  const { tier } = run;
  const database = new pg.Pool({ connectionString: tier.aws.postgres.url.replace(/\/[^/]*$/, "/tendril"), max: 1 });
  database.on("error", () => {});
  const sqs = new SQSClient({ ...tier.aws.clientConfig, maxAttempts: 5 });
  try {
    const orders = new Map<JobId, Order>();
    const queues = Object.fromEntries(tier.queues.map((queue) => [queue.name, queue]));
    const client = createClient({ sqs, queues });
    const sending = sendAll(run, client, orders);
    const tricks = playTricks(run, sqs);
    await sending;
    await untilSettled(run, { database, sqs });
    await tricks;
    await untilSettled(run, { database, sqs });
    run.chaos.pause();
    return await judge({ orders, database, sqs, tier });
  } finally {
    await database.end();
    sqs.destroy();
  }
}

const sendersAtOnce = 4;

/** Every job is sent with an id of its own until SQS says that it has it: an answer that was lost makes it two messages. */
async function sendAll({ parents, specs, onProgress }: Run, client: Client, orders: Map<JobId, Order>): Promise<void> {
  let n = 0;
  const sendInTurn = async (): Promise<void> => {
    while (n < parents) {
      const id = newJobId(Date.now(), crypto.getRandomValues(new Uint8Array(16)));
      const order = orderOf(n++);
      orders.set(id, order);
      await again(() => client.enqueue(isGrouped(order) ? specs.GroupedParent : specs.Parent, order, { id }));
      if (n % 1000 === 0) onProgress(`${n} of ${parents} jobs sent`);
    }
  };
  await Promise.all(Array.from({ length: sendersAtOnce }, sendInTurn));
}

/** In the middle of it: the database goes away for a minute, and all dead letters are sent back. */
async function playTricks({ tier, chaos, clock, tricks, onProgress }: Run, sqs: SQSClient): Promise<void> {
  for (let round = 0; round < tricks; round += 1) {
    await sleepUntil(clock, clock.now() + 60_000);
    onProgress("the database is away for a minute");
    chaos.setDatabaseAway(true);
    await sleepUntil(clock, clock.now() + 60_000);
    chaos.setDatabaseAway(false);
    await sleepUntil(clock, clock.now() + 120_000);
    onProgress("dead letters are sent back");
    for (const { deadLetterUrl, url } of tier.queues) {
      const [SourceArn, DestinationArn] = await Promise.all([deadLetterUrl, url].map((each) => arnOf(sqs, each)));
      await again(() => sqs.send(new StartMessageMoveTaskCommand({ SourceArn, DestinationArn })));
    }
  }
}

function sleepUntil(clock: HurriedClock, timeMs: number): Promise<void> {
  return new Promise((resolve) => void clock.at(timeMs, resolve));
}

async function arnOf(sqs: SQSClient, QueueUrl: string): Promise<string | undefined> {
  const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] });
  return (await again(() => sqs.send(command))).Attributes?.QueueArn;
}

/** The campaign's own calls suffer the faults, too. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

interface Sight {
  readonly database: pg.Pool;
  readonly sqs: SQSClient;
}

/** Waits until nothing is queued, in flight, delayed or owed. Rejects when that takes too long. */
async function untilSettled(run: Run, sight: Sight): Promise<void> {
  let saidMs = 0;
  for (;;) {
    const left = await whatIsLeft(run, sight);
    if (Object.values(left).every((count) => count === 0)) return;
    const spentMs = performance.now() - run.startedMs;
    const text = Object.entries(left)
      .map(([what, count]) => `${count} ${what}`)
      .join(", ");
    if (spentMs > run.longestSeconds * 1000) throw new Error(`stuck with ${text}`);
    if (spentMs - saidMs > 10_000) {
      saidMs = spentMs;
      run.onProgress(text);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** A follow-up that waits in a one-time schedule is in no queue. */
async function whatIsLeft({ tier }: Run, { database, sqs }: Sight) {
  const counts = await Promise.all(
    tier.queues.map(async ({ url }) => {
      const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] });
      const { Attributes = {} } = await again(() => sqs.send(command));
      const counts = Object.entries(Attributes).filter(([name]) => name.startsWith("ApproximateNumberOf"));
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    }),
  );
  const { rows } = await database.query("select id, type, state from tendril.jobs");
  const known = new Set(rows.map(({ id }) => id));
  const done = rows.filter(({ type, state }) => type.endsWith("Parent") && state === "done");
  return {
    messages: counts.reduce((sum, count) => sum + count, 0),
    "follow-ups to come": done.filter(({ id }) => !known.has(followUpJobId(id, 0))).length,
  };
}
