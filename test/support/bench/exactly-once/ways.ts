import { BatchProcessor, EventType, processPartialResponse } from "@aws-lambda-powertools/batch";
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import { ExecuteStatementCommand, type RDSDataClient } from "@aws-sdk/client-rds-data";
import type { SQSClient } from "@aws-sdk/client-sqs";
import { createSender } from "@tendril/client/sender";
import { type Handler, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import type { DatabaseLink, QueueLink } from "@tendril/core/link";
import { createDatabase } from "@tendril/ledger/database";
import { createLedger } from "@tendril/ledger/ledger";
import { toParameter } from "@tendril/ledger/sql-value";
import { createWorker, type Worker } from "@tendril/worker/worker";
import type { SQSRecord } from "aws-lambda";
import { z } from "zod";
import { PostgresPersistenceLayer, type RunStatement } from "./postgres-persistence.ts";

/** What a way of doing jobs is given; the clients stay the caller's to destroy. */
export interface Place {
  /** A new client of the Data API: the ledger takes its own retries from the one that it is given. */
  readonly newDataApi: () => RDSDataClient;
  readonly sqs: SQSClient;
  readonly database: DatabaseLink;
  readonly queue: QueueLink;
  /** Milliseconds since 1970, for what is kept in the database. Default: the machine's clock. */
  readonly now?: () => number;
}

/** A way of doing jobs that come in batches. */
export interface Way {
  readonly name: string;
  /** Whether its jobs insert a row into `effects`. */
  readonly writes: boolean;
  open(place: Place): Worker;
}

/** The table that jobs write to. */
export const createEffectsTable = "create table effects (job uuid not null, note text not null)";
const insertEffect = "insert into effects (job, note) values (:p1::uuid, :p2)";

/** Jobs of a batch at the same time, in every way: a batch has ten, and Powertools' processor runs all of them at once. */
const jobsAtOnce = 10;

/** The job type of all ways' messages. */
export const jobType = "Bench";

const ExactlyOnce = defineJob({ type: jobType, input: z.string() });
const Grouped = defineJob({ type: jobType, input: z.string(), commit: "grouped" });
const AtLeastOnce = defineJob({ type: jobType, input: z.string(), effects: "at-least-once" });

export const exactlyOnce: Way = {
  name: "exactly-once",
  writes: true,
  open: (place) => {
    const insert = handle(ExactlyOnce, async (note, job) => {
      await job.sql`insert into effects (job, note) values (${job.id}::uuid, ${note})`;
    });
    return openWorker(place, insert);
  },
};

export const grouped: Way = {
  name: "exactly-once, grouped",
  writes: true,
  open: (place) => {
    const insert = handle(Grouped, async (note, job) => {
      job.write`insert into effects (job, note) values (${job.id}::uuid, ${note})`;
    });
    return openWorker(place, insert);
  },
};

export const atLeastOnce: Way = {
  name: "at-least-once",
  writes: true,
  open: (place) => {
    const run = runStatement(place);
    return openWorker(
      place,
      handle(AtLeastOnce, async (note, job) => void (await run(insertEffect, [job.id, note]))),
    );
  },
};

export const powertools: Way = {
  name: "Powertools idempotency",
  writes: true,
  open: (place) => {
    const run = runStatement(place);
    const config = new IdempotencyConfig({ eventKeyJmesPath: "messageId" });
    const persistenceStore = new PostgresPersistenceLayer(runStatement(place), place.now);
    const insert = async ({ body, messageAttributes }: SQSRecord) => {
      const { data }: { data: string } = JSON.parse(body);
      await run(insertEffect, [messageAttributes["tendril.job_id"]?.stringValue ?? "", data]);
    };
    const insertOnce = makeIdempotent(insert, { persistenceStore, config });
    const processor = new BatchProcessor(EventType.SQS);
    return (event, context) => {
      config.registerLambdaContext(context);
      return processPartialResponse(event, insertOnce, processor, { context, throwOnFullBatchFailure: false });
    };
  },
};

const nothing = async (): Promise<void> => {};

const nothingExactlyOnce: Way = {
  name: "no-op, exactly-once",
  writes: false,
  open: (place) => openWorker(place, handle(ExactlyOnce, nothing)),
};

const nothingAtLeastOnce: Way = {
  name: "no-op, at-least-once",
  writes: false,
  open: (place) => openWorker(place, handle(AtLeastOnce, nothing)),
};

/** Those that are measured, in their order in a round. */
export const ways: readonly Way[] = [
  exactlyOnce,
  grouped,
  atLeastOnce,
  powertools,
  nothingExactlyOnce,
  nothingAtLeastOnce,
];

/** Tendril's worker as its Lambda entry point makes it. Its log lines and metrics are written, to nowhere. */
export function openWorker({ newDataApi, sqs, database, queue }: Place, ...handlers: readonly Handler[]): Worker {
  const drop = (): void => {};
  const logger = new Logger({ serviceName: "bench" });
  Reflect.set(logger, "console", { info: drop, warn: drop, error: drop });
  const metrics = new Metrics({ namespace: "Bench", serviceName: "bench" });
  Reflect.set(metrics, "console", { log: drop });
  const queues = { jobs: queue };
  return createWorker({
    handlers,
    queue: "jobs",
    link: queue,
    queues,
    maxReceiveCount: 1000,
    ledgerRetentionMs: 30 * 86_400_000,
    longestJobMs: 890_000,
    sqs,
    sender: createSender({ sqs, queues }),
    ledger: createLedger(createDatabase({ client: newDataApi(), link: database })),
    logger,
    metrics,
    jobsAtOnce,
  });
}

/** What a handler without the ledger has: a Data API client of its own, with the SDK's defaults. */
function runStatement({ newDataApi, database }: Place): RunStatement {
  const client = newDataApi();
  return async (sql, values) => {
    const command = new ExecuteStatementCommand({
      resourceArn: database.clusterArn,
      secretArn: database.secretArn,
      database: database.database,
      sql,
      parameters: values.map((value, index) => toParameter(`p${index + 1}`, value)),
      formatRecordsAs: "JSON",
    });
    const { formattedRecords } = await client.send(command);
    return formattedRecords === undefined ? [] : JSON.parse(formattedRecords);
  };
}
