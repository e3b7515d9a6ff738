import { DeleteMessageCommand, DeleteQueueCommand, SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bodies, type SqsFixture, startSqs } from "./fixture.ts";

let aws: SqsFixture;

beforeEach(async () => {
  aws = await startSqs();
});

afterEach(() => aws.close());

const arn = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`;
const redriveTo = (name: string, maxReceiveCount: number, attributes: Record<string, string> = {}) => ({
  VisibilityTimeout: "1",
  RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn(name), maxReceiveCount }),
  ...attributes,
});

describe("a message that was received as often as it may be", () => {
  test("moves to the dead-letter queue at the next receive, with all that it carries", async () => {
    const dead = await aws.create("dead");
    const work = await aws.create("work", redriveTo("dead", 2));
    const MessageSystemAttributes = { AWSTraceHeader: { DataType: "String" as const, StringValue: "Root=1" } };
    const MessageAttributes = { a: { DataType: "String", StringValue: "1" } };
    const id = await aws.send(work, "hello", { MessageAttributes, MessageSystemAttributes });
    const sentAt = String(aws.clock.now());
    for (let index = 0; index < 2; index++) {
      expect(await aws.receive(work)).toHaveLength(1);
      await aws.clock.advance(1_000);
    }
    expect(await aws.receive(dead)).toEqual([]);
    expect(await aws.receive(work)).toEqual([]);
    const [letter] = await aws.receive(dead, { MessageAttributeNames: ["All"] });
    expect(letter).toMatchObject({
      id,
      body: "hello",
      attributes: {
        ApproximateReceiveCount: "3",
        SentTimestamp: sentAt,
        DeadLetterQueueSourceArn: arn("work"),
        AWSTraceHeader: "Root=1",
      },
    });
    await aws.client.send(new DeleteMessageCommand({ QueueUrl: dead, ReceiptHandle: letter?.handle }));
    await aws.clock.advance(60_000);
    expect([...(await aws.receive(work)), ...(await aws.receive(dead))]).toEqual([]);
  });

  test("wakes those who wait at the dead-letter queue", async () => {
    await aws.create("dead");
    const work = await aws.create("work", redriveTo("dead", 1));
    await aws.send(work, "hello");
    await aws.receive(work);
    await aws.clock.advance(1_000);
    const poll = aws.sqs.source("dead").receive({ max: 1, waitMs: 20_000 });
    await aws.receive(work);
    expect(bodies(await poll)).toEqual(["hello"]);
  });

  test("keeps the age that counts for retention in a standard queue, and begins anew in a FIFO queue", async () => {
    for (const [suffix, kept] of [
      ["", []],
      [".fifo", ["hello"]],
    ] as const) {
      const dead = await aws.create(`dead${suffix}`, { MessageRetentionPeriod: "60" });
      const work = await aws.create(`work${suffix}`, redriveTo(`dead${suffix}`, 1));
      await aws.send(work, "hello", suffix ? { MessageGroupId: "g", MessageDeduplicationId: "d" } : {});
      await aws.receive(work);
      await aws.clock.advance(59_000);
      await aws.receive(work);
      await aws.clock.advance(1_000);
      expect(bodies(await aws.receive(dead))).toEqual(kept);
    }
  });

  test("lets those behind it in its group go on", async () => {
    const dead = await aws.create("dead.fifo");
    const work = await aws.create("work.fifo", redriveTo("dead.fifo", 1));
    for (const id of ["1", "2"]) await aws.send(work, id, { MessageGroupId: "g", MessageDeduplicationId: id });
    await aws.receive(work, { MaxNumberOfMessages: 1 });
    await aws.clock.advance(1_000);
    expect(bodies(await aws.receive(work))).toEqual(["2"]);
    expect(bodies(await aws.receive(dead))).toEqual(["1"]);
  });

  test("stays and is received on when the dead-letter queue is gone", async () => {
    const dead = await aws.create("dead");
    const work = await aws.create("work", redriveTo("dead", 1));
    await aws.client.send(new DeleteQueueCommand({ QueueUrl: dead }));
    await aws.send(work, "hello");
    for (const count of ["1", "2", "3"]) {
      expect((await aws.receive(work))[0]?.attributes.ApproximateReceiveCount).toBe(count);
      await aws.clock.advance(1_000);
    }
  });

  test("goes round between two queues that are each other's dead-letter queue only as it is received", async () => {
    const one = await aws.create("one");
    const two = await aws.create("two", redriveTo("one", 1));
    await aws.client.send(new SetQueueAttributesCommand({ QueueUrl: one, Attributes: redriveTo("two", 1) }));
    await aws.send(one, "hello");
    for (const url of [one, two, one]) {
      expect(bodies(await aws.receive(url))).toEqual(["hello"]);
      await aws.clock.advance(1_000);
      expect(await aws.receive(url)).toEqual([]);
    }
  });
});
