import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bodies, type Received, type SqsFixture, startSqs } from "./fixture.ts";

let aws: SqsFixture;
let QueueUrl: string;

beforeEach(async () => {
  aws = await startSqs();
  QueueUrl = await aws.create("work.fifo", { VisibilityTimeout: "30" });
});

afterEach(() => aws.close());

let lastId = 0;
const send = (MessageGroupId: string, body: string, MessageDeduplicationId = `${lastId++}`): Promise<string> =>
  aws.send(QueueUrl, body, { MessageGroupId, MessageDeduplicationId });
const remove = (message: Received | undefined) =>
  aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.handle }));
const change = (message: Received | undefined, VisibilityTimeout: number) =>
  aws.client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: message?.handle, VisibilityTimeout }));

describe("groups", () => {
  test("keep their order, and one receive takes several messages of a group", async () => {
    for (const body of ["a1", "b1", "a2", "a3", "b2"]) await send(body.slice(0, 1), body);
    expect(bodies(await aws.receive(QueueUrl, { MaxNumberOfMessages: 4 }))).toEqual(["a1", "a2", "a3", "b1"]);
  });

  test("wait behind a message in flight; other groups do not", async () => {
    for (const body of ["a1", "a2", "b1"]) await send(body.slice(0, 1), body);
    const [first] = await aws.receive(QueueUrl, { MaxNumberOfMessages: 1 });
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["b1"]);
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await remove(first);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["a2"]);
  });

  test("give back what has become visible again before what stands behind it", async () => {
    for (const body of ["a1", "a2", "a3"]) await send("a", body);
    const [first, second] = await aws.receive(QueueUrl);
    await change(first, 0);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["a1"]);
    await change(second, 0);
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await aws.clock.advance(30_000);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["a1", "a2", "a3"]);
  });

  test("take turns", async () => {
    for (const body of ["a1", "a2", "b1", "b2"]) await send(body.slice(0, 1), body);
    const order: string[] = [];
    for (let index = 0; index < 4; index++) {
      const [message] = await aws.receive(QueueUrl, { MaxNumberOfMessages: 1 });
      order.push(message?.body ?? "");
      await remove(message);
    }
    expect(order).toEqual(["a1", "b1", "a2", "b2"]);
  });

  test("wake a long poll when the message that held them up is deleted", async () => {
    await send("a", "a1");
    await send("a", "a2");
    const [first] = await aws.receive(QueueUrl, { MaxNumberOfMessages: 1 });
    const poll = aws.sqs.source("work.fifo").receive({ max: 10, waitMs: 20_000 });
    await remove(first);
    expect(bodies(await poll)).toEqual(["a2"]);
  });

  test("are delayed by the queue alone", async () => {
    await aws.client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { DelaySeconds: "10" } }));
    await aws.send(QueueUrl, "a", { MessageGroupId: "a", MessageDeduplicationId: "a", DelaySeconds: 0 });
    await expect(
      aws.send(QueueUrl, "a", { MessageGroupId: "a", MessageDeduplicationId: "b", DelaySeconds: 1 }),
    ).rejects.toThrow("The request include parameter that is not valid for this queue type.");
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await aws.clock.advance(10_000);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["a"]);
  });
});

describe("a message", () => {
  test("has its group, its deduplication id and a growing sequence number", async () => {
    const input = { QueueUrl, MessageBody: "x", MessageGroupId: "g" };
    const one = await aws.client.send(new SendMessageCommand({ ...input, MessageDeduplicationId: "1" }));
    const two = await aws.client.send(new SendMessageCommand({ ...input, MessageDeduplicationId: "2" }));
    expect(one.SequenceNumber).toMatch(/^\d{20}$/);
    expect(BigInt(two.SequenceNumber ?? 0)).toBeGreaterThan(BigInt(one.SequenceNumber ?? 0));
    expect((await aws.receive(QueueUrl))[0]?.attributes).toMatchObject({
      MessageGroupId: "g",
      MessageDeduplicationId: "1",
      SequenceNumber: one.SequenceNumber,
    });
  });

  test("needs a group and a deduplication id", async () => {
    const input = { QueueUrl, MessageBody: "x" };
    await expect(
      aws.client.send(new SendMessageCommand({ ...input, MessageDeduplicationId: "1" })),
    ).rejects.toMatchObject({
      name: "MissingParameter",
      message: "The request must contain the parameter MessageGroupId.",
    });
    const noId =
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
    await expect(aws.client.send(new SendMessageCommand({ ...input, MessageGroupId: "g" }))).rejects.toThrow(noId);
    const Entries = [
      { Id: "1", MessageBody: "x", MessageGroupId: "g", MessageDeduplicationId: "1" },
      { Id: "2", MessageBody: "x", MessageGroupId: "g" },
    ];
    await expect(aws.client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))).rejects.toThrow(noId);
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });

  test("cannot be deleted or changed under a handle that has expired", async () => {
    await send("a", "a1");
    const [expired] = await aws.receive(QueueUrl);
    await aws.clock.advance(30_000);
    await expect(remove(expired)).rejects.toThrow(
      `Value ${expired?.handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
    );
    await expect(change(expired, 10)).rejects.toThrow("is not available for visibility timeout change.");
    const [current] = await aws.receive(QueueUrl);
    await expect(remove(expired)).rejects.toThrow("The receipt handle has expired.");
    await remove(current);
    await remove(current);
  });
});

describe("deduplication", () => {
  test("drops a message whose id was used in the last five minutes, also when that one is deleted", async () => {
    const first = await send("a", "one", "id");
    const [received] = await aws.receive(QueueUrl);
    await remove(received);
    await aws.clock.advance(299_999);
    expect(await send("b", "two", "id")).toBe(first);
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await aws.clock.advance(1);
    expect(await send("a", "three", "id")).not.toBe(first);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["three"]);
  });

  test("holds among messages that come at once", async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => send("a", "same", "id")));
    expect(new Set(ids).size).toBe(1);
    expect(await aws.receive(QueueUrl)).toHaveLength(1);
  });

  test("goes by the body where the queue says so, and by an id that is given", async () => {
    await aws.client.send(
      new SetQueueAttributesCommand({ QueueUrl, Attributes: { ContentBasedDeduplication: "True" } }),
    );
    const one = await aws.send(QueueUrl, "same", { MessageGroupId: "a" });
    expect(await aws.send(QueueUrl, "same", { MessageGroupId: "b" })).toBe(one);
    expect(await aws.send(QueueUrl, "other", { MessageGroupId: "a" })).not.toBe(one);
    expect(await aws.send(QueueUrl, "same", { MessageGroupId: "a", MessageDeduplicationId: "own" })).not.toBe(one);
  });

  test("can be for each group alone", async () => {
    const Attributes = { DeduplicationScope: "messageGroup" };
    await aws.client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    await aws.clock.advance(60_000); // until the change is everywhere
    const one = await send("a", "one", "id");
    expect(await send("a", "two", "id")).toBe(one);
    expect(await send("b", "three", "id")).not.toBe(one);
  });
});

test("a receive that is tried again under its id gets the same messages, until they become visible", async () => {
  await send("a", "a1");
  await send("a", "a2");
  const attempt = { ReceiveRequestAttemptId: "try" };
  const first = await aws.receive(QueueUrl, { ...attempt, MaxNumberOfMessages: 1 });
  expect(await aws.receive(QueueUrl, attempt)).toEqual(first);
  await remove(first[0]);
  expect(bodies(await aws.receive(QueueUrl, attempt))).toEqual(["a2"]);
});
