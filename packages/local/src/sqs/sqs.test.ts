import {
  BatchEntryIdsNotDistinct,
  BatchRequestTooLong,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  EmptyBatchRequest,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  InvalidAttributeName,
  InvalidAttributeValue,
  InvalidBatchEntryId,
  InvalidMessageContents,
  ListDeadLetterSourceQueuesCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  PurgeQueueInProgress,
  QueueDoesNotExist,
  QueueNameExists,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  TagQueueCommand,
  TooManyEntriesInBatchRequest,
  UntagQueueCommand,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bodies, type SqsFixture, startSqs } from "./fixture.ts";

let aws: SqsFixture;
let QueueUrl: string;

beforeEach(async () => {
  aws = await startSqs();
  QueueUrl = await aws.create("work");
});

afterEach(() => aws.close());

describe("queues", () => {
  test("have an URL on this server, which GetQueueUrl finds again", async () => {
    expect(QueueUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/000000000000\/work$/);
    expect((await aws.client.send(new GetQueueUrlCommand({ QueueName: "work" }))).QueueUrl).toBe(QueueUrl);
  });

  test("are found by any URL that ends in their name", async () => {
    await aws.send("https://sqs.eu-central-1.amazonaws.com/123456789012/work", "hello");
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["hello"]);
  });

  test("may be created again with the attributes that they have, and with no others", async () => {
    await aws.create("work", { VisibilityTimeout: "30" });
    await expect(aws.create("work", { VisibilityTimeout: "31" })).rejects.toSatisfy(
      (error) =>
        error instanceof QueueNameExists &&
        error.message ===
          "A queue already exists with the same name and a different value for attribute VisibilityTimeout",
    );
  });

  test.each(["a!b", "", "x".repeat(81), "no-attribute.fifo"])("cannot be named %j", async (QueueName) => {
    await expect(aws.client.send(new CreateQueueCommand({ QueueName }))).rejects.toMatchObject({
      name: "InvalidParameterValue",
      message: "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    });
  });

  test("cannot be made again within a minute of their deletion", async () => {
    await aws.client.send(new DeleteQueueCommand({ QueueUrl }));
    await aws.clock.advance(59_999);
    const refused = aws.create("work");
    await expect(refused).rejects.toMatchObject({ name: "QueueDeletedRecently" });
    await expect(refused).rejects.toThrow("You must wait 60 seconds after deleting a queue");
    await aws.clock.advance(1);
    expect(await aws.create("work")).toBe(QueueUrl);
  });

  test("that are deleted do not exist for any action", async () => {
    await aws.send(QueueUrl, "gone");
    await aws.client.send(new DeleteQueueCommand({ QueueUrl }));
    await expect(aws.send(QueueUrl, "hello")).rejects.toBeInstanceOf(QueueDoesNotExist);
    await expect(aws.receive(QueueUrl)).rejects.toThrow("The specified queue does not exist.");
    await expect(aws.client.send(new GetQueueUrlCommand({ QueueName: "work" }))).rejects.toBeInstanceOf(
      QueueDoesNotExist,
    );
    await aws.clock.advance(60_000);
    await aws.create("work");
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });

  test("are listed by prefix and page", async () => {
    for (const name of ["b-2", "b-1", "b-3", "c"]) await aws.create(name);
    const first = await aws.client.send(new ListQueuesCommand({ QueueNamePrefix: "b-", MaxResults: 2 }));
    expect(first.QueueUrls?.map((url) => url.split("/").at(-1))).toEqual(["b-1", "b-2"]);
    const rest = await aws.client.send(
      new ListQueuesCommand({ QueueNamePrefix: "b-", MaxResults: 2, NextToken: first.NextToken }),
    );
    expect(rest.QueueUrls?.map((url) => url.split("/").at(-1))).toEqual(["b-3"]);
    expect(rest.NextToken).toBeUndefined();
    expect((await aws.client.send(new ListQueuesCommand({ QueueNamePrefix: "z" }))).QueueUrls).toBeUndefined();
  });

  test("keep tags", async () => {
    await aws.client.send(new TagQueueCommand({ QueueUrl, Tags: { a: "1", b: "" } }));
    await aws.client.send(new UntagQueueCommand({ QueueUrl, TagKeys: ["a", "none"] }));
    expect((await aws.client.send(new ListQueueTagsCommand({ QueueUrl }))).Tags).toEqual({ b: "" });
  });

  test("are purged of all messages, once a minute", async () => {
    await aws.send(QueueUrl, "in flight");
    const [received] = await aws.receive(QueueUrl);
    await aws.send(QueueUrl, "visible");
    await aws.client.send(new PurgeQueueCommand({ QueueUrl }));
    expect(await counts()).toEqual(["0", "0", "0"]);
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received?.handle }));
    await expect(aws.client.send(new PurgeQueueCommand({ QueueUrl }))).rejects.toBeInstanceOf(PurgeQueueInProgress);
    await aws.clock.advance(60_000);
    await aws.client.send(new PurgeQueueCommand({ QueueUrl }));
  });
});

