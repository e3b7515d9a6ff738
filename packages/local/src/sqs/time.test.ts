import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type VirtualClock, virtualClock } from "../clock.ts";
import { bodies, type SqsFixture, startSqs } from "./fixture.ts";
import type { MessageSource } from "./message-source.ts";

let aws: SqsFixture;
let QueueUrl: string;
let source: MessageSource;

beforeEach(async () => {
  aws = await startSqs();
  QueueUrl = await aws.create("work", { VisibilityTimeout: "30", MessageRetentionPeriod: "3600" });
  source = aws.sqs.source("work");
});

afterEach(() => aws.close());

/** When the first timer runs, the time is a millisecond behind for so many looks, as it can be with setTimeout. */
function hastyClock(looks: number): VirtualClock {
  const clock = virtualClock(Date.UTC(2030, 0, 1));
  let left = looks;
  let early = 0;
  return {
    now: () => clock.now() - (early-- > 0 ? 1 : 0),
    at: (timeMs, run) =>
      clock.at(timeMs, () => {
        early = left;
        left = 0;
        run();
        early = 0;
      }),
    advance: (milliseconds) => clock.advance(milliseconds),
  };
}

const change = (handle: string | undefined, VisibilityTimeout: number) =>
  aws.client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: handle, VisibilityTimeout }));
const setAttributes = (Attributes: Record<string, string>) =>
  aws.client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
const counts = async () => {
  const { Attributes } = await aws.client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
  return {
    visible: Attributes?.ApproximateNumberOfMessages,
    inFlight: Attributes?.ApproximateNumberOfMessagesNotVisible,
    delayed: Attributes?.ApproximateNumberOfMessagesDelayed,
  };
};

describe("visibility", () => {
  test("a received message is in flight until its timeout, then it is received again under a new handle", async () => {
    await aws.send(QueueUrl, "hello");
    const [first] = await aws.receive(QueueUrl);
    expect(await counts()).toEqual({ visible: "0", inFlight: "1", delayed: "0" });
    await aws.clock.advance(29_999);
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await aws.clock.advance(1);
    const [second] = await aws.receive(QueueUrl);
    expect(second?.handle).not.toBe(first?.handle);
    expect(second?.attributes).toMatchObject({
      ApproximateReceiveCount: "2",
      ApproximateFirstReceiveTimestamp: first?.attributes.ApproximateFirstReceiveTimestamp,
    });
  });

  test("a receive may set another timeout, also none", async () => {
    await aws.send(QueueUrl, "hello");
    expect(await aws.receive(QueueUrl, { VisibilityTimeout: 0 })).toHaveLength(1);
    expect(await aws.receive(QueueUrl, { VisibilityTimeout: 5 })).toHaveLength(1);
    await aws.clock.advance(5_000);
    expect(await aws.receive(QueueUrl)).toHaveLength(1);
  });

  test("can be changed to sooner, to later and to now", async () => {
    await aws.send(QueueUrl, "hello");
    const [sooner] = await aws.receive(QueueUrl);
    await change(sooner?.handle, 3);
    await aws.clock.advance(3_000);
    const [later] = await aws.receive(QueueUrl);
    await change(later?.handle, 100);
    await aws.clock.advance(99_999);
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await change(later?.handle, 0);
    expect(await aws.receive(QueueUrl)).toHaveLength(1);
  });

  test("can be changed for many messages at once", async () => {
    await aws.send(QueueUrl, "a");
    await aws.send(QueueUrl, "b");
    const received = await aws.receive(QueueUrl);
    const Entries = received.map(({ handle }, index) => ({
      Id: `${index}`,
      ReceiptHandle: handle,
      VisibilityTimeout: index * 10,
    }));
    await aws.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["a"]);
    await aws.clock.advance(10_000);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["b"]);
  });

  test("is not changed when the message is visible again already", async () => {
    await aws.send(QueueUrl, "hello");
    const [received] = await aws.receive(QueueUrl);
    await aws.clock.advance(30_000);
    await change(received?.handle, 600);
    expect(await aws.receive(QueueUrl)).toHaveLength(1);
  });

  test("cannot be changed for a message that was deleted, nor beyond 12 hours in all", async () => {
    await aws.send(QueueUrl, "hello");
    const [received] = await aws.receive(QueueUrl);
    await aws.clock.advance(1_000);
    await expect(change(received?.handle, 43_200)).rejects.toThrow(
      "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
    );
    await change(received?.handle, 43_199);
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received?.handle }));
    await expect(change(received?.handle, 1)).rejects.toMatchObject({
      name: "InvalidParameterValue",
      message: expect.stringContaining("Message does not exist or is not available for visibility timeout change."),
    });
  });

  test("a message of a standard queue can be deleted when its timeout has passed", async () => {
    await aws.send(QueueUrl, "hello");
    const [received] = await aws.receive(QueueUrl);
    await aws.clock.advance(31_000);
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received?.handle }));
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });
});

