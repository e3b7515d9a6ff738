import {
  AddPermissionCommand,
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  RemovePermissionCommand,
  TagQueueCommand,
  UntagQueueCommand,
} from "@aws-sdk/client-sqs";
import { expect } from "vitest";
import { type Answer, type Scenarios, type Stage, text } from "./stage.ts";

const create = ({ call }: Stage, QueueName: string, Attributes?: Record<string, string>): Promise<Answer> =>
  call((client) => client.send(new CreateQueueCommand({ QueueName, ...(Attributes ? { Attributes } : {}) })));

/** Queues: their attributes, names, tags, permissions and dead letters. */
export const queues: Scenarios = {
  "test_tag_untag_queue[sqs]": async ({ queue, call, record }) => {
    const QueueUrl = await queue();
    const tags = () => call((client) => client.send(new ListQueueTagsCommand({ QueueUrl })));
    const untag = (...TagKeys: string[]) => call((client) => client.send(new UntagQueueCommand({ QueueUrl, TagKeys })));
    const Tags = { tag1: "value1", tag2: "value2", tag3: "" };
    await call((client) => client.send(new TagQueueCommand({ QueueUrl, Tags })));
    record("get-tag-1", await tags());
    await untag("tag1", "tag3");
    record("get-tag-2", await tags());
    await untag("tag2");
    record("get-tag-after-untag", await tags());
  },
  "test_create_queue_with_different_attributes_raises_exception[sqs]": async (stage) => {
    const wait = { ReceiveMessageWaitTimeSeconds: "1" };
    const { QueueUrl = "" } = await create(stage, "queue", { ...wait, DelaySeconds: "1" });
    expect((await create(stage, "queue")).QueueUrl).toBe(QueueUrl);
    expect((await create(stage, "queue", { DelaySeconds: "1" })).QueueUrl).toBe(QueueUrl);
    stage.record("create_queue_01", await create(stage, "queue", { ...wait, DelaySeconds: "2" }));
    await stage.set(QueueUrl, { DelaySeconds: "2" });
    expect((await create(stage, "queue", { ...wait, DelaySeconds: "2" })).QueueUrl).toBe(QueueUrl);
    stage.record("create_queue_02", await create(stage, "queue", { ...wait, DelaySeconds: "1" }));
  },
  "test_create_standard_queue_with_fifo_attribute_raises_error[sqs]": async (stage) => {
    const label = (suffix: string) => `invalid-attribute-${suffix}`;
    const { record } = stage;
    record(label("fifo-queue"), await create(stage, "queue", { FifoQueue: "false" }));
    record(label("content-based-deduplication"), await create(stage, "queue", { ContentBasedDeduplication: "false" }));
    record(label("deduplication-scope"), await create(stage, "queue", { DeduplicationScope: "queue" }));
    record(label("throughput-limit"), await create(stage, "queue", { FifoThroughputLimit: "perQueue" }));
  },
  "test_create_and_update_queue_attributes[sqs]": async ({ queue, set, attributes, record }) => {
    const url = await queue({
      MessageRetentionPeriod: "604800",
      ReceiveMessageWaitTimeSeconds: "10",
      VisibilityTimeout: "20",
    });
    record("get_queue_attributes", await attributes(url, "All"));
    await set(url, { MaximumMessageSize: "2048", VisibilityTimeout: "69", DelaySeconds: "420" });
    record("get_updated_queue_attributes", await attributes(url, "All"));
  },
  "test_set_unsupported_attribute_standard[sqs]": async ({ queue, set, record }) => {
    const url = await queue();
    record("invalid-attr-name-1", await set(url, { FifoQueue: "true" }));
    record("invalid-attr-name-2", await set(url, { FifoQueue: "false" }));
  },
  "test_set_unsupported_attribute_fifo[sqs]": async ({ queue, fifo, set, record }) => {
    record("invalid-attr-name-1", await set(await queue(), { FifoQueue: "true" }));
    const url = await fifo();
    await set(url, { FifoQueue: "true" });
    record("invalid-attr-name-2", await set(url, { FifoQueue: "false" }));
  },
  "test_set_queue_attributes_default_values[sqs]": async ({ queue, set, attributes, record }) => {
    const url = await queue();
    record("get-queue-attributes-initial-values", await attributes(url, "All"));
    await set(url, { KmsMasterKeyId: "testKeyId", KmsDataKeyReusePeriodSeconds: "6000" });
    record("get-queue-attributes-after-update", await attributes(url, "All"));
    await set(url, { KmsMasterKeyId: "", KmsDataKeyReusePeriodSeconds: "300" });
    record("get-queue-attributes-after-set-to-defaults", await attributes(url, "All"));
  },
  "test_sse_queue_attributes[sqs]": async ({ queue, set, attributes, record }) => {
    const names = ["KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"] as const;
    const kms = await queue();
    await set(kms, {
      KmsMasterKeyId: "testKeyId",
      KmsDataKeyReusePeriodSeconds: "6000",
      SqsManagedSseEnabled: "false",
    });
    record("sse_kms_attributes", await attributes(kms, ...names));
    const managed = await queue();
    await set(managed, { SqsManagedSseEnabled: "true" });
    record("sse_sqs_attributes", await attributes(managed, ...names));
  },
  "test_set_empty_redrive_policy[sqs]": async ({ queue, arn, set, attributes }) => {
    const deadLetterTargetArn = await arn(await queue());
    const url = await queue();
    const policy = async () => (await attributes(url, "All")).Attributes?.RedrivePolicy;
    await set(url, { RedrivePolicy: "" });
    expect(await policy()).toBeUndefined();
    await set(url, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: "42" }) });
    expect(await policy()).toContain(deadLetterTargetArn);
    await set(url, { RedrivePolicy: "" });
    expect(await policy()).toBeUndefined();
  },
  "test_successive_purge_calls_fail[sqs]": async ({ queue, call, record }) => {
    const QueueUrl = await queue();
    const purge = () => call((client) => client.send(new PurgeQueueCommand({ QueueUrl })));
    await purge();
    record("purge_queue_error", await purge());
  },
  test_non_existent_queue: async ({ queue, call, attributes, record }) => {
    const QueueUrl = await queue();
    await call((client) => client.send(new DeleteQueueCommand({ QueueUrl })));
    record("queue-does-not-exist", await attributes(QueueUrl, "All"));
    const find = new GetQueueUrlCommand({ QueueName: "queue-1" });
    record("queue-does-not-exist-url", await call((client) => client.send(find)));
  },
  test_list_queues_pagination: async (stage) => {
    const QueueNamePrefix = "7f7df0f5";
    for (let index = 0; index < 10; index++) await create(stage, `${QueueNamePrefix}-test-queue-${index}`);
    const list = (input: { MaxResults?: number; NextToken?: string | undefined }) =>
      stage.call((client) => client.send(new ListQueuesCommand({ QueueNamePrefix, ...input })));
    stage.record("list_all", await list({}));
    const two = await list({ MaxResults: 2 });
    stage.record("list_two_max", two);
    stage.record("list_remaining", await list({ MaxResults: 10, NextToken: two.NextToken }));
  },
  test_dead_letter_queue_message_attributes: async ({ queue, arn, send, receive, record }) => {
    const deadLetters = await queue();
    const deadLetterTargetArn = await arn(deadLetters);
    const url = await queue({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }) });
    record("dlq-arn", deadLetterTargetArn);
    record("sourcen-arn", await arn(url));
    const AWSTraceHeader = text("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1");
    await send(url, "message-1", {
      MessageSystemAttributes: { AWSTraceHeader },
      MessageAttributes: { MyAttribute: text("foobar") },
    });
    await send(url, "message-2");
    const all = { VisibilityTimeout: 0, AttributeNames: ["All" as const], MessageAttributeNames: ["All"] };
    const collect = async (from: string, rounds: number): Promise<unknown[]> => {
      const found = [];
      for (let round = 0; round < rounds; round++) found.push(...((await receive(from, all)).Messages ?? []));
      found.sort((a, b) => (a.Body < b.Body ? -1 : 1));
      return found.map(({ Attributes: { SenderId: _, ...Attributes } = {}, ...message }) => ({
        ...message,
        Attributes,
      }));
    };
    record("rec-pre-dlq", await collect(url, 4));
    record("dlq-messages", await collect(deadLetters, 2));
  },
};

