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
import { processBatch, responseTo, type Settled, type Settlement } from "./batch.ts";
import { type Measure, publishBatch } from "./batch-metrics.ts";
import { builtInJobs } from "./built-in.ts";
import { openConclusion } from "./conclude.ts";
import { openDeadline } from "./deadline.ts";
import { deliver } from "./deliver.ts";
import { openGroup } from "./group-commit.ts";
import { openInputRoom } from "./input-room.ts";
import { type Delivery, type Invocation, suspect } from "./invocation.ts";
import { logSettlement, unknownJobType } from "./job-log.ts";
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
  const { logger, sender, ledger, jobsAtOnce, sources = [], now = Date.now, random = Math.random } = options;
  const tools = { ...options, handlers: byType(options.handlers), sources, now, random };
  const work = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const deadline = openDeadline(context.getRemainingTimeInMillis(), now);
    const group = openGroup({ ledger, deadline, jobsAtOnce });
    const outbox = openOutbox({ sender, ledger, deadline });
    const invocation = { ...tools, deadline, group, outbox, inputRoom: openInputRoom() };
    const conclusion = openConclusion(invocation);
    const deliveries = new Map<SQSRecord, Delivery>();
    const keep = (record: SQSRecord, delivery: Delivery): Settlement => {
      deliveries.set(record, delivery);
      logDelivery(invocation, record, delivery);
      return delivery.settlement;
    };
    const deliverRecord = async (record: SQSRecord, alone: boolean) => {
      const delivery = await deliver(record, invocation, alone);
      if (delivery === suspect) return suspect;
      if (!("committing" in delivery)) return keep(record, delivery);
      return { committing: delivery.committing.then((committed) => keep(record, committed)) };
    };
    try {
      const settleEarly = (settled: readonly Settled[]): Promise<void> => conclusion.early(settled);
      const settled = await processBatch(event, {
        jobsAtOnce,
        deliver: deliverRecord,
        onHandlersEnded: group.flush,
        settleEarly,
      });
      logUndelivered(invocation, settled, deliveries);
      const concluded = await conclusion.final(settled);
      const measures = concluded.map((each) => measureOf(each, deliveries.get(each.record), invocation));
      publishBatch(options.metrics, options.queue, measures);
      return responseTo(concluded);
    } finally {
      deadline.clear();
    }
  };
  // Middy's own early timeout would throw away what the records have come to.
  const handler = middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(logger))
    .handler(work);
  return (event, context) => handler(event, context);
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

function logDelivery({ logger, queue }: Invocation, record: SQSRecord, delivery: Delivery): void {
  const { job = { messageId: record.messageId }, settlement, thrown, ...facts } = delivery;
  logSettlement(logger, { job, queue, ...facts }, settlement, thrown);
}

/** Records that were held back, or whose delivery broke: their jobs have no line yet. */
function logUndelivered(
  { logger, queue, sources }: Invocation,
  settled: readonly Settled[],
  deliveries: ReadonlyMap<SQSRecord, Delivery>,
): void {
  for (const { record, settlement } of settled) {
    if (deliveries.has(record)) continue;
    const reading = readWire(record, sources);
    const job = reading.kind === "job" ? reading.job : { messageId: record.messageId };
    logSettlement(logger, { job, queue }, settlement);
  }
}

function measureOf({ settlement }: Settled, delivery: Delivery | undefined, { handlers }: Invocation): Measure {
  const { job, ms, followUps, crashed, facts } = delivery ?? {};
  const isKnown = job !== undefined && (handlers.has(job.type) || builtInJobs.has(job.type));
  return {
    jobType: isKnown ? job.type : unknownJobType,
    kind: settlement.kind,
    ...(ms === undefined ? {} : { ms }),
    ...(followUps === undefined ? {} : { followUps }),
    ...(crashed === undefined ? {} : { crashed }),
    ...(facts?.purged === undefined ? {} : { purged: facts.purged }),
  };
}
