import type { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import type { Metrics } from "@aws-lambda-powertools/metrics";
import type { SQSClient } from "@aws-sdk/client-sqs";
import middy from "@middy/core";
import type { Claims } from "@tendril/client/claims";
import type { Sender } from "@tendril/client/sender";
import { TendrilError } from "@tendril/core/errors";
import type { Handler } from "@tendril/core/handler";
import type { QueueLink } from "@tendril/core/link";
import type { Source } from "@tendril/core/source";
import type { Ledger } from "@tendril/ledger/ledger";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { type BatchOptions, processBatch, responseTo, type Settled } from "./batch.ts";
import { type Measure, publishBatch } from "./batch-metrics.ts";
import { builtInJobs } from "./built-in.ts";
import { type Conclusion, openConclusion } from "./conclude.ts";
import { openDeadline } from "./deadline.ts";
import { deliver } from "./deliver.ts";
import { openGroup } from "./group-commit.ts";
import { openInputRoom } from "./input-room.ts";
import type { Delivery, Invocation } from "./invocation.ts";
import { logSettlement, unknownJobType } from "./job-log.ts";
import { JobLogger } from "./job-logger.ts";
import { openOutbox } from "./outbox.ts";
import { readWire } from "./read-record.ts";

/** What `createWorker` takes. The SDK's clients stay the caller's to destroy. */
export interface WorkerOptions {
  /** Every job type's handler; one a job type. */
  readonly handlers: readonly Handler[];
  /** What else may send to the queue: see `namedSources`. Default: nothing. */
  readonly sources?: readonly Source[];
  /** The queue's name in the tier: it stands in logs, metrics and the ledger. */
  readonly queue: string;
  readonly link: QueueLink;
  /** Links of all the tier's queues by their names: where follow-ups may go. */
  readonly queues: Readonly<Record<string, QueueLink>>;
  /** The queue's own `maxReceiveCount`: the worker dead-letters a message, with the reason, at its last receipt. */
  readonly maxReceiveCount: number;
  /** How long the ledger keeps a job, in milliseconds, when a built-in schedule has it purged. */
  readonly ledgerRetentionMs: number;
  /** The longest job timeout that the function has time for, in milliseconds. */
  readonly longestJobMs: number;
  readonly sqs: SQSClient;
  /** Sends follow-ups. */
  readonly sender: Sender;
  readonly ledger: Ledger;
  /** Where inputs lie that are too large for a message. Default: there is no bucket, and they are refused. */
  readonly claims?: Claims | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jobs of a batch at the same time: 1 or more. A FIFO queue's run one after the other. */
  readonly jobsAtOnce: number;
  /** Milliseconds since 1970. Default: the machine's clock. */
  readonly now?: () => number;
  /** At least 0, less than 1: spreads retries. Default: Math.random. */
  readonly random?: () => number;
}

/** A Lambda handler for batches of SQS messages. */
export type Worker = (event: SQSEvent, context: Context) => Promise<SQSBatchResponse>;

/**
 * Makes the worker of a queue. It reports each record on its own and never fails because of records, so the queue's event
 * source mapping needs `ReportBatchItemFailures`. Error: `job_spec_invalid` for two handlers of one job type.
 */
export function createWorker(options: WorkerOptions): Worker {
  const { logger, sources = [], now = Date.now, random = Math.random } = options;
  const tools = { ...options, handlers: byType(options.handlers), sources, now, random };
  const work = (event: SQSEvent, context: Context): Promise<SQSBatchResponse> =>
    new InvocationRun(tools, context.getRemainingTimeInMillis()).run(event);
  // Middy's own early timeout would throw away what the records have come to.
  const handler = middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(logger))
    .handler(work);
  return (event, context) => handler(event, context);
}

/** What all invocations share. */
type Tools = Omit<Invocation, "deadline" | "group" | "outbox" | "inputRoom"> &
  Pick<WorkerOptions, "sender" | "metrics" | "jobsAtOnce">;

/** One invocation, worked through. A class: functions of its own would be made for each. */
class InvocationRun implements BatchOptions {
  readonly jobsAtOnce: number;
  readonly #tools: Tools;
  readonly #invocation: Invocation;
  readonly #conclusion: Conclusion;

  constructor(tools: Tools, remainingMs: number) {
    const { sender, ledger, jobsAtOnce, now } = tools;
    const deadline = openDeadline(remainingMs, now);
    const group = openGroup({ ledger, deadline, jobsAtOnce });
    const outbox = openOutbox({ sender, ledger, deadline });
    this.jobsAtOnce = jobsAtOnce;
    this.#tools = tools;
    this.#invocation = { ...tools, deadline, group, outbox, inputRoom: openInputRoom() };
    this.#conclusion = openConclusion(this.#invocation);
  }

  async run(event: SQSEvent): Promise<SQSBatchResponse> {
    const { metrics, queue, logger } = this.#tools;
    try {
      const settled = await processBatch(event, this);
      logUndelivered(this.#invocation, settled);
      const concluded = await this.#conclusion.final(settled);
      const measures = concluded.map((each) => measureOf(each, this.#invocation));
      publishBatch(metrics, queue, measures);
      return responseTo(concluded);
    } finally {
      this.#invocation.deadline.clear();
      if (logger instanceof JobLogger) logger.writeKept();
    }
  }

  deliver(record: SQSRecord, alone: boolean): ReturnType<typeof deliver> {
    return deliver(record, this.#invocation, alone);
  }

  onDelivered(record: SQSRecord, delivery: Delivery): void {
    const { logger, queue } = this.#tools;
    const { job = { messageId: record.messageId }, settlement, thrown, ms, followUps, facts } = delivery;
    logSettlement(logger, { job, queue, ms, followUps, facts }, settlement, thrown);
  }

  onHandlersEnded(): void {
    this.#invocation.group.flush();
  }

  settleEarly(settled: readonly Settled[]): Promise<void> {
    return this.#conclusion.early(settled);
  }
}

function byType(handlers: readonly Handler[]): Map<string, Handler> {
  const found = new Map<string, Handler>();
  for (const handler of handlers) {
    const { type } = handler.spec;
    if (found.has(type)) {
      throw new TendrilError("job_spec_invalid", {
        where: `handlers.${type}`,
        given: "two handlers of this job type",
        allowed: "one",
      });
    }
    found.set(type, handler);
  }
  return found;
}

/** Records that were held back, or whose delivery broke: their jobs have no line yet. */
function logUndelivered({ logger, queue, sources }: Invocation, settled: readonly Settled[]): void {
  for (const { record, settlement, delivery } of settled) {
    if (delivery !== undefined) continue;
    const reading = readWire(record, sources);
    const job = reading.kind === "job" ? reading.job : { messageId: record.messageId };
    logSettlement(logger, { job, queue }, settlement);
  }
}

function measureOf({ settlement, delivery }: Settled, { handlers }: Invocation): Measure {
  const job = delivery?.job;
  const isKnown = job !== undefined && (handlers.has(job.type) || builtInJobs.has(job.type));
  return {
    jobType: isKnown ? job.type : unknownJobType,
    kind: settlement.kind,
    ms: delivery?.ms,
    followUps: delivery?.followUps,
    crashed: delivery?.crashed,
    purged: delivery?.facts?.purged,
  };
}
