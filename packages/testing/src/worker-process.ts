import { setTimeout as pause } from "node:timers/promises";
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { CommitTransactionCommand, RDSDataClient } from "@aws-sdk/client-rds-data";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { Claims } from "@tendril/client/claims";
import { createSender } from "@tendril/client/sender";
import type { Handler } from "@tendril/core/handler";
import type { DatabaseLink, LaterLink, QueueLink } from "@tendril/core/link";
import type { Plan, QueuePlan } from "@tendril/core/plan";
import type { Source } from "@tendril/core/source";
import { createDatabase } from "@tendril/ledger/database";
import { createLedger } from "@tendril/ledger/ledger";
import { createWorker } from "@tendril/worker/worker";
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { OwnClientConfig } from "./test-aws.ts";

/** A line of the worker's log. */
export type WorkerLine = Readonly<Record<string, unknown>>;

/** A worker as Lambda runs it, which can die at a given moment. Its calls to AWS are its own. */
export interface WorkerProcess {
  /** Runs a batch. Resolves to `"died"` when it died meanwhile. */
  run(event: SQSEvent): Promise<SQSBatchResponse | "died">;
  /** The lines that it has written since the last call of this. */
  takeLines(): WorkerLine[];
  /** Dies as soon as the next commit has happened: it does not learn of it, and nothing that it calls after it is done. */
  dieAfterCommit(): void;
  readonly dead: boolean;
  /** Waits for what it still does, and closes its connections. */
  close(): Promise<void>;
}

/** What a worker is made of. */
export interface WorkerProcessOptions {
  readonly plan: Plan;
  readonly queue: QueuePlan;
  readonly sources: readonly Source[];
  readonly handlers: readonly Handler[];
  readonly config: OwnClientConfig;
  readonly claims: Claims | undefined;
  readonly links: { readonly queues: Readonly<Record<string, QueueLink>>; readonly later: LaterLink };
  readonly database: DatabaseLink;
  readonly now: () => number;
  readonly onLine: (line: string) => void;
}

/** How long a handler of a dead process is waited for, in milliseconds. */
const longestEndMs = 1000;

/** Starts the worker of a queue: the one that is deployed, with what the plan gives it. */
export function startWorkerProcess(options: WorkerProcessOptions): WorkerProcess {
  const { queue, links, now } = options;
  const life = openLife();
  const lines: WorkerLine[] = [];
  const clients = openClients(options.config, life);
  const link = links.queues[queue.name] ?? { url: "", deadLetterUrl: "" };
  const worker = createWorker({
    handlers: options.handlers,
    sources: options.sources,
    queue: queue.name,
    link,
    queues: links.queues,
    maxReceiveCount: queue.maxReceiveCount,
    ledgerRetentionMs: options.plan.ledger.retentionSeconds * 1000,
    longestJobMs: Number(queue.worker.environment.TENDRIL_LONGEST_JOB_SECONDS) * 1000,
    jobsAtOnce: Number(queue.worker.environment.TENDRIL_JOBS_AT_ONCE),
    sqs: clients.sqs,
    claims: options.claims,
    sender: createSender({
      sqs: clients.sqs,
      queues: links.queues,
      later: links.later,
      scheduler: async () => clients.scheduler,
      now,
    }),
    ledger: createLedger(createDatabase({ client: clients.rdsData, link: options.database })),
    logger: quietLogger((line) => {
      lines.push(JSON.parse(line));
      options.onLine(line);
    }),
    metrics: quietMetrics(),
    now,
    random: () => 0,
  });
  const running = new Set<Promise<unknown>>();
  return {
    get dead() {
      return life.dead;
    },
    takeLines: () => lines.splice(0),
    dieAfterCommit: life.endAfterCommit,
    async run(event) {
      const work = worker(event, contextOf(queue)).finally(() => running.delete(work));
      running.add(work);
      const answer = await Promise.race([work, life.end]);
      if (answer === "died") await Promise.allSettled(life.calls);
      return answer;
    },
    async close() {
      await Promise.race([Promise.allSettled(running), pause(longestEndMs, undefined, { ref: false })]);
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

/** Whether a process is alive; its clients ask before each call. */
interface Life {
  readonly dead: boolean;
  readonly end: Promise<"died">;
  endAfterCommit(): void;
  /** Called after a commit. */
  committed(): void;
  /** Calls that are under way: they reach AWS also when the process dies meanwhile. */
  readonly calls: Set<Promise<unknown>>;
}

function openLife(): Life {
  const { promise: end, resolve } = Promise.withResolvers<"died">();
  let marked = false;
  let dead = false;
  return {
    get dead() {
      return dead;
    },
    end,
    calls: new Set(),
    endAfterCommit() {
      marked = true;
    },
    committed() {
      if (!marked) return;
      dead = true;
      resolve("died");
    },
  };
}

/** The SDK clients of one process: when it is dead, none of their calls is made or answered any more. */
function openClients(config: OwnClientConfig, life: Life) {
  const sqs = new SQSClient(config);
  const rdsData = new RDSDataClient(config);
  const scheduler = new SchedulerClient(config);
  const refuse = (): void => {
    // Of the kind that nobody tries again.
    if (life.dead) throw new TypeError("the process has ended");
  };
  const whileAlive =
    <Arguments, Result>(next: (args: Arguments) => Promise<Result>, context: { readonly commandName?: string }) =>
    async (args: Arguments): Promise<Result> => {
      refuse();
      const call = next(args).finally(() => life.calls.delete(call));
      life.calls.add(call);
      const result = await call;
      if (context.commandName === CommitTransactionCommand.name) life.committed();
      refuse();
      return result;
    };
  const step = { step: "initialize", name: "life", priority: "high" } as const;
  sqs.middlewareStack.add((next, context) => whileAlive(next, context), step);
  rdsData.middlewareStack.add((next, context) => whileAlive(next, context), step);
  scheduler.middlewareStack.add((next, context) => whileAlive(next, context), step);
  return { sqs, rdsData, scheduler };
}

function quietLogger(write: (line: string) => void): Logger {
  const logger = new Logger({ serviceName: "tendril", logLevel: "INFO" });
  Reflect.set(logger, "console", { debug: write, info: write, warn: write, error: write });
  return logger;
}

function quietMetrics(): Metrics {
  const metrics = new Metrics({ namespace: "Tendril", serviceName: "tendril" });
  Reflect.set(metrics, "console", { log: () => {} });
  return metrics;
}

function contextOf({ worker }: QueuePlan): Context {
  const endsAtMs = Date.now() + worker.timeoutSeconds * 1000;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: worker.name,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${worker.name}`,
    memoryLimitInMB: String(worker.memoryMb),
    awsRequestId: crypto.randomUUID(),
    logGroupName: `/aws/lambda/${worker.name}`,
    logStreamName: "test",
    getRemainingTimeInMillis: () => endsAtMs - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
