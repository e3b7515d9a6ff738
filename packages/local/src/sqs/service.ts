import * as client from "@aws-sdk/client-sqs";
import type { Clock } from "../clock.ts";
import { defineService, type Service } from "../wire/service.ts";
import { missingParameter } from "./errors.ts";
import type { StoredMessage } from "./message.ts";
import { type MessageSource, messageSource, releaseAbandoned } from "./message-source.ts";
import { moveTaskRunner } from "./move-task.ts";
import { moveTaskActions } from "./move-task-actions.ts";
import { permissionActions } from "./permission-actions.ts";
import { queueActions } from "./queue-actions.ts";
import { openQueues } from "./queues.ts";
import { receiptActions } from "./receipt-actions.ts";
import { receiveActions } from "./receive-actions.ts";
import { sendActions } from "./send-actions.ts";
import { tagActions } from "./tag-actions.ts";
import type { Weather } from "./weather.ts";

export interface SqsOptions {
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** What queue URLs begin with, e.g. `http://127.0.0.1:4100`; asked when one is made. */
  readonly baseUrl: () => string;
  /** The folder that keeps queues and messages; default: memory only. */
  readonly dir?: string;
  /** What goes wrong between queues and those who read them. Default: nothing. */
  readonly weather?: Weather | undefined;
  /** Told when the disk refuses something. Default: stderr. */
  readonly onFailure?: (failure: unknown) => void;
}

/** A message that a queue has taken. */
export interface SentMessage {
  readonly queueName: string;
  readonly messageId: string;
  readonly body: string;
  /** Its attributes of type String and Number. */
  readonly attributes: Record<string, string>;
}

/** SQS on this machine. */
export interface Sqs {
  /** For `listen`. */
  readonly service: Service;
  /** A queue to be read in process. */
  source(queueName: string): MessageSource;
  /** All messages of a queue, those that are hidden too, in no order; none is received by this. None when it is not there. */
  messages(queueName: string): StoredMessage[];
  /** Calls `listener` for each message that is sent from now on, after it is kept; a duplicate in a FIFO queue is none. */
  onSent(listener: (sent: SentMessage) => void): void;
  /** Ends those who wait for messages, and closes the files. */
  close(): Promise<void>;
}

/**
 * Opens SQS: all actions, AWS JSON 1.0. What it acknowledges is on disk first, so that a
 * killed process loses nothing; messages in flight stay so, under the same receipt handles, but for those that a reader
 * in the killed process held: they are visible at once.
 */
export async function openSqs(options: SqsOptions): Promise<Sqs> {
  const queues = await openQueues({
    clock: options.clock,
    region: options.region,
    accountId: options.accountId,
    dir: options.dir,
    weather: options.weather,
    onFailure: options.onFailure ?? ((failure) => console.error(`SQS cannot write its journal: ${failure}`)),
  });
  await releaseAbandoned(queues);
  const runner = moveTaskRunner(queues);
  runner.resume();
  const listeners: ((sent: SentMessage) => void)[] = [];
  const tell = (queueName: string, message: StoredMessage): void => {
    for (const listener of listeners) listener(toSent(queueName, message));
  };
  const urlOf = (name: string): string => `${options.baseUrl()}/${options.accountId}/${name}`;
  const service = defineService({
    client,
    protocol: "awsJson1_0",
    target: "AmazonSQS",
    missing: missingParameter,
    handlers: {
      ...queueActions(queues, urlOf),
      ...sendActions(queues, tell),
      ...receiveActions(queues),
      ...receiptActions(queues),
      ...tagActions(queues),
      ...permissionActions(queues),
      ...moveTaskActions(queues, runner),
    },
  });
  return {
    service,
    source: (queueName) => messageSource(queues, queueName),
    messages: (queueName) => [...(queues.find(queueName)?.mailbox.all() ?? [])],
    onSent: (listener) => void listeners.push(listener),
    close() {
      runner.close();
      return queues.close();
    },
  };
}

function toSent(queueName: string, message: StoredMessage): SentMessage {
  const attributes: Record<string, string> = {};
  for (const [name, { stringValue }] of Object.entries(message.attributes)) {
    if (stringValue !== undefined) attributes[name] = stringValue;
  }
  return { queueName, messageId: message.id, body: message.body, attributes };
}
