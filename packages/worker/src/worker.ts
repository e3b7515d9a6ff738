import type { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import type { Metrics } from "@aws-lambda-powertools/metrics";
import type { SQSClient } from "@aws-sdk/client-sqs";
import middy from "@middy/core";
import { TendrilError } from "@tendril/core/errors";
import type { Handler } from "@tendril/core/handler";
import type { QueueLink } from "@tendril/core/link";
import type { Ledger } from "@tendril/ledger/ledger";
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { processBatch, type SettledBatch } from "./batch.ts";
import { publishBatch } from "./batch-metrics.ts";
import { openDeadline } from "./deadline.ts";
import { type Delivery, type DeliveryTools, deliver } from "./deliver.ts";
import { logSettlement, logUnsettled, unknownJobType } from "./job-log.ts";
import { readWire } from "./read-record.ts";
import { changeVisibility } from "./settle.ts";

export interface WorkerOptions {
  /** Every job type's handler; one a job type. */
  readonly handlers: readonly Handler[];
  /** The queue's name in the tier: it stands in logs, metrics and the ledger. */
  readonly queue: string;
  readonly link: QueueLink;
  readonly sqs: SQSClient;
  readonly ledger: Ledger;
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

/** How long SQS is given to hear when the failed records become visible again, in milliseconds. */
const longestVisibilityCallMs = 2000;

/**
 * Makes the worker of a queue. It reports each record on its own and never fails because of records, so the queue's event
 * source mapping needs `ReportBatchItemFailures`. Error: `job_spec_invalid` for two handlers of one job type.
 */
export function createWorker(options: WorkerOptions): Worker {
  const { logger, metrics, queue, jobsAtOnce, now = Date.now, random = Math.random } = options;
  const tools: DeliveryTools = { ...options, handlers: byType(options.handlers), now, random };
  const work = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
    const deadline = openDeadline(context.getRemainingTimeInMillis(), now);
    const deliveries = new Map<SQSRecord, Delivery>();
    const deliverRecord = async (record: SQSRecord): Promise<Delivery["settlement"]> => {
      const delivery = await deliver(record, tools, deadline);
      deliveries.set(record, delivery);
      logDelivery(tools, record, delivery);
      return delivery.settlement;
    };
    try {
      const { response, settlements } = await processBatch(event, { jobsAtOnce, deliver: deliverRecord });
      logUndelivered(tools, settlements, deliveries);
      const signal = deadline.within(longestVisibilityCallMs);
      const failures = await changeVisibility(tools.sqs, tools.link.url, settlements, signal);
      for (const { record, error } of failures) logUnsettled(logger, record?.messageId, error);
      publishBatch(
        metrics,
        queue,
        settlements.map((settled) => measureOf(settled, deliveries, tools)),
      );
      return response;
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

function logDelivery({ logger, queue }: DeliveryTools, record: SQSRecord, delivery: Delivery): void {
  const { job = { messageId: record.messageId }, ms, settlement, thrown } = delivery;
  logSettlement(logger, { job, queue, ...(ms === undefined ? {} : { ms }) }, settlement, thrown);
}

/** Records that were held back, or whose delivery broke: their jobs have no line yet. */
function logUndelivered(
  { logger, queue }: DeliveryTools,
  settlements: SettledBatch["settlements"],
  deliveries: ReadonlyMap<SQSRecord, Delivery>,
): void {
  for (const { record, settlement } of settlements) {
    if (deliveries.has(record)) continue;
    const reading = readWire(record);
    const job = reading.kind === "job" ? reading.job : { messageId: record.messageId };
    logSettlement(logger, { job, queue }, settlement);
  }
}

function measureOf(
  { record, settlement: { kind } }: SettledBatch["settlements"][number],
  deliveries: ReadonlyMap<SQSRecord, Delivery>,
  { handlers }: DeliveryTools,
): Parameters<typeof publishBatch>[2][number] {
  const { job, ms } = deliveries.get(record) ?? {};
  const jobType = job !== undefined && handlers.has(job.type) ? job.type : unknownJobType;
  return { jobType, kind, ...(ms === undefined ? {} : { ms }) };
}
