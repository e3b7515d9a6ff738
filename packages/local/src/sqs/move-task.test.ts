import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CancelMessageMoveTaskCommand,
  DeleteQueueCommand,
  ListMessageMoveTasksCommand,
  type ListMessageMoveTasksResultEntry,
  StartMessageMoveTaskCommand,
  type StartMessageMoveTaskCommandInput,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bodies, type SqsFixture, startSqs } from "./fixture.ts";

let aws: SqsFixture;
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sqs-move-"));
  aws = await startSqs({ dir });
});

afterEach(async () => {
  await aws.close();
  await rm(dir, { recursive: true });
});

const arn = (name: string): string => `arn:aws:sqs:us-east-1:000000000000:${name}`;
const SourceArn = arn("dead");

/** Queues `dead` and `work`, and messages that `work` gave up. */
async function deadLetters(count: number, suffix = ""): Promise<{ dead: string; work: string }> {
  const dead = await aws.create(`dead${suffix}`);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn(`dead${suffix}`), maxReceiveCount: 1 });
  const work = await aws.create(`work${suffix}`, { RedrivePolicy, VisibilityTimeout: "0" });
  for (let sent = 0; sent < count; sent++) {
    await aws.send(work, `message-${sent}`);
  }
  while ((await aws.receive(work)).length > 0);
  return { dead, work };
}

const start = async (input: Partial<StartMessageMoveTaskCommandInput> = {}): Promise<string> =>
  (await aws.client.send(new StartMessageMoveTaskCommand({ SourceArn, ...input }))).TaskHandle ?? "";
const cancel = (TaskHandle: string) => aws.client.send(new CancelMessageMoveTaskCommand({ TaskHandle }));

async function list(source = SourceArn, MaxResults = 10): Promise<ListMessageMoveTasksResultEntry[]> {
  const command = new ListMessageMoveTasksCommand({ SourceArn: source, MaxResults });
  return (await aws.client.send(command)).Results ?? [];
}

/** Tasks without a rate need no time, but turns of the event loop. */
async function ended(source = SourceArn): Promise<ListMessageMoveTasksResultEntry> {
  for (;;) {
    const [task] = await list(source);
    if (task && task.Status !== "RUNNING") return task;
  }
}