describe("delay", () => {
  test("of a message, and of the queue where the message says none", async () => {
    await setAttributes({ DelaySeconds: "20" });
    await aws.send(QueueUrl, "queue's");
    await aws.send(QueueUrl, "own", { DelaySeconds: 5 });
    await aws.send(QueueUrl, "now", { DelaySeconds: 0 });
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["now"]);
    expect(await counts()).toEqual({ visible: "0", inFlight: "1", delayed: "2" });
    await aws.clock.advance(5_000);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["own"]);
    await aws.clock.advance(15_000);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["queue's"]);
  });
});

describe("retention", () => {
  test("drops messages, in flight or not, and does not bring them back", async () => {
    await aws.send(QueueUrl, "old");
    await aws.clock.advance(1_000);
    await aws.send(QueueUrl, "in flight");
    await aws.clock.advance(3_598_000);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["old", "in flight"]);
    await aws.clock.advance(1_000);
    expect(await counts()).toEqual({ visible: "0", inFlight: "1", delayed: "0" });
    await aws.clock.advance(1_000);
    expect(await counts()).toEqual({ visible: "0", inFlight: "0", delayed: "0" });
    await setAttributes({ MessageRetentionPeriod: "86400" });
    await aws.clock.advance(60_000);
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });

  test("counts anew when it is shortened", async () => {
    await aws.send(QueueUrl, "old");
    await aws.clock.advance(100_000);
    await setAttributes({ MessageRetentionPeriod: "60" });
    expect(await aws.receive(QueueUrl)).toEqual([]);
  });
});

