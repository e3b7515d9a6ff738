import { ChangeMessageVisibilityBatchCommand, DeleteMessageBatchCommand } from "@aws-sdk/client-sqs";
import { handle, type Scenarios, type Stage, text } from "./stage.ts";

const k = { k: text("x") };
const bytesOfK = "kStringx".length;
const entries = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ Id: `message-${index}`, MessageBody: `messageBody-${index}` }));

const deleteBatchOf = (Id: string): Scenarios[string] => {
  return async ({ queue, call, record }) => {
    const QueueUrl = await queue();
    const command = new DeleteMessageBatchCommand({ QueueUrl, Entries: [{ Id, ReceiptHandle: "testHandle1" }] });
    record("error_response", await call((client) => client.send(command)));
  };
};

async function receiveTwenty({ queue, sendBatch, receive }: Stage): Promise<{ QueueUrl: string; handles: string[] }> {
  const QueueUrl = await queue();
  const handles: string[] = [];
  for (let round = 0; round < 2; round++) {
    await sendBatch(QueueUrl, entries(10));
    const received = await receive(QueueUrl, { MaxNumberOfMessages: 10 });
    for (let index = 0; index < 10; index++) handles.push(handle(received, index));
  }
  return { QueueUrl, handles };
}

/** Batches: their size, their ids, and entries that are refused alone. */
export const batches: Scenarios = {
  "test_send_message_batch_with_oversized_contents[sqs]": async ({ queue, sendBatch, record }) => {
    const MessageBody = "a".repeat(1_048_576 - bytesOfK);
    const two = [
      { Id: "1", MessageBody, MessageAttributes: k },
      { Id: "2", MessageBody: "a" },
    ];
    record("send_oversized_message_batch", await sendBatch(await queue(), two));
  },
  "test_send_message_batch_with_oversized_contents_with_updated_maximum_message_size[sqs]": async (stage) => {
    const { queue, set, sendBatch, record } = stage;
    const url = await queue();
    await set(url, { MaximumMessageSize: "2048" });
    const two = [
      { Id: "1", MessageBody: "a".repeat(2_048 - bytesOfK), MessageAttributes: k },
      { Id: "2", MessageBody: "a" },
    ];
    record("send_oversized_message_batch", await sendBatch(url, two));
  },
  test_send_batch_message_size: async ({ queue, sendBatch, record }) => {
    const two = [
      { Id: "a4cff0d1-1961-44bd-ae53-c6d5ed71ed08", MessageBody: "a".repeat(1_024) },
      { Id: "35b535ed-b76a-4ebd-b749-6eb35cdb55ee", MessageBody: "a".repeat(1_025) },
    ];
    record("send-message-batch-result", await sendBatch(await queue({ MaximumMessageSize: "1024" }), two));
  },
  "test_too_many_entries_in_batch_request[sqs]": async ({ queue, sendBatch, record }) =>
    record("test_too_many_entries_in_batch_request", await sendBatch(await queue(), entries(20))),
  "test_invalid_batch_id[sqs]": async ({ queue, sendBatch, record }) =>
    record("test_invalid_batch_id", await sendBatch(await queue(), [{ Id: "message:1", MessageBody: "a" }])),
  "test_send_batch_missing_deduplication_id_for_fifo_queue[sqs]": async ({ fifo, sendBatch, record }) => {
    const two = [
      { Id: "1", MessageBody: "a", MessageGroupId: "test-group", MessageDeduplicationId: "d" },
      { Id: "2", MessageBody: "a", MessageGroupId: "test-group" },
    ];
    const url = await fifo({ ContentBasedDeduplication: "false" });
    record("test_missing_deduplication_id_for_fifo_queue", await sendBatch(url, two));
  },
  "test_send_batch_missing_message_group_id_for_fifo_queue[sqs]": async ({ fifo, sendBatch, record }) => {
    const two = [
      { Id: "1", MessageBody: "a", MessageGroupId: "test-group", MessageDeduplicationId: "d1" },
      { Id: "2", MessageBody: "a", MessageDeduplicationId: "d2" },
    ];
    const url = await fifo({ ContentBasedDeduplication: "false" });
    record("test_missing_message_group_id_for_fifo_queue", await sendBatch(url, two));
  },
  "test_delete_message_batch_invalid_msg_id[sqs-]": deleteBatchOf(""),
  [`test_delete_message_batch_invalid_msg_id[sqs-${"testLongId".repeat(10)}]`]: deleteBatchOf("testLongId".repeat(10)),
  "test_delete_message_batch_invalid_msg_id[sqs-invalid:id]": deleteBatchOf("invalid:id"),
  "test_delete_message_batch_with_too_large_batch[sqs]": async (stage) => {
    const { QueueUrl, handles } = await receiveTwenty(stage);
    const Entries = handles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
    const command = new DeleteMessageBatchCommand({ QueueUrl, Entries });
    stage.record("error_response", await stage.call((client) => client.send(command)));
  },
  "test_change_message_visibility_batch_with_too_large_batch[sqs]": async (stage) => {
    const { QueueUrl, handles } = await receiveTwenty(stage);
    const Entries = handles.map((ReceiptHandle, index) => ({ Id: `${index}`, ReceiptHandle, VisibilityTimeout: 123 }));
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries });
    stage.record("error_response", await stage.call((client) => client.send(command)));
  },
};
