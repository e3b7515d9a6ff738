import type { MessageSystemAttributeName, QueueAttributeName, ReceiveMessageCommandInput } from "@aws-sdk/client-sqs";
import { expect } from "vitest";
import { type Scenarios, type Stage, text } from "./stage.ts";

/** The older parameter takes the names of system attributes too, which the SDK's type does not know. */
const senderId = ["SenderId"] as string[] as QueueAttributeName[];

const filterSystem = async (
  { queue, send, receive, record }: Stage,
  ask: (names: MessageSystemAttributeName[]) => Partial<ReceiveMessageCommandInput>,
): Promise<void> => {
  const url = await queue({ VisibilityTimeout: "0" });
  await send(url, "msg", { MessageAttributes: { Foo: text("Bar") } });
  record("all_attributes", await receive(url, ask(["All"])));
  const both = { ...ask(["All"]), MessageAttributeNames: ["All"] };
  record("all_system_and_message_attributes", await receive(url, both));
  record("single_attribute", await receive(url, ask(["SenderId"])));
  record("multiple_attributes", await receive(url, ask(["SenderId", "SequenceNumber"])));
};

/** ReceiveMessage's parameters, and what a receive does to a message. */
export const receiving: Scenarios = {
  "test_send_receive_max_number_of_messages[sqs]": async ({ queue, receive, record }) =>
    record("send_max_number_of_messages", await receive(await queue(), { MaxNumberOfMessages: 11 })),
  "test_send_receive_wait_time_seconds[sqs]": async ({ queue, send, receive, record }) => {
    const url = await queue();
    for (let sent = 0; sent < 2; sent++) await send(url, "message");
    record("recieve_message_error_too_large", await receive(url, { WaitTimeSeconds: 21 }));
    record("recieve_message_error_too_small", await receive(url, { WaitTimeSeconds: -1 }));
    record("empty_short_poll_by_default_resp", await receive(url, { MaxNumberOfMessages: 1 }));
    record("empty_short_poll_explicit_resp", await receive(url, { MaxNumberOfMessages: 1, WaitTimeSeconds: 0 }));
  },
  "test_receive_empty_queue[sqs]": async ({ queue, receive, receiveAfter, record }) => {
    const url = await queue();
    record("empty_short_poll_resp_no_param", await receive(url));
    record("empty_short_poll_resp", await receive(url, { MaxNumberOfMessages: 1 }));
    record("empty_long_poll_resp", await receiveAfter(1, url));
  },
  "test_receive_message_message_attribute_names_filters[sqs]": async ({ queue, send, receive, record }) => {
    const url = await queue({ VisibilityTimeout: "0" });
    const MessageAttributes = { "Help.Me": text("Me"), Hello: text("There"), General: text("Kenobi") };
    record("send_message_response", await send(url, "msg", { MessageAttributes }));
    const wholes = { empty_filter: [], all_name: ["All"] };
    const parts = {
      all_wildcard_asterisk: ["*"],
      all_wildcard: [".*"],
      only_non_existing_names: ["Foo", "Help"],
      only_existing: ["Hello", "General"],
      existing_and_non_existing: ["Foo", "Hello"],
      prefix_filter: ["Hel.*"],
    };
    const illegal = { illegal_name_1: ["AWS."], illegal_name_2: ["..foo"] };
    for (const [label, MessageAttributeNames] of Object.entries({ ...wholes, ...parts, ...illegal })) {
      const answer = await receive(url, { MessageAttributeNames });
      record(label, label in parts ? answer.Messages?.[0] : answer);
    }
  },
  "test_receive_message_attribute_names_filters[sqs]": (stage) =>
    filterSystem(stage, (names) => ({ AttributeNames: names as string[] as QueueAttributeName[] })),
  "test_receive_message_message_system_attribute_names_filters[sqs]": (stage) =>
    filterSystem(stage, (names) => ({ MessageSystemAttributeNames: names })),
  "test_message_system_attribute_names_with_attribute_names[sqs]": async ({ queue, send, receive, record }) => {
    const url = await queue({ VisibilityTimeout: "0" });
    await send(url, "msg", { MessageAttributes: { Foo: text("Bar") } });
    const all = { MessageSystemAttributeNames: ["All" as const] };
    record("same_values", await receive(url, { ...all, AttributeNames: ["All"] }));
    record("different_values", await receive(url, { ...all, AttributeNames: senderId }));
  },
  "test_change_message_visibility_after_visibility_timeout_expiration[sqs]": async (stage) => {
    const { queue, send, receive, hide, record, clock } = stage;
    const url = await queue({ VisibilityTimeout: "1" });
    await send(url, "test");
    const received = await receive(url);
    await clock.advance(2_000);
    record("visibility_timeout_expired", await hide(url, received, 2));
  },
  "test_delete_after_visibility_timeout[sqs]": async ({ queue, send, receive, remove, record, clock }) => {
    const url = await queue({ VisibilityTimeout: "1" });
    await send(url, "foobar");
    const received = await receive(url);
    await clock.advance(1_000);
    await remove(url, received);
    record("delete_after_timeout_queue_empty", await receive(url));
  },
  "test_approximate_number_of_messages_not_visible[sqs]": async (stage) => {
    const url = await stage.queue({ VisibilityTimeout: "60" });
    for (let sent = 0; sent < 6; sent++) await stage.send(url, `message-${sent}`);
    await stage.receive(url);
    await expectCounts(stage, url, ["5", "1"]);
  },
  "test_fifo_approximate_number_of_messages_not_visible[sqs]": async (stage) => {
    const url = await stage.fifo({ ContentBasedDeduplication: "true", VisibilityTimeout: "60" });
    for (let sent = 0; sent < 6; sent++) {
      await stage.send(url, `message-${sent}`, { MessageGroupId: String(Math.floor(sent / 2)) });
    }
    for (const group of ["0", "1"]) {
      const { Messages } = await stage.receive(url, { MessageSystemAttributeNames: ["MessageGroupId"] });
      expect(Messages?.[0]?.Attributes).toEqual({ MessageGroupId: group });
    }
    await expectCounts(stage, url, ["4", "2"]);
  },
};

/** AWS's counts while messages are in flight, and that all are visible after the timeout. */
async function expectCounts(stage: Stage, url: string, [visible, inFlight]: readonly [string, string]): Promise<void> {
  const counts = async () =>
    (
      await stage.attributes(
        url,
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
      )
    ).Attributes;
  const delayed = { ApproximateNumberOfMessagesDelayed: "0" };
  expect(await counts()).toEqual({
    ...delayed,
    ApproximateNumberOfMessages: visible,
    ApproximateNumberOfMessagesNotVisible: inFlight,
  });
  await stage.clock.advance(60_000);
  expect(await counts()).toEqual({
    ...delayed,
    ApproximateNumberOfMessages: "6",
    ApproximateNumberOfMessagesNotVisible: "0",
  });
}