const other = "668614515564";

/** AddPermission and RemovePermission, which are kept in the queue's policy. */
export const permissions: Scenarios = {
  "test_sqs_permission_lifecycle[sqs]": async ({ queue, attributes, call, record }) => {
    const QueueUrl = await queue();
    const own = "000000000000";
    const add = (Label: string, ...AWSAccountIds: string[]) => {
      const command = new AddPermissionCommand({ QueueUrl, AWSAccountIds, Actions: ["ReceiveMessage"], Label });
      return call((client) => client.send(command));
    };
    const remove = (Label: string) => call((client) => client.send(new RemovePermissionCommand({ QueueUrl, Label })));
    const keep = async (label: string) =>
      record(`get-queue-policy-attribute${label}`, await attributes(QueueUrl, "Policy"));
    record("add-permission-response", await add("crossaccountpermission", other, own));
    await keep("");
    record("remove-permission-response", await remove("crossaccountpermission"));
    await keep("-after-removal");
    await add("crossaccountpermission", own);
    await keep("-first-account-same-label");
    record("get-queue-policy-attribute-second-account-same-label", await add("crossaccountpermission", other));
    await add("crossaccountpermission2", own);
    await keep("-second-account-different-label");
    await remove("crossaccountpermission");
    await keep("-delete-first-permission");
    await remove("crossaccountpermission2");
    await keep("-delete-second-permission");
    record("get-queue-policy-attribute-delete-non-existent-label", await remove("crossaccountpermission2"));
  },
  "test_sse_kms_and_sqs_are_mutually_exclusive[sqs]": async ({ queue, set, record }) => {
    const answer = await set(await queue(), { KmsMasterKeyId: "testKeyId", SqsManagedSseEnabled: "true" });
    record("error", answer);
    const { Code, Message } = answer.Error ?? {};
    record("error", `An error occurred (${Code}) when calling the SetQueueAttributes operation: ${Message}`);
  },
};
