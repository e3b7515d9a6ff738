import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics } from "@aws-lambda-powertools/metrics";
import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import type { Handler } from "@tendril/core/handler";
import type { Ledger } from "@tendril/ledger/ledger";
import { createWorker, type Worker } from "@tendril/worker/worker";
import type { Context } from "aws-lambda";
import type { LocalQueue } from "./local-aws.ts";

/** A log line or a metric document. */
export type Line = Record<string, unknown>;

/** A worker with all that it says. */
export interface WorkerBench {
  readonly worker: Worker;
  readonly lines: Line[];
  readonly documents: Line[];
  /** The lines of one job, as `message` and some keys. */
  linesOf(jobId: string): Line[];
}

export function createBench(options: {
  readonly handlers: readonly Handler[];
  readonly queue: LocalQueue;
  readonly sqs: SQSClient;
  readonly ledger: Ledger;
}): WorkerBench {
  const lines: Line[] = [];
  const documents: Line[] = [];
  const keep = (kept: Line[]) => (line: string) => void kept.push(JSON.parse(line));
  const logger = new Logger({ serviceName: "tendril" });
  const keepLine = keep(lines);
  Reflect.set(logger, "console", { info: keepLine, warn: keepLine, error: keepLine });
  const metrics = new Metrics({ namespace: "Tendril", serviceName: "tendril" });
  Reflect.set(metrics, "console", { log: keep(documents) });
  const { handlers, queue, sqs, ledger } = options;
  const link = { url: queue.url, deadLetterUrl: queue.deadLetterUrl };
  const worker = createWorker({
    handlers,
    queue: "jobs",
    link,
    sqs,
    ledger,
    logger,
    metrics,
    jobsAtOnce: 10,
    random: () => 0,
  });
  return { worker, lines, documents, linesOf: (jobId) => lines.filter((line) => line.job_id === jobId) };
}

/** The context of an invocation that may run for `remainingMs`. */
export function lambdaContext(remainingMs = 40_000): Context {
  const endsAtMs = Date.now() + remainingMs;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: "jobs-worker",
    functionVersion: "$LATEST",
    invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:jobs-worker",
    memoryLimitInMB: "512",
    awsRequestId: "8f507cfc-0000-4000-8000-000000000000",
    logGroupName: "/aws/lambda/jobs-worker",
    logStreamName: "stream",
    getRemainingTimeInMillis: () => endsAtMs - Date.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}

/** A job's id as an attribute of its message. */
export const idAttribute = (id: string) => ({ "tendril.job_id": { DataType: "String", StringValue: id } });

/** The reason that a dead letter gives. */
export function reasonIn(letter: Message | undefined): unknown {
  return JSON.parse(letter?.MessageAttributes?.["tendril.error"]?.StringValue ?? "null");
}
