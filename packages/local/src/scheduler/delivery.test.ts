import { DeleteScheduleCommand, UpdateScheduleCommand } from "@aws-sdk/client-scheduler";
import type { SendMessageRequest } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "vitest";
import { AwsError } from "../wire/aws-error.ts";
import { create, deadLetterArn, hours, input, minutes, open, queueTarget, type Room, utc } from "./test-room.ts";

describe("a target that fails", () => {
  const target = (retries: number, ageSeconds = 86_400) => ({
    Target: {
      ...queueTarget,
      Input: "attempt <aws.scheduler.attempt-number>",
      DeadLetterConfig: { Arn: deadLetterArn },
      RetryPolicy: { MaximumRetryAttempts: retries, MaximumEventAgeInSeconds: ageSeconds },
    },
  });
  const deadLetters = (room: Room) =>
    room.sent.filter(({ message }) => message.QueueUrl?.endsWith("/undelivered")).map(({ message }) => message);
  const failing = (error: () => Error) => (message: SendMessageRequest) => {
    if (message.QueueUrl?.endsWith("/jobs")) throw error();
  };

  test("is tried again, waiting twice as long each time, until it takes the message", async () => {
    const queue = (_: SendMessageRequest, count: number) => {
      if (count <= 3) throw new Error("The queue is away.");
    };
    const room = await open({ queue });
    await create(room, target(185));
    await room.clock.advance(hours(0.999));
    await room.clock.advance(minutes(1));
    expect(room.sent).toMatchObject([{ at: "2026-11-20T11:00:07", message: { MessageBody: "attempt 4" } }]);
    expect(room.events.map(({ attempt, outcome }) => `${attempt} ${outcome}`)).toEqual([
      "1 retried",
      "2 retried",
      "3 retried",
      "4 delivered",
    ]);
  });

  test("goes to the dead-letter queue after its last retry", async () => {
    const room = await open({ queue: failing(() => new Error("The queue is away.")) });
    await create(room, target(2));
    await room.clock.advance(minutes(61));
    const attribute = (StringValue: unknown) => ({ DataType: "String", StringValue });
    expect(deadLetters(room)).toEqual([
      {
        QueueUrl: "https://sqs.us-east-1.amazonaws.com/000000000000/undelivered",
        MessageBody: "attempt 3",
        MessageAttributes: {
          ERROR_CODE: attribute("Error"),
          ERROR_MESSAGE: attribute("The queue is away."),
          EXECUTION_ID: attribute(expect.stringMatching(/^[0-9a-f]{16}$/)),
          EXHAUSTED_RETRY_CONDITION: attribute("MaximumRetryAttempts"),
          IS_PAYLOAD_TRUNCATED: attribute("false"),
          RETRY_ATTEMPTS: attribute("2"),
          SCHEDULED_TIME: attribute("2026-11-20T11:00:00Z"),
          SCHEDULE_ARN: attribute("arn:aws:scheduler:us-east-1:000000000000:schedule/default/backup"),
          TARGET_ARN: attribute(queueTarget.Arn),
        },
      },
    ]);
    expect(room.events.at(-1)).toMatchObject({ attempt: 3, outcome: "dead-lettered" });
  });

  test("goes to the dead-letter queue when the next retry would come too late", async () => {
    const room = await open({ queue: failing(() => new Error("The queue is away.")) });
    await create(room, target(185, 60));
    await room.clock.advance(minutes(62));
    expect(deadLetters(room)).toMatchObject([
      {
        MessageAttributes: {
          EXHAUSTED_RETRY_CONDITION: { StringValue: "MaximumEventAgeInSeconds" },
          RETRY_ATTEMPTS: { StringValue: "5" },
        },
      },
    ]);
  });

  test("for a reason that no retry mends goes to the dead-letter queue at once", async () => {
    const room = await open({ queue: failing(() => new AwsError("QueueDoesNotExist", "No such queue.")) });
    await create(room, target(185));
    await room.clock.advance(hours(1));
    const [dead] = deadLetters(room);
    expect(dead?.MessageAttributes).toMatchObject({
      ERROR_CODE: { StringValue: "QueueDoesNotExist" },
      RETRY_ATTEMPTS: { StringValue: "0" },
    });
    expect(dead?.MessageAttributes).not.toHaveProperty("EXHAUSTED_RETRY_CONDITION");
  });

  test("leaves a dead letter that is cut when the input has no room in it", async () => {
    const room = await open({ queue: failing(() => new AwsError("QueueDoesNotExist", "No such queue.")) });
    const { Target } = target(0);
    await create(room, { Target: { ...Target, Input: `x${"ä".repeat(131_071)}` } });
    await room.clock.advance(hours(1));
    const [dead] = deadLetters(room);
    expect(dead?.MessageAttributes).toMatchObject({ IS_PAYLOAD_TRUNCATED: { StringValue: "true" } });
    const attributes = Object.entries(dead?.MessageAttributes ?? {});
    const bytes = attributes.reduce(
      (sum, [name, { DataType, StringValue }]) => sum + Buffer.byteLength(`${name}${DataType}${StringValue}`),
      Buffer.byteLength(dead?.MessageBody ?? ""),
    );
    expect(dead?.MessageBody).toMatch(/^xä+$/);
    expect(bytes).toBeGreaterThan(262_140);
    expect(bytes).toBeLessThanOrEqual(262_144);
  });

  test("is not called again once its schedule is deleted or disabled", async () => {
    const room = await open({ queue: failing(() => new Error("The queue is away.")) });
    await create(room, { ...target(185), Name: "deleted" });
    await create(room, { ...target(185), Name: "disabled" });
    await room.clock.advance(minutes(60));
    const before = room.events.length;
    await room.client.send(new DeleteScheduleCommand({ Name: "deleted" }));
    await room.client.send(new UpdateScheduleCommand(input({ ...target(185), Name: "disabled", State: "DISABLED" })));
    await room.clock.advance(hours(30));
    expect(before).toBeGreaterThan(2);
    expect(room.events).toHaveLength(before);
    expect(deadLetters(room)).toEqual([]);
  });

  test("is replaced by an update: the next retry calls the new one", async () => {
    const room = await open({ queue: failing(() => new Error("The queue is away.")) });
    await create(room, target(185));
    await room.clock.advance(minutes(60));
    const Target = { ...target(185).Target, Arn: `${queueTarget.Arn}-2` };
    await room.client.send(new UpdateScheduleCommand(input({ Target })));
    await room.clock.advance(minutes(10));
    expect(room.sent).toMatchObject([{ message: { QueueUrl: expect.stringMatching(/\/jobs-2$/) } }]);
    expect(room.events.at(-1)).toMatchObject({ scheduledTimeMs: utc("2026-11-20T11:00:00"), outcome: "delivered" });
  });

  test("because it is throttled is tried again", async () => {
    const room = await open({ queue: failing(() => new AwsError("RequestThrottled", "Slow down.")) });
    await create(room, target(185));
    await room.clock.advance(minutes(60));
    expect(room.events.slice(0, 2)).toMatchObject([{ outcome: "retried" }, { outcome: "retried" }]);
  });

  test("is dropped without a dead-letter queue, and the schedule goes on", async () => {
    const room = await open({
      queue: () => {
        throw new AwsError("QueueDoesNotExist", "No such queue.");
      },
    });
    await create(room);
    await room.clock.advance(hours(2));
    expect(room.events.map(({ outcome }) => outcome)).toEqual(["dropped", "dropped"]);
  });
});