describe("attributes of queues", () => {
  const get = async (url = QueueUrl): Promise<Record<string, string> | undefined> =>
    (await aws.client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }))).Attributes;
  const set = (Attributes: Record<string, string>, url = QueueUrl) =>
    aws.client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes }));

  test("have AWS's defaults", async () => {
    const seconds = String(aws.clock.now() / 1_000);
    expect(await get()).toEqual({
      ApproximateNumberOfMessages: "0",
      ApproximateNumberOfMessagesDelayed: "0",
      ApproximateNumberOfMessagesNotVisible: "0",
      CreatedTimestamp: seconds,
      DelaySeconds: "0",
      LastModifiedTimestamp: seconds,
      MaximumMessageSize: "1048576",
      MessageRetentionPeriod: "345600",
      QueueArn: "arn:aws:sqs:us-east-1:000000000000:work",
      ReceiveMessageWaitTimeSeconds: "0",
      SqsManagedSseEnabled: "true",
      VisibilityTimeout: "30",
    });
    expect(await get(await aws.create("work.fifo"))).toMatchObject({
      FifoQueue: "true",
      ContentBasedDeduplication: "false",
      DeduplicationScope: "queue",
      FifoThroughputLimit: "perQueue",
    });
  });

  test("are set, and the time of it is kept", async () => {
    await aws.clock.advance(5_000);
    await set({ VisibilityTimeout: "7", Policy: "{}" });
    expect(await get()).toMatchObject({
      VisibilityTimeout: "7",
      Policy: "{}",
      LastModifiedTimestamp: String(aws.clock.now() / 1_000),
    });
    await set({ Policy: "" });
    expect(await get()).not.toHaveProperty("Policy");
  });

  test("know one kind of encryption at a time", async () => {
    await set({ KmsMasterKeyId: "key", KmsDataKeyReusePeriodSeconds: "600" });
    expect(await get()).toMatchObject({ KmsMasterKeyId: "key", SqsManagedSseEnabled: "false" });
    await expect(set({ KmsMasterKeyId: "key", SqsManagedSseEnabled: "true" })).rejects.toBeInstanceOf(
      InvalidAttributeName,
    );
    await set({ SqsManagedSseEnabled: "true" });
    expect(await get()).not.toHaveProperty("KmsMasterKeyId");
  });

  test.each([
    [{ VisibilityTimeout: "43201" }, InvalidAttributeValue, "Invalid value for the parameter VisibilityTimeout."],
    [{ DelaySeconds: "-1" }, InvalidAttributeValue, "Invalid value for the parameter DelaySeconds."],
    [
      { MessageRetentionPeriod: "1e3" },
      InvalidAttributeValue,
      "Invalid value for the parameter MessageRetentionPeriod.",
    ],
    [{ Nonsense: "1" }, InvalidAttributeName, "Unknown Attribute Nonsense."],
    [{ constructor: "1" }, InvalidAttributeName, "Unknown Attribute constructor."],
    [{ QueueArn: "arn" }, InvalidAttributeName, "Unknown Attribute QueueArn."],
    [{ FifoQueue: "true" }, InvalidAttributeName, "Unknown Attribute FifoQueue."],
    [
      { DeduplicationScope: "queue" },
      InvalidAttributeName,
      "You can specify the DeduplicationScope only when FifoQueue is set to true.",
    ],
  ])("%j is refused", async (attributes, type, message) => {
    const refused = await set(attributes).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(type);
    expect(refused).toHaveProperty("message", message);
  });

  test("do not make a FIFO queue of a standard one, nor the other way", async () => {
    const fifo = await aws.create("work.fifo");
    await expect(set({ FifoQueue: "false" }, fifo)).rejects.toThrow("Modifying queue type is not supported.");
  });

  test.each([
    ["no JSON", "is not a valid JSON map."],
    ['{"maxReceiveCount":1}', "The required parameter 'deadLetterTargetArn' is missing"],
    ['{"deadLetterTargetArn":"dummy","maxReceiveCount":1}', "Invalid value for deadLetterTargetArn."],
    [policy("work-dead", 0), "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive."],
    [policy("work-dead", 1_001), "valid values are from 1 to 1000 both inclusive."],
    [policy("nowhere", 1), "Dead letter target does not exist."],
    [policy("work", 1), "Dead letter target does not exist."],
    [policy("work-dead.fifo", 1), "Dead-letter queue must be same type of queue as the source."],
    [policy("work-closed", 1), "RedriveAllowPolicy does not allow this queue."],
  ])("refuse the redrive policy %s", async (RedrivePolicy, message) => {
    await aws.create("work-dead");
    await aws.create("work-dead.fifo");
    await aws.create("work-closed", { RedriveAllowPolicy: '{"redrivePermission":"denyAll"}' });
    await expect(set({ RedrivePolicy })).rejects.toThrow(message);
  });

  test("tell which queues send their dead letters here", async () => {
    const dead = await aws.create("work-dead");
    await set({ RedrivePolicy: policy("work-dead", 3) });
    const list = () => aws.client.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: dead }));
    expect((await list()).queueUrls).toEqual([QueueUrl]);
    await set({ RedrivePolicy: "" });
    expect((await list()).queueUrls).toEqual([]);
  });
});