describe("a move task", () => {
  test("brings messages back to the queue that gave them up, as new ones", async () => {
    const { dead, work } = await deadLetters(25);
    await aws.clock.advance(60_000);
    const startedMs = aws.clock.now();
    await start();
    expect(await ended()).toEqual({
      SourceArn,
      Status: "COMPLETED",
      ApproximateNumberOfMessagesMoved: 25,
      ApproximateNumberOfMessagesToMove: 25,
      StartedTimestamp: startedMs,
    });
    expect(await aws.receive(dead)).toEqual([]);
    const received = await aws.receive(work, { VisibilityTimeout: 30 });
    expect(received).toHaveLength(10);
    expect(received[0]?.attributes).toEqual({
      SenderId: expect.any(String),
      SentTimestamp: String(startedMs),
      ApproximateReceiveCount: "1",
      ApproximateFirstReceiveTimestamp: String(startedMs),
    });
  });

  test("brings them to another queue when it is told to", async () => {
    const { work } = await deadLetters(2);
    const other = await aws.create("other");
    await start({ DestinationArn: arn("other") });
    expect(await ended()).toMatchObject({ DestinationArn: arn("other"), Status: "COMPLETED" });
    expect(bodies(await aws.receive(other)).sort()).toEqual(["message-0", "message-1"]);
    expect(await aws.receive(work)).toEqual([]);
  });

  test("keeps the order of a FIFO queue's groups", async () => {
    const { dead, work } = await deadLetters(0, ".fifo");
    for (const body of ["a", "b", "c"]) {
      await aws.send(dead, body, { MessageGroupId: "g", MessageDeduplicationId: body });
    }
    await start({ SourceArn: arn("dead.fifo"), DestinationArn: arn("work.fifo") });
    await ended(arn("dead.fifo"));
    const received = await aws.receive(work, { VisibilityTimeout: 30 });
    expect(bodies(received)).toEqual(["a", "b", "c"]);
    const numbers = received.map(({ attributes }) => attributes.SequenceNumber ?? "");
    expect(numbers).toEqual([...numbers].sort());
    expect(new Set(numbers).size).toBe(3);
  });

  test("moves no more in a second than it may", async () => {
    await deadLetters(4);
    await start({ MaxNumberOfMessagesPerSecond: 2 });
    const moved = async () => (await list())[0]?.ApproximateNumberOfMessagesMoved;
    expect(await moved()).toBe(1);
    await aws.clock.advance(500);
    expect(await moved()).toBe(2);
    await aws.clock.advance(999);
    expect(await moved()).toBe(3);
    await aws.clock.advance(1);
    expect((await list())[0]).toMatchObject({ Status: "COMPLETED", ApproximateNumberOfMessagesMoved: 4 });
  });

  test("goes on after a restart", async () => {
    const { work } = await deadLetters(3);
    await start({ MaxNumberOfMessagesPerSecond: 1 });
    const before = await list();
    expect(before).toMatchObject([{ Status: "RUNNING", ApproximateNumberOfMessagesMoved: 1 }]);
    await aws.close();
    aws = await startSqs({ dir, clock: aws.clock });
    expect(await list()).toEqual(before);
    await aws.clock.advance(2_000);
    expect(await list()).toMatchObject([{ Status: "COMPLETED", ApproximateNumberOfMessagesMoved: 3 }]);
    expect(await aws.receive(work.replace(/^.*:\d+/, "http://127.0.0.1"))).toHaveLength(3);
  });

  test("that is cancelled moves no more", async () => {
    const { dead } = await deadLetters(3);
    const handle = await start({ MaxNumberOfMessagesPerSecond: 1 });
    expect((await list())[0]?.TaskHandle).toBe(handle);
    expect((await cancel(handle)).ApproximateNumberOfMessagesMoved).toBe(1);
    await aws.clock.advance(10_000);
    const [task] = await list();
    expect(task).toMatchObject({ Status: "CANCELLED", ApproximateNumberOfMessagesMoved: 1 });
    expect(task?.TaskHandle).toBeUndefined();
    expect(await aws.receive(dead)).toHaveLength(2);
    await expect(cancel(handle)).rejects.toMatchObject({ name: "UnsupportedOperation" });
  });

  test("fails when its destination is deleted, and leaves the others where they are", async () => {
    const { dead } = await deadLetters(3);
    const QueueUrl = await aws.create("other");
    await start({ DestinationArn: arn("other"), MaxNumberOfMessagesPerSecond: 1 });
    await aws.client.send(new DeleteQueueCommand({ QueueUrl }));
    await aws.clock.advance(1_000);
    const FailureReason = "AWS.SimpleQueueService.NonExistentQueue";
    expect(await list()).toMatchObject([{ Status: "FAILED", FailureReason, ApproximateNumberOfMessagesMoved: 1 }]);
    expect(await aws.receive(dead)).toHaveLength(2);
  });

  test("fails for a message that no queue gave up, unless it is told where to", async () => {
    const { dead } = await deadLetters(0);
    await aws.send(dead, "sent here");
    await start();
    expect(await ended()).toMatchObject({ Status: "FAILED", FailureReason: "CouldNotDetermineMessageSource" });
    await start({ DestinationArn: arn("work") });
    expect(await ended()).toMatchObject({ Status: "COMPLETED", ApproximateNumberOfMessagesMoved: 1 });
  });

  test("is listed with the ten latest, the latest first and alone unless more are asked for", async () => {
    await deadLetters(0);
    for (let count = 0; count < 11; count++) {
      await start();
      await aws.clock.advance(1);
    }
    const times = (await list()).map(({ StartedTimestamp }) => StartedTimestamp);
    expect(times).toEqual(Array.from({ length: 10 }, (_, index) => aws.clock.now() - 1 - index));
    expect((await aws.client.send(new ListMessageMoveTasksCommand({ SourceArn }))).Results).toHaveLength(1);
  });
});

describe("AWS's refusals", () => {
  const encoded = (taskId: string, sourceArn: string) =>
    Buffer.from(JSON.stringify({ taskId, sourceArn })).toString("base64");
  const notThere = (parameter: string) =>
    `The resource that you specified for the ${parameter} parameter doesn't exist.`;

  test.each([
    ["a source that is no queue", { SourceArn: arn("none") }, 404, notThere("SourceArn")],
    [
      "a source that is no dead-letter queue",
      { SourceArn: arn("work") },
      400,
      "Source queue must be configured as a Dead Letter Queue.",
    ],
    ["a destination that is no queue", { DestinationArn: arn("none") }, 404, notThere("DestinationArn")],
    ["a rate above 500", { MaxNumberOfMessagesPerSecond: 501 }, 400, "Must be between 1 and 500"],
    ["a destination of another type", { DestinationArn: arn("other.fifo") }, 400, "of the same type"],
  ])("of %s", async (_, input, httpStatusCode, message) => {
    await deadLetters(1);
    await aws.create("other.fifo");
    const refused = start(input);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ $metadata: { httpStatusCode } });
  });

  test("of a second task while one runs", async () => {
    await deadLetters(2);
    const both = await Promise.allSettled([1, 2].map(() => start({ MaxNumberOfMessagesPerSecond: 1 })));
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(start()).rejects.toThrow(
      "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    );
  });

  test.each([
    ["no handle", "foobared", "Value for parameter TaskHandle is invalid."],
    ["the handle of a queue that is not there", encoded("id", arn("none")), notThere("SourceArn")],
    ["the handle of a task that is not there", encoded("id", SourceArn), "Task does not exist."],
  ])("of cancelling by %s", async (_, handle, message) => {
    await deadLetters(0);
    await expect(cancel(handle)).rejects.toThrow(message);
  });
});
