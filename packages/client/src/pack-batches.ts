import { longestMessageBytes } from "@tendril/core/message";

/** SendMessageBatch takes at most this many messages, and all of them together at most as many bytes as one message may have. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
export const largestBatch = 10;

/** Cuts messages, in their order, into batches that SQS takes in one call; each message alone must fit. */
export function packBatches<Message extends { readonly bytes: number }>(messages: readonly Message[]): Message[][] {
  const batches: Message[][] = [];
  let batch: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (batch.length === largestBatch || bytes + message.bytes > longestMessageBytes) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += message.bytes;
  }
  return batch.length === 0 ? batches : [...batches, batch];
}
