import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { type Scenarios, text } from "./stage.ts";

const k = { k: text("x") };
const bytesOfK = "kStringx".length;

const refused = (label: string, body: string, errorDetails?: string): Scenarios[string] => {
  return async ({ queue, send, record }) => {
    const attributes = errorDetails === undefined ? {} : { ErrorDetails: text(errorDetails) };
    record(label, await send(await queue(), body, { MessageAttributes: attributes }));
  };
};
const badGroup = (MessageGroupId: string): Scenarios[string] => {
  return async ({ queue, send, record }) =>
    record("error-response", await send(await queue(), "m", { MessageGroupId }));
};
const badDuplicate = (MessageDeduplicationId: string): Scenarios[string] => {
  return async ({ fifo, send, record }) =>
    record("error-response", await send(await fifo(), "m", { MessageGroupId: "test", MessageDeduplicationId }));
};

/** A call of SendMessage that carries a trace of X-Ray, as a traced function's client sends it. */
function traced(command: SendMessageCommand, trace: string): SendMessageCommand {
  command.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, { "X-Amzn-Trace-Id": trace });
      return next(args);
    },
    { step: "build" },
  );
  return command;
}

/** One message: its size, attributes and ids. */
export const sending: Scenarios = {
  "test_send_oversized_message[sqs]": async ({ queue, send, record }) => {
    const body = "a".repeat(1_048_576 - bytesOfK + 1);
    record("send_oversized_message", await send(await queue(), body, { MessageAttributes: k }));
  },
  "test_send_message_with_updated_maximum_message_size[sqs]": async ({ queue, set, send, record }) => {
    const url = await queue();
    await set(url, { MaximumMessageSize: "1024" });
    await send(url, "a".repeat(1_024));
    const body = "a".repeat(1_024 - bytesOfK + 1);
    record("send_oversized_message", await send(url, body, { MessageAttributes: k }));
  },
  "test_send_empty_message[sqs]": refused("send_empty_message", ""),
  "test_send_message_with_empty_string_attribute[sqs]": refused("empty-string-attr", "test", ""),
  "test_send_message_with_binary_attributes[sqs]": async ({ queue, send, receive, record }) => {
    const url = await queue();
    const trace = "traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
    await send(url, "test", { MessageAttributes: { attr1: { DataType: "Binary", BinaryValue: Buffer.from(trace) } } });
    record("binary-attrs-msg", await receive(url, { MessageAttributeNames: ["All"] }));
  },
  "test_aws_trace_header_propagation[sqs]": async ({ queue, call, receive, record }) => {
    const QueueUrl = await queue();
    const MessageAttributes = { timestamp: { DataType: "Number", StringValue: "1493147359900" } };
    const command = new SendMessageCommand({ QueueUrl, MessageBody: "test", MessageAttributes });
    const trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1";
    await call((client) => client.send(traced(command, trace)));
    const names = { MessageSystemAttributeNames: ["SentTimestamp" as const, "AWSTraceHeader" as const] };
    record("xray-msg", (await receive(QueueUrl, { ...names, MessageAttributeNames: ["timestamp"] })).Messages?.[0]);
  },
  "test_fair_queue_with_message_group_id[sqs]": async ({ queue, send, receive, record }) => {
    const url = await queue();
    record("send_message", await send(url, "message", { MessageGroupId: "test" }));
    record("get-message-with-deduplication-id", await receive(url, { MessageSystemAttributeNames: ["All"] }));
  },
  "test_send_message_to_standard_queue_with_invalid_message_group_id[empty]": badGroup(""),
  "test_send_message_to_standard_queue_with_invalid_message_group_id[too_long]": badGroup("a".repeat(129)),
  "test_send_message_to_standard_queue_with_invalid_message_group_id[spaces]": badGroup("group 123"),
  "test_message_deduplication_id_invalid[empty]": badDuplicate(""),
  "test_message_deduplication_id_invalid[too_long]": badDuplicate("a".repeat(129)),
  "test_message_deduplication_id_invalid[spaces]": badDuplicate("group 123"),
  test_message_deduplication_id_success: async ({ fifo, send }) =>
    send(await fifo(), "Hello", { MessageGroupId: "test", MessageDeduplicationId: "a".repeat(128) }),
  test_send_message_via_queue_url_with_json_protocol: async ({ queue, receiveAfter, record }) =>
    record("receive-json-on-queue-url", await receiveAfter(1, await queue())),
  "test_posting_to_fifo_requires_deduplicationid_group_id[sqs]": async ({ fifo, send, record }) => {
    const url = await fifo();
    for (const suffix of ["", "-query"]) {
      record(`invalid-parameter-value${suffix}`, await send(url, "test", { MessageGroupId: "g" }));
      record(`missing-parameter${suffix}`, await send(url, "test", { MessageDeduplicationId: "d" }));
    }
  },
  "test_fifo_queue_send_message_with_delay_seconds_fails[sqs]": async ({ fifo, send, record }) => {
    const url = await fifo({ ContentBasedDeduplication: "true" });
    record("send_message", await send(url, "message-1", { MessageGroupId: "1", DelaySeconds: 2 }));
  },
  "test_fifo_queue_send_message_with_zero_delay_defaults_to_queue_delay[sqs]": async (stage) => {
    const { fifo, send, receive, receiveAfter, record, clock } = stage;
    const url = await fifo({ ContentBasedDeduplication: "true", DelaySeconds: "2" });
    record("send_message_result", await send(url, "message-1", { MessageGroupId: "1", DelaySeconds: 0 }));
    record("receive_message_initial_result", await receiveAfter(1, url));
    await clock.advance(3_000);
    record("receive_message_after_delay_result", await receive(url, { MaxNumberOfMessages: 1 }));
  },
};
