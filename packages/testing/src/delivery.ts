import { ChangeMessageVisibilityCommand } from "@aws-sdk/client-sqs";
import { errorText } from "@tendril/core/errors";
import type { JobId } from "@tendril/core/job-id";
import type { Outcome } from "@tendril/core/outcome";
import type { QueuePlan } from "@tendril/core/plan";
import { readSourced, type Source } from "@tendril/core/source";
import { physicalName } from "@tendril/local/deploy-plan";
import { readBatchResponse } from "@tendril/local/lambda/batch-response";
import { sqsEvents } from "@tendril/local/lambda/sqs-event";
import type { ReceivedMessage } from "@tendril/local/sqs/message-source";
import type { SQSEvent } from "aws-lambda";
import type { Attempted, LogLine, WatchedHandlers } from "./attempts.ts";
import { region } from "./endpoint.ts";
import type { TestAws } from "./test-aws.ts";
import { textsOf } from "./waiting.ts";
import type { WorkerLine, WorkerProcess } from "./worker-process.ts";

/** One delivery of a job's message to the worker, and what came of it. */
export interface Delivery {
  /** The job's id, or the message's when it could not be read. */
  readonly id: string;
  /** `unknown` when it could not be read. */
  readonly type: string;
  readonly queue: string;
  /**
   * The attempt's outcome; `returned`: it was not tried and comes back (a FIFO group behind a failure, for example);
   * `crashed`: its process ended on purpose, and its message is visible again after the queue's visibility timeout.
   */
  readonly outcome: Outcome["kind"] | "returned" | "crashed";
  /** Counted from 1; 0 when its handler was not reached. */
  readonly attempt: number;
  /** What it was retried or dead of: the error that the handler threw, the very object, where there is one. */
  readonly error?: unknown;
  /** Of a `retry`: how long until the next attempt, in milliseconds, the shortest that the job type's backoff allows. */
  readonly retryMs?: number;
  /** Why it was skipped or returned. */
  readonly reason?: string;
  /** What its handler wrote with `job.log`. */
  readonly logs: readonly LogLine[];
  /** Ids of what its handler enqueued; they are sent when the outcome is `done`. */
  readonly followUpIds: readonly JobId[];
}

/** What goes wrong on purpose with a delivery. */
export type Fault =
  /** SQS delivers the message once more after it was settled: its deletion was lost. */
  | "delivered twice"
  /** The worker's process ends when the job's commit has happened: nothing is sent, deleted or answered any more. */
  | "crash after commit";

/** A queue with its worker. */
export interface Lane {
  readonly plan: QueuePlan;
  /** What else may send to it. */
  readonly sources: readonly Source[];
  readonly aws: TestAws;
  readonly watched: WatchedHandlers;
  /** Its worker; another one when the former has died. */
  process(): WorkerProcess;
}

/** How a batch is delivered. */
export interface DeliverOptions {
  readonly fault?: Fault | undefined;
  /** Whose messages the fault is about. Default: all. */
  readonly faulty?: (jobId: string) => boolean;
}

/** Hands the messages that are visible to the queue's worker, at most a batch, and settles them. None when there are none. */
export async function deliverBatch(lane: Lane, options: DeliverOptions = {}): Promise<Delivery[]> {
  const source = lane.aws.sqs().source(physicalName(lane.plan));
  const messages = await source.receive({ max: Math.min(10, lane.plan.mapping.batchSize), waitMs: 0 });
  const { queueArn } = source;
  const deliveries: Delivery[] = [];
  for (const event of sqsEvents(messages, { queueArn, region })) {
    deliveries.push(...(await deliverEvent(lane, event, options)));
  }
  return deliveries;
}

type Event = ReturnType<typeof sqsEvents>[number];

async function deliverEvent(lane: Lane, { messages, payload }: Event, options: DeliverOptions): Promise<Delivery[]> {
  const { fault, faulty = () => true } = options;
  const jobs = messages.map((message) => ({ message, job: jobIn(message, lane.sources) }));
  const isFaulty = ({ job }: (typeof jobs)[number]): boolean => faulty(job.id);
  const worker = lane.process();
  if (fault === "crash after commit" && jobs.some(isFaulty)) worker.dieAfterCommit();
  const event: SQSEvent = JSON.parse(payload);
  const answer = await worker.run(event);
  const lines = worker.takeLines();
  if (answer === "died") return jobs.map(({ job }) => crashed(lane, job));
  const ids = messages.map(({ messageId }) => messageId);
  const response = readBatchResponse(JSON.stringify(answer), ids);
  const failed = response.kind === "read" ? response.failedIds : new Set(ids);
  const settled = jobs.filter(({ message }) => !failed.has(message.messageId));
  const repeated = fault === "delivered twice" ? settled.filter(isFaulty) : [];
  const source = lane.aws.sqs().source(physicalName(lane.plan));
  await source.delete(settled.filter((each) => !repeated.includes(each)).map(({ message }) => message.receiptHandle));
  for (const { message } of repeated) await show(lane, message);
  return jobs.map(({ job }) => deliveryOf(lane, job, lines));
}

async function show({ aws, plan }: Lane, { receiptHandle }: ReceivedMessage): Promise<void> {
  const QueueUrl = aws.queues.find(({ name }) => name === plan.name)?.url;
  await aws.sqsClient.send(
    new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: 0 }),
  );
}

/** A message's job as its worker names it. */
interface Named {
  readonly id: string;
  readonly type: string;
}

function jobIn({ messageId, body, messageAttributes }: ReceivedMessage, sources: readonly Source[]): Named {
  const reading = readSourced({ messageId, body, attributes: textsOf(messageAttributes) }, sources);
  return reading.kind === "job" ? reading.job : { id: messageId, type: "unknown" };
}

function crashed({ plan, watched }: Lane, { id, type }: Named): Delivery {
  const { logs, followUps } = watched.take(id);
  return { id, type, queue: plan.name, outcome: "crashed", attempt: 0, logs, followUpIds: followUps };
}

const endings = /^job (done|retry|dead|duplicate|skipped|returned)$/;

function deliveryOf({ plan, watched }: Lane, { id, type }: Named, lines: readonly WorkerLine[]): Delivery {
  const line = lines.findLast(({ job_id, message }) => job_id === id && endings.test(String(message)));
  const [, kind] = endings.exec(String(line?.message)) ?? [];
  const outcome = isOutcome(kind) ? kind : "returned";
  const attempt = watched.take(id);
  const common = { id, type, queue: plan.name, outcome, attempt: Number(line?.attempt ?? 0) };
  const { logs, followUps: followUpIds } = attempt;
  switch (outcome) {
    case "retry":
      return { ...common, error: errorOf(line, attempt), retryMs: Number(line?.delay_ms), logs, followUpIds };
    case "dead":
      return { ...common, error: errorOf(line, attempt), logs, followUpIds };
    case "skipped":
    case "returned":
      return { ...common, reason: String(line?.reason ?? line?.error), logs, followUpIds };
    case "done":
    case "duplicate":
      return { ...common, logs, followUpIds };
  }
}

const isOutcome = (kind: string | undefined): kind is Exclude<Delivery["outcome"], "crashed"> => kind !== undefined;

/** What the handler threw, unless the attempt failed of something else: its timeout, or a result that cannot be kept. */
function errorOf(line: WorkerLine | undefined, { thrown }: Attempted): unknown {
  const text = String(line?.error);
  return thrown !== undefined && errorText(thrown.value) === text ? thrown.value : new Error(text);
}