describe("a long poll", () => {
  test("ends empty when its time is up", async () => {
    const poll = source.receive({ max: 1, waitMs: 20_000 });
    const ended = poll.then(() => aws.clock.now());
    const startMs = aws.clock.now();
    await aws.clock.advance(30_000);
    expect(await ended).toBe(startMs + 20_000);
    expect(await poll).toEqual([]);
  });

  test("wakes at once for a whole batch", async () => {
    const poll = source.receive({ max: 10, waitMs: 20_000 });
    const Entries = Array.from("abcde", (Id) => ({ Id, MessageBody: Id }));
    await aws.client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    expect(bodies(await poll)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("over the wire wakes at once", async () => {
    const startMs = performance.now();
    const poll = aws.receive(QueueUrl, { WaitTimeSeconds: 20 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await aws.send(QueueUrl, "hello");
    expect(bodies(await poll)).toEqual(["hello"]);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test.each([1, 2, 3, 4, 5])(
    "wakes when its timer runs a moment early, and the time comes after look %i",
    async (looks) => {
      const hasty = await startSqs({ clock: hastyClock(looks) });
      const url = await hasty.create("work");
      await hasty.send(url, "hello", { DelaySeconds: 7 });
      const startMs = hasty.clock.now();
      const poll = hasty.sqs.source("work").receive({ max: 1, waitMs: 20_000 });
      const wokenMs = poll.then(() => hasty.clock.now() - startMs);
      await hasty.clock.advance(30_000);
      expect(bodies(await poll)).toEqual(["hello"]);
      expect(await wokenMs).toBe(7_000);
      await hasty.close();
    },
  );

  test("wakes when a delay, a visibility timeout or a change of it ends", async () => {
    const wakes: [string[], number][] = [];
    const startMs = aws.clock.now();
    const poll = async (): Promise<string> => {
      const [message] = await source.receive({ max: 1, waitMs: 60_000 });
      wakes.push([message ? [message.body] : [], aws.clock.now() - startMs]);
      return message?.receiptHandle ?? "";
    };
    await aws.send(QueueUrl, "hello", { DelaySeconds: 7 });
    const delayed = poll();
    await aws.clock.advance(7_000);
    await delayed;
    const timedOut = poll();
    await aws.clock.advance(30_000);
    const handle = await timedOut;
    const changed = poll();
    await change(handle, 2);
    await aws.clock.advance(2_000);
    await changed;
    expect(wakes).toEqual([
      [["hello"], 7_000],
      [["hello"], 37_000],
      [["hello"], 39_000],
    ]);
  });

  test("is served in the order of asking, each with its own messages", async () => {
    const polls = Array.from("abc", () => source.receive({ max: 1, waitMs: 20_000 }));
    for (const body of ["1", "2", "3"]) await aws.send(QueueUrl, body);
    expect((await Promise.all(polls)).map(bodies)).toEqual([["1"], ["2"], ["3"]]);
  });

  test("that is aborted takes nothing", async () => {
    const controller = new AbortController();
    const poll = source.receive({ max: 1, waitMs: 20_000, signal: controller.signal });
    controller.abort();
    expect(await poll).toEqual([]);
    await aws.send(QueueUrl, "hello");
    expect(await aws.receive(QueueUrl)).toHaveLength(1);
    expect(await source.receive({ max: 1, waitMs: 20_000, signal: controller.signal })).toEqual([]);
  });

  test("uses the queue's own waiting time when the receive says none", async () => {
    await setAttributes({ ReceiveMessageWaitTimeSeconds: "20" });
    const poll = aws.receive(QueueUrl);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await aws.send(QueueUrl, "hello");
    expect(bodies(await poll)).toEqual(["hello"]);
  });

  test("ends when its queue is deleted or SQS closes", async () => {
    const deleted = source.receive({ max: 1, waitMs: 20_000 });
    await aws.client.send(new DeleteQueueCommand({ QueueUrl }));
    expect(await deleted).toEqual([]);
    await expect(source.receive({ max: 1, waitMs: 0 })).rejects.toThrow("The specified queue does not exist.");
    await aws.clock.advance(60_000);
    await aws.create("work");
    const closed = source.receive({ max: 1, waitMs: 20_000 });
    await aws.sqs.close();
    expect(await closed).toEqual([]);
  });
});

describe("a message source", () => {
  test("takes any number of messages, and shows them as a receiver sees them", async () => {
    const MessageAttributes = {
      a: { DataType: "String", StringValue: "1" },
      b: { DataType: "Binary", BinaryValue: new Uint8Array([1, 2]) },
    };
    const messageId = await aws.send(QueueUrl, "0", { MessageAttributes });
    for (let index = 1; index < 25; index++) await aws.send(QueueUrl, `${index}`);
    const messages = await source.receive({ max: 25, waitMs: 0 });
    expect(bodies(messages)).toEqual(Array.from({ length: 25 }, (_, index) => `${index}`));
    expect(source.queueArn).toBe("arn:aws:sqs:us-east-1:000000000000:work");
    expect(messages[0]).toEqual({
      messageId,
      receiptHandle: expect.any(String),
      body: "0",
      md5OfBody: "cfcd208495d565ef66e7dff9f98764da",
      md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
      attributes: {
        SenderId: expect.any(String),
        SentTimestamp: String(aws.clock.now()),
        ApproximateReceiveCount: "1",
        ApproximateFirstReceiveTimestamp: String(aws.clock.now()),
      },
      messageAttributes: {
        a: { dataType: "String", stringValue: "1" },
        b: { dataType: "Binary", binaryValue: "AQI=" },
      },
    });
    expect(messages[1]).not.toHaveProperty("md5OfMessageAttributes");
  });

  test("deletes by the handles of either way, and all but the bad one", async () => {
    for (const body of ["a", "b", "c"]) await aws.send(QueueUrl, body);
    const [wire] = await aws.receive(QueueUrl, { MaxNumberOfMessages: 1 });
    const handles = (await source.receive({ max: 10, waitMs: 0 })).map(({ receiptHandle }) => receiptHandle);
    await expect(source.delete(["garbage", wire?.handle ?? "", ...handles])).rejects.toThrow(
      "not a valid receipt handle",
    );
    expect(await counts()).toEqual({ visible: "0", inFlight: "0", delayed: "0" });
  });
});
