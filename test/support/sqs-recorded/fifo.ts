import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { expect } from "vitest";
import type { Scenarios, Stage } from "./stage.ts";

const byGroup = { DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" };
const byQueue = { DeduplicationScope: "queue", FifoThroughputLimit: "perQueue" };
const place = (group: string, duplicate: string) => ({
  MessageGroupId: group,
  MessageDeduplicationId: duplicate,
});

const onceAfterDelete = (attributes: Record<string, string>, id: { MessageDeduplicationId?: string }) => {
  return async ({ fifo, send, receive, receiveAfter, remove, record }: Stage) => {
    const url = await fifo(attributes);
    const sendAgain = () => send(url, '{"foo": "bar"}', { MessageGroupId: "group-1", ...id });
    await sendAgain();
    const received = await receive(url);
    record("get-messages", received);
    await remove(url, received);
    await sendAgain();
    record("get-messages-duplicate", await receiveAfter(1, url));
  };
};
const onceInTwoGroups = (attributes: Record<string, string>, id: { MessageDeduplicationId?: string }) => {
  return async ({ fifo, send, receive, receiveAfter, record }: Stage) => {
    const url = await fifo(attributes);
    for (const group of ["group-1", "group-2"]) await send(url, '{"foo": "bar"}', { MessageGroupId: group, ...id });
    record("get-messages", await receive(url));
    record("get-dedup-messages", await receiveAfter(1, url));
  };
};
const byContent = { ContentBasedDeduplication: "true" };
const byId = { MessageDeduplicationId: "dedup1" };

/** The same deduplication id in two groups, each message deleted before the next is sent. */
const twoGroups = (attributes: Record<string, string>, bodies: readonly [string, string], duplicate?: string) => {
  return async ({ fifo, send, receive, remove, record }: Stage): Promise<string> => {
    const url = await fifo({ ContentBasedDeduplication: "false", ...attributes });
    for (const [index, body] of bodies.entries()) {
      const id = duplicate === undefined ? {} : { MessageDeduplicationId: duplicate };
      await send(url, body, { MessageGroupId: `group${index + 1}`, ...id });
      const received = await receive(url);
      record(`same-dedup-different-grp-${index + 1}`, received);
      if (received.Messages) await remove(url, received);
    }
    return url;
  };
};

const extended = (index: number): Scenarios[string] => {
  return async ({ fifo, send, receive, hide, record, clock }) => {
    const url = await fifo({ VisibilityTimeout: "1" });
    for (const body of ["foo", "bar", "baz"]) await send(url, body, place("1", body));
    const received = await receive(url, { MaxNumberOfMessages: 5 });
    record("receive_all_messages", received);
    await hide(url, received, 4, index);
    await clock.advance(2_500);
    record("some-messages-invisible", await receive(url, { MaxNumberOfMessages: 5 }));
  };
};

/** FIFO queues: groups, deduplication, and receipt handles that run out. */
export const fifo: Scenarios = {
  "test_fifo_empty_message_groups_added_back_to_queue[sqs]": async ({ fifo, send, receive, remove, record }) => {
    const url = await fifo();
    await send(url, "Message 1", place("g1", "1"));
    const first = await receive(url);
    record("inital-fifo-receive", first);
    await remove(url, first);
    record("empty-fifo-receive", await receive(url));
    await send(url, "Message 2", place("g1", "2"));
    record("final-fifo-receive", await receive(url));
  },
  "test_fifo_message_attributes[sqs]": async ({ fifo, send, receive, record }) => {
    const url = await fifo({ ...byContent, ...byGroup, VisibilityTimeout: "0" });
    record("send_message", await send(url, "message-body-1", place("group-1", "dedup-1")));
    for (const round of [0, 1]) record(`receive_message_${round}`, await receive(url, { AttributeNames: ["All"] }));
  },
  "test_fifo_deduplication_arrives_once_after_delete[sqs-True]": onceAfterDelete(byContent, {}),
  "test_fifo_deduplication_arrives_once_after_delete[sqs-False]": onceAfterDelete({}, byId),
  "test_fifo_deduplication_not_on_message_group_id[sqs-True]": onceInTwoGroups(byContent, {}),
  "test_fifo_deduplication_not_on_message_group_id[sqs-False]": onceInTwoGroups({}, byId),
  "test_sqs_fifo_same_dedup_id_different_message_groups[sqs]": twoGroups({}, ["Test", "Test"], "same-dedup"),
  "test_fifo_high_throughput_ordering[sqs]": twoGroups(byGroup, ["Test1", "Test2"], "same-dedup"),
  "test_sqs_fifo_message_group_scope_no_throughput_setting[sqs]": twoGroups(
    { ...byContent, DeduplicationScope: "messageGroup" },
    ["Test", "Test"],
  ),
  "test_fifo_change_to_high_throughput_after_creation[sqs]": async (stage) => {
    const { send, receive, remove, set, attributes, record } = stage;
    const url = await twoGroups({ DeduplicationScope: "queue" }, ["Test1", "Test2"], "same-dedup")(stage);
    await set(url, byGroup);
    record("set-to-high-throughput", await attributes(url, "All"));
    record("same-dedup-different-grp-high-throughput", await receive(url));
    await send(url, "Test3", place("group3", "same-dedup"));
    record("same-dedup-different-grp-high-throughput-2", await receive(url));
    await send(url, "Test4", place("group4", "dedup_2"));
    const received = await receive(url);
    record("new-dedup2-high-throughput", received);
    await remove(url, received);
    await send(url, "Test5", place("group5", "dedup_2"));
    record("same-dedup2-high-throughput", await receive(url));
  },
  "test_fifo_change_to_regular_throughput_after_creation[sqs]": async (stage) => {
    const url = await twoGroups(byGroup, ["Test1", "Test2"], "same-dedup")(stage);
    await stage.set(url, byQueue);
    stage.record("set-to-regular-throughput", await stage.attributes(url, "All"));
    await stage.send(url, "Test3", place("group3", "same-dedup"));
    stage.record("same-dedup-different-grp-regular-throughput", await stage.receive(url));
  },
  "test_fifo_delete_after_visibility_timeout[sqs]": async ({ fifo, send, receive, remove, record, clock }) => {
    const url = await fifo({ ...byContent, VisibilityTimeout: "1" });
    await send(url, "foobar", { MessageGroupId: "1" });
    const received = await receive(url);
    record("received_sqs_message", received);
    await clock.advance(1_000);
    record("delete_after_timeout_fifo", await remove(url, received));
  },
  "test_fifo_delete_after_visibility_timeout_extended[sqs]": async (stage) => {
    const { fifo, send, receive, hide, remove, record, clock } = stage;
    const url = await fifo({ ...byContent, VisibilityTimeout: "1" });
    await send(url, "foobar", { MessageGroupId: "1" });
    const received = await receive(url);
    record("received_sqs_message", received);
    await hide(url, received, 5);
    await clock.advance(1_500);
    await remove(url, received);
    record("delete_after_timeout_fifo_extended", await receive(url));
  },
  // Each recorded twice, under an older and a newer name.
  "test_fifo_group_visibility_extends_with_change_message_visibility[sqs-all-invisible]": extended(0),
  "test_fifo_group_visibility_extends_with_change_message_visibility[sqs-1-invisible]": extended(1),
  "test_fifo_group_visibility_extends_with_change_message_visibility[sqs-no-invisible]": extended(2),
  "test_fifo_group_visibility_extends_with_change_message_visibility[sqs-0-visible]": extended(0),
  "test_fifo_group_visibility_extends_with_change_message_visibility[sqs-1-visible]": extended(1),
  "test_fifo_group_visibility_extends_with_change_message_visibility[sqs-2-visible]": extended(2),
  "test_dead_letter_queue_with_fifo_and_content_based_deduplication[sqs]": async (stage) => {
    const { fifo, arn, send, receive } = stage;
    const deadLetters = await fifo({ ...byContent, MessageRetentionPeriod: "1209600" });
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: await arn(deadLetters), maxReceiveCount: 2 });
    const url = await fifo({ ...byContent, VisibilityTimeout: "60", RedrivePolicy });
    const first = await send(url, "foobar", { MessageGroupId: "1" });
    for (let round = 0; round < 3; round++) await receive(url, { VisibilityTimeout: 0 });
    const dead = await receive(deadLetters);
    expect(dead.Messages).toMatchObject([{ MessageId: first.MessageId, Body: "foobar" }]);
    const second = await send(url, "foobar2", { MessageGroupId: "1" });
    expect((await receive(url)).Messages).toMatchObject([{ MessageId: second.MessageId, Body: "foobar2" }]);
  },
  "test_create_fifo_queue_with_different_attributes_raises_error[sqs]": async ({ call, record }) => {
    const create = (ContentBasedDeduplication: string) => {
      const Attributes = { FifoQueue: "true", ContentBasedDeduplication };
      return call((client) => client.send(new CreateQueueCommand({ QueueName: "queue.fifo", Attributes })));
    };
    await create("true");
    record("queue-already-exists", await create("false"));
  },
  "test_fifo_set_content_based_deduplication_strategy[sqs]": async ({ fifo, set, attributes, record }) => {
    const url = await fifo({ ...byContent, SqsManagedSseEnabled: "true" });
    record("before-update", await attributes(url, "All"));
    await set(url, { ContentBasedDeduplication: "false" });
    record("after-update", await attributes(url, "All"));
  },
};
