import { createHash, randomUUID } from "node:crypto";
import type { SendMessageBatchResultEntry } from "@aws-sdk/client-sqs";
import { AwsError } from "../wire/aws-error.ts";
import type { HandlerContext } from "../wire/service.ts";
import { checkBatch, runBatch } from "./batch.ts";
import { checkContent, checkPlace, messageBytes, type SendEntry, toAttributes } from "./check-send.ts";
import type { SqsHandlers } from "./handlers.ts";
import { md5OfAttributes, md5OfText } from "./md5.ts";
import type { StoredMessage } from "./message.ts";
import type { Deduplicated, Queue } from "./queue.ts";
import { maxMessageBytes } from "./queue-attributes.ts";
import type { Queues } from "./queues.ts";

/** Told of each message that a queue has taken. */
export type SentListener = (queueName: string, message: StoredMessage) => void;

/** SendMessage and SendMessageBatch. A message is acknowledged when the journal has it. */
export function sendActions(
  queues: Queues,
  onSent: SentListener,
): Pick<SqsHandlers, "SendMessage" | "SendMessageBatch"> {
  const sendOne = async (queue: Queue, entry: SendEntry, header: HandlerContext["header"], inBatch: boolean) => {
    checkContent(queue, entry, inBatch);
    const message = createMessage(queue, entry, queues.clock.now(), header("x-amzn-trace-id"));
    message.visibleAtMs += queues.weather?.lateMs(queue.name, message.id) ?? 0;
    const kept = queue.fifo ? await keepOnce(queues, queue, message) : await keep(queues, queue, message);
    if (kept.messageId === message.id) onSent(queue.name, message);
    return sendResult(message, kept, entry);
  };
  return {
    SendMessage(input, { header }) {
      const queue = queues.byUrl(input.QueueUrl);
      checkPlace(queue, input, false);
      return sendOne(queue, input, header, false);
    },
    SendMessageBatch(input, { header }) {
      const queue = queues.byUrl(input.QueueUrl);
      checkBatch(input.Entries);
      const bytes = input.Entries.reduce((sum, entry) => sum + messageBytes(entry), 0);
      if (bytes > maxMessageBytes) {
        const message = `Batch requests cannot be longer than ${maxMessageBytes} bytes. You have sent ${bytes} bytes.`;
        throw new AwsError("BatchRequestTooLong", message);
      }
      for (const entry of input.Entries) checkPlace(queue, entry, true);
      return runBatch(input.Entries, (entry) => sendOne(queue, entry, header, true));
    },
  };
}

type SendResult = Omit<SendMessageBatchResultEntry, "Id">;

type Kept = Pick<Deduplicated, "messageId"> & { readonly sequenceNumber: string | undefined };

async function keep(queues: Queues, queue: Queue, message: StoredMessage): Promise<Kept> {
  await queues.commit({ kind: "sent", queue: queue.name, message });
  return { messageId: message.id, sequenceNumber: message.sequenceNumber };
}

/** Keeps a message of a FIFO queue, unless one with its deduplication id was kept in the last five minutes. */
async function keepOnce(queues: Queues, queue: Queue, message: StoredMessage): Promise<Kept> {
  const { id, deduplicationId = "", groupId, sentMs } = message;
  const key = queue.deduplicationKey(deduplicationId, groupId, sentMs);
  const before = queue.deduplicated.get(key, sentMs) ?? queue.deduplicated.get(deduplicationId, sentMs);
  if (before) {
    await before.keeping;
    return before;
  }
  const sequenceNumber = queue.nextSequenceNumber();
  const kept = keep(queues, queue, { ...message, sequenceNumber });
  const entry: Deduplicated = { messageId: id, sequenceNumber, keeping: kept };
  queue.deduplicated.set(key, entry, sentMs, sentMs);
  try {
    return await kept;
  } catch (refused) {
    queue.deduplicated.delete(key);
    throw refused;
  } finally {
    entry.keeping = undefined;
  }
}

/** `callTrace` is the X-Ray trace of the call itself, which its messages carry on when they name none. */
function createMessage(queue: Queue, entry: SendEntry, nowMs: number, callTrace: string | undefined): StoredMessage {
  const attributes = toAttributes(entry.MessageAttributes);
  const digest = md5OfAttributes(attributes);
  const delayMs = queue.fifo || entry.DelaySeconds === undefined ? queue.settings.delayMs : entry.DelaySeconds * 1_000;
  const traceHeader = entry.MessageSystemAttributes?.AWSTraceHeader?.StringValue ?? callTrace;
  return {
    id: randomUUID(),
    body: entry.MessageBody,
    md5OfBody: md5OfText(entry.MessageBody),
    attributes,
    ...(digest === undefined ? {} : { md5OfAttributes: digest }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
    sentMs: nowMs,
    enqueuedMs: nowMs,
    ...(entry.MessageGroupId === undefined ? {} : { groupId: entry.MessageGroupId }),
    ...(queue.fifo ? { deduplicationId: entry.MessageDeduplicationId ?? sha256(entry.MessageBody) } : {}),
    receiveCount: 0,
    receivedElsewhere: 0,
    visibleAtMs: nowMs + delayMs,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function sendResult(message: StoredMessage, kept: Kept, entry: SendEntry): SendResult {
  return {
    MessageId: kept.messageId,
    MD5OfMessageBody: message.md5OfBody,
    MD5OfMessageAttributes: message.md5OfAttributes,
    MD5OfMessageSystemAttributes: md5OfAttributes(toAttributes(entry.MessageSystemAttributes)),
    SequenceNumber: kept.sequenceNumber,
  };
}
