import { randomUUID } from "node:crypto";
import { type VirtualClock, virtualClock } from "@tendril/local/clock";
import { md5OfText } from "@tendril/local/sqs/md5";
import type { StoredMessage } from "@tendril/local/sqs/message";
import { moveTaskRunner } from "@tendril/local/sqs/move-task";
import { moveTaskActions } from "@tendril/local/sqs/move-task-actions";
import type { Queue } from "@tendril/local/sqs/queue";
import { queueActions } from "@tendril/local/sqs/queue-actions";
import { openQueues, type Queues } from "@tendril/local/sqs/queues";
import { receiptActions } from "@tendril/local/sqs/receipt-actions";
import { receiveActions } from "@tendril/local/sqs/receive-actions";
import { sendActions } from "@tendril/local/sqs/send-actions";

/** SQS by its handlers, without a wire. */
export interface QueueBench {
  readonly clock: VirtualClock;
  readonly queues: Queues;
  /** Makes a queue, or finds it. */
  create(name: string, attributes?: Record<string, string>): Promise<Queue>;
  /** Adds messages until the queue has so many; `groups`: of a FIFO queue. */
  fill(queue: Queue, size: number, options?: { readonly delayMs?: number; readonly groups?: number }): Promise<void>;
  send(name: string, count: number): Promise<void>;
  receive(name: string, max?: number): Promise<string[]>;
  remove(name: string, handles: readonly string[]): Promise<void>;
  attributes(name: string): Promise<unknown>;
  /** Sends and deletes a message of 250 KB: the journal grows. */
  growJournal(queue: Queue): Promise<void>;
  /** Starts a move task from a dead-letter queue to another queue, and waits for its end. */
  redrive(from: Queue, to: Queue): Promise<void>;
  close(): Promise<void>;
}

const { signal } = new AbortController();
const context = { signal, header: () => undefined, accessKeyId: () => undefined };
const body = JSON.stringify({ job_type: "IncrementJob", data: "a job's input of forty characters or so" });
const largeBody = "x".repeat(250_000);
const digest = md5OfText(body);

/** Opens SQS in a folder, or in memory only. */
export async function openQueueBench(dir: string | undefined, clock = virtualClock(Date.now())): Promise<QueueBench> {
  const queues = await openQueues({
    clock,
    region: "us-east-1",
    accountId: "000000000000",
    dir,
    onFailure: (failure) => {
      throw failure;
    },
  });
  const runner = moveTaskRunner(queues);
  const actions = {
    ...sendActions(queues, () => {}),
    ...receiveActions(queues),
    ...receiptActions(queues),
    ...moveTaskActions(queues, runner),
    ...queueActions(queues, (name) => `/${name}`),
  };
  return {
    clock,
    queues,
    async create(name, attributes = {}) {
      if (queues.find(name) === undefined) {
        const fifo = name.endsWith(".fifo") ? { FifoQueue: "true" } : {};
        await actions.CreateQueue?.({ QueueName: name, Attributes: { ...fifo, ...attributes } }, context);
      }
      return queues.byUrl(`/${name}`);
    },
    async fill(queue, size, { delayMs = 0, groups } = {}) {
      for (let count = sizeOf(queue); count < size; count += 1) {
        const group = groups === undefined ? {} : { groupId: `g${count % groups}`, sequenceNumber: String(count) };
        const message = { ...newMessage(clock.now() + delayMs, clock.now()), ...group };
        queues.doNow({ kind: "sent", queue: queue.name, message });
        // The journal writes what is waiting.
        if (count % 1000 === 0) await new Promise(setImmediate);
      }
    },
    async send(name, count) {
      const entry = name.endsWith(".fifo")
        ? () => ({ MessageGroupId: randomUUID(), MessageDeduplicationId: randomUUID() })
        : () => ({});
      const Entries = Array.from({ length: count }, (_, Id) => ({ Id: String(Id), MessageBody: body, ...entry() }));
      const answer = await actions.SendMessageBatch?.({ QueueUrl: `/${name}`, Entries }, context);
      if (answer?.Failed) throw new Error(JSON.stringify(answer.Failed));
    },
    async receive(name, MaxNumberOfMessages = 10) {
      const answer = await actions.ReceiveMessage?.({ QueueUrl: `/${name}`, MaxNumberOfMessages }, context);
      return answer?.Messages?.map(({ ReceiptHandle = "" }) => ReceiptHandle) ?? [];
    },
    async remove(name, handles) {
      const Entries = handles.map((ReceiptHandle, Id) => ({ Id: String(Id), ReceiptHandle }));
      const answer = await actions.DeleteMessageBatch?.({ QueueUrl: `/${name}`, Entries }, context);
      if (answer?.Failed) throw new Error(JSON.stringify(answer.Failed));
    },
    attributes: async (name) =>
      actions.GetQueueAttributes?.({ QueueUrl: `/${name}`, AttributeNames: ["All"] }, context),
    async growJournal(queue) {
      const message = { ...newMessage(clock.now(), clock.now()), body: largeBody };
      queues.doNow({ kind: "sent", queue: queue.name, message });
      queues.doNow({ kind: "deleted", queue: queue.name, ids: [message.id] });
      await new Promise(setImmediate);
    },
    async redrive(from, to) {
      await actions.StartMessageMoveTask?.({ SourceArn: from.arn, DestinationArn: to.arn }, context);
      while ([...queues.moveTasks.values()].some(({ status }) => status === "RUNNING")) {
        await new Promise(setImmediate);
      }
    },
    async close() {
      runner.close();
      await queues.close();
    },
  };
}

const sizeOf = (queue: Queue): number => {
  const { visible, inFlight, delayed } = queue.counts();
  return visible + inFlight + delayed;
};

function newMessage(visibleAtMs: number, nowMs: number): StoredMessage {
  return {
    id: randomUUID(),
    body,
    md5OfBody: digest,
    attributes: {},
    sentMs: nowMs,
    enqueuedMs: nowMs,
    receiveCount: 0,
    receivedElsewhere: 0,
    visibleAtMs,
  };
}