function policy(name: string, maxReceiveCount: number): string {
  return JSON.stringify({ deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${name}`, maxReceiveCount });
}

async function counts(): Promise<(string | undefined)[]> {
  const { Attributes } = await aws.client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
  return [
    Attributes?.ApproximateNumberOfMessages,
    Attributes?.ApproximateNumberOfMessagesNotVisible,
    Attributes?.ApproximateNumberOfMessagesDelayed,
  ];
}

describe("messages", () => {
  test("carry text, attributes of every type and a trace header, which the SDK's digests prove", async () => {
    const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    const MessageAttributes = {
      text: { DataType: "String.custom", StringValue: "ä" },
      number: { DataType: "Number", StringValue: "-1.5e3" },
      bytes: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 255]) },
    };
    const sent = await aws.client.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: "body 🌱",
        MessageAttributes,
        MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: trace } },
      }),
    );
    expect(sent.MD5OfMessageSystemAttributes).toMatch(/^[0-9a-f]{32}$/);
    await aws.clock.advance(1_500);
    const { Messages } = await aws.client.send(
      new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] }),
    );
    expect(Messages).toEqual([
      {
        MessageId: sent.MessageId,
        ReceiptHandle: expect.any(String),
        Body: "body 🌱",
        MD5OfBody: sent.MD5OfMessageBody,
        MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
        MessageAttributes,
        Attributes: {
          SenderId: expect.any(String),
          SentTimestamp: String(aws.clock.now() - 1_500),
          ApproximateReceiveCount: "1",
          ApproximateFirstReceiveTimestamp: String(aws.clock.now()),
          AWSTraceHeader: trace,
        },
      },
    ]);
  });

  test.each([
    [undefined, undefined],
    [["All"], ["a.b", "a.c", "d"]],
    [[".*"], ["a.b", "a.c", "d"]],
    [["a.*"], ["a.b", "a.c"]],
    [["d", "none"], ["d"]],
    [["none"], undefined],
  ])("show of their attributes what %j asks for", async (MessageAttributeNames, names) => {
    const value = { DataType: "String", StringValue: "x" };
    await aws.send(QueueUrl, "hello", { MessageAttributes: { "a.b": value, "a.c": value, d: value } });
    const { Messages } = await aws.client.send(new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames }));
    const attributes = Messages?.[0]?.MessageAttributes;
    expect(attributes && Object.keys(attributes)).toEqual(names);
    expect(Messages?.[0]).not.toHaveProperty("Attributes");
  });

  test.each([
    ["an empty body", { MessageBody: "" }, "The request must contain the parameter MessageBody."],
    ["a delay over 15 minutes", { DelaySeconds: 901 }, "DelaySeconds must be >= 0 and <= 900."],
    ["a bad group", { MessageGroupId: "a b" }, "MessageGroupId can only include alphanumeric"],
    ["a deduplication id", { MessageDeduplicationId: "a" }, "not valid for this queue type."],
    [
      "eleven attributes",
      { MessageAttributes: Object.fromEntries(Array.from("abcdefghijk", (name) => [name, text("x")])) },
      "Number of message attributes [11] exceeds the allowed maximum [10].",
    ],
    [
      "an empty attribute",
      { MessageAttributes: { a: text("") } },
      "'a' must contain a non-empty value of type 'String'.",
    ],
    ["a bad number", { MessageAttributes: { a: { DataType: "Number", StringValue: "x" } } }, "to a number."],
    ["a bad type", { MessageAttributes: { a: { DataType: "Text", StringValue: "x" } } }, "Binary, Number, String."],
    ["a reserved name", { MessageAttributes: { "aws.a": text("x") } }, "beginning with 'AWS.'"],
    ["too many bytes", { MessageBody: "x".repeat(1_048_577) }, "Message must be shorter than 1048576 bytes."],
    [
      "too many bytes with its attributes",
      { MessageBody: "x".repeat(1_048_570), MessageAttributes: { a: text("x") } },
      "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    ],
  ])("with %s are refused", async (_, input, message) => {
    await expect(aws.client.send(new SendMessageCommand({ QueueUrl, MessageBody: "x", ...input }))).rejects.toThrow(
      message,
    );
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });

  test.each(["\u0000", "\ufffe", "\ud800"])("with the character %j are refused", async (character) => {
    const sent = aws.client.send(new SendMessageCommand({ QueueUrl, MessageBody: `x${character}` }));
    // The UTF-8 of the wire makes a replacement character of half a surrogate pair: then the SDK's digest fails.
    if (character === "\ud800") await expect(sent).rejects.toThrow();
    else await expect(sent).rejects.toBeInstanceOf(InvalidMessageContents);
  });

  test("of 1 MiB are taken", async () => {
    await aws.send(QueueUrl, "x".repeat(1_048_576));
    expect((await aws.receive(QueueUrl))[0]?.body).toHaveLength(1_048_576);
  });
});

const text = (StringValue: string) => ({ DataType: "String", StringValue });

describe("batches", () => {
  const entry = (Id: string, MessageBody = "x") => ({ Id, MessageBody });
  const sendBatch = (Entries: { Id: string; MessageBody: string; DelaySeconds?: number }[]) =>
    aws.client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));

  test("tell for each entry whether it was taken", async () => {
    const { Successful, Failed } = await sendBatch([entry("a"), { ...entry("b"), DelaySeconds: 901 }, entry("c", "")]);
    expect(Successful?.map(({ Id }) => Id)).toEqual(["a"]);
    expect(Failed).toEqual([
      {
        Id: "b",
        SenderFault: true,
        Code: "InvalidParameterValue",
        Message: "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
      },
      {
        Id: "c",
        SenderFault: true,
        Code: "MissingParameter",
        Message: "The request must contain the parameter MessageBody.",
      },
    ]);
    expect(await aws.receive(QueueUrl)).toHaveLength(1);
  });

  test("are refused as a whole when they are empty, too many, too long, or not told apart", async () => {
    const eleven = Array.from("abcdefghijk", (id) => entry(id));
    await expect(sendBatch([])).rejects.toBeInstanceOf(EmptyBatchRequest);
    await expect(sendBatch(eleven)).rejects.toBeInstanceOf(TooManyEntriesInBatchRequest);
    await expect(sendBatch([entry("a"), entry("a")])).rejects.toBeInstanceOf(BatchEntryIdsNotDistinct);
    await expect(sendBatch([entry("a:b")])).rejects.toBeInstanceOf(InvalidBatchEntryId);
    const long = sendBatch([entry("a", "x".repeat(600_000)), entry("b", "x".repeat(448_577))]);
    await expect(long).rejects.toBeInstanceOf(BatchRequestTooLong);
    await expect(long).rejects.toThrow(
      "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    );
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });

  test("delete what they can", async () => {
    await sendBatch([entry("a"), entry("b")]);
    const [one, two] = await aws.receive(QueueUrl);
    const { Successful, Failed } = await aws.client.send(
      new DeleteMessageBatchCommand({
        QueueUrl,
        Entries: [
          { Id: "1", ReceiptHandle: one?.handle },
          { Id: "2", ReceiptHandle: "garbage" },
          { Id: "3", ReceiptHandle: two?.handle },
        ],
      }),
    );
    expect(Successful?.map(({ Id }) => Id)).toEqual(["1", "3"]);
    expect(Failed).toMatchObject([{ Id: "2", Code: "ReceiptHandleIsInvalid", SenderFault: true }]);
    expect(await counts()).toEqual(["0", "0", "0"]);
  });
});

describe("receipt handles", () => {
  test("that this queue never gave are invalid", async () => {
    await aws.send(await aws.create("other"), "hello");
    const [foreign] = await aws.receive(QueueUrl.replace("work", "other"));
    for (const ReceiptHandle of ["garbage", foreign?.handle]) {
      const deleted = aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      await expect(deleted).rejects.toBeInstanceOf(ReceiptHandleIsInvalid);
    }
    await expect(
      aws.client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: "garbage", VisibilityTimeout: 1 })),
    ).rejects.toThrow('The input receipt handle "garbage" is not a valid receipt handle.');
  });

  test("delete a message once; again is no error", async () => {
    await aws.send(QueueUrl, "hello");
    const [received] = await aws.receive(QueueUrl);
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received?.handle }));
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received?.handle }));
    await aws.clock.advance(31_000);
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });
});

test.each([
  [
    { MaxNumberOfMessages: 11 },
    "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
  ],
  [
    { WaitTimeSeconds: 21 },
    "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
  ],
  [{ VisibilityTimeout: 43_201 }, "VisibilityTimeout must be an integer between 0 and 43200."],
])("a receive with %j is refused", async (input, message) => {
  await expect(aws.receive(QueueUrl, input)).rejects.toThrow(message);
});

test("listeners are told of each message that was sent, with its attributes of text and number", async () => {
  const sent: unknown[] = [];
  aws.sqs.onSent((message) => sent.push(message));
  const MessageAttributes = {
    a: text("1"),
    n: { DataType: "Number", StringValue: "2" },
    b: { DataType: "Binary", BinaryValue: new Uint8Array([1]) },
  };
  const messageId = await aws.send(QueueUrl, "hello", { MessageAttributes });
  await aws.send(QueueUrl, "").catch(() => {});
  expect(sent).toEqual([{ queueName: "work", messageId, body: "hello", attributes: { a: "1", n: "2" } }]);
});

test("the trace of a call goes on in its messages, but for those that name their own", async () => {
  const own = { AWSTraceHeader: { DataType: "String" as const, StringValue: "Root=own" } };
  const command = new SendMessageBatchCommand({
    QueueUrl,
    Entries: [
      { Id: "0", MessageBody: "none" },
      { Id: "1", MessageBody: "own", MessageSystemAttributes: own },
    ],
  });
  command.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, { "X-Amzn-Trace-Id": "Root=call" });
      return next(args);
    },
    { step: "build" },
  );
  await aws.client.send(command);
  const received = await aws.receive(QueueUrl);
  const traces = received.map(({ body, attributes }) => [body, attributes.AWSTraceHeader]).sort();
  expect(traces).toEqual([
    ["none", "Root=call"],
    ["own", "Root=own"],
  ]);
});
