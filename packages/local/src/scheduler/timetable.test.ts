import { ListSchedulesCommand, UpdateScheduleCommand } from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import { create, hours, input, minutes, open, queueTarget, roleArn, times, utc } from "./test-room.ts";

describe("runs", () => {
  test("everything falls due in order of time while the clock moves", async () => {
    const room = await open();
    await create(room, { Name: "hourly", Target: { ...queueTarget, Input: "hourly" } });
    await create(room, {
      Name: "often",
      ScheduleExpression: "cron(30 10/2 * * ? *)",
      Target: { ...queueTarget, Input: "often" },
    });
    await create(room, {
      Name: "once",
      ScheduleExpression: "at(2026-11-20T12:15:00)",
      Target: { ...queueTarget, Input: "once" },
    });
    await room.clock.advance(hours(4));
    expect(room.sent.map(({ at, message }) => `${at} ${message.MessageBody}`)).toEqual([
      "2026-11-20T10:30:00 often",
      "2026-11-20T11:00:00 hourly",
      "2026-11-20T12:00:00 hourly",
      "2026-11-20T12:15:00 once",
      "2026-11-20T12:30:00 often",
      "2026-11-20T13:00:00 hourly",
      "2026-11-20T14:00:00 hourly",
    ]);
  });

  test("a universal target sends what its input says, with the run's own values in it", async () => {
    const room = await open();
    const attributes = {
      "beanstalk.sqsd.scheduled_time": { DataType: "String", StringValue: "<aws.scheduler.scheduled-time>" },
      arn: { DataType: "String", StringValue: "<aws.scheduler.schedule-arn>" },
      blob: { DataType: "Binary", BinaryValue: "aGk=" },
    };
    const Input = JSON.stringify({
      QueueUrl: "http://127.0.0.1:1/000000000000/jobs.fifo",
      MessageBody: "attempt <aws.scheduler.attempt-number> of <aws.scheduler.execution-id>",
      MessageAttributes: attributes,
      MessageGroupId: "tasks",
      MessageDeduplicationId: "backup-<aws.scheduler.scheduled-time>",
      DelaySeconds: 5,
    });
    await create(room, { Target: { Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", RoleArn: roleArn, Input } });
    await room.clock.advance(hours(1));
    expect(room.sent).toEqual([
      {
        at: "2026-11-20T11:00:00",
        message: {
          QueueUrl: "http://127.0.0.1:1/000000000000/jobs.fifo",
          MessageBody: expect.stringMatching(/^attempt 1 of [0-9a-f-]{36}$/),
          MessageAttributes: {
            "beanstalk.sqsd.scheduled_time": { DataType: "String", StringValue: "2026-11-20T11:00:00Z" },
            arn: {
              DataType: "String",
              StringValue: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/backup",
            },
            blob: { DataType: "Binary", BinaryValue: Buffer.from("hi") },
          },
          MessageGroupId: "tasks",
          MessageDeduplicationId: "backup-2026-11-20T11:00:00Z",
          DelaySeconds: 5,
        },
      },
    ]);
  });

  test("a queue as a target gets the input as the body, or AWS's notification without one", async () => {
    const room = await open();
    await create(room, {
      Name: "with",
      Target: { ...queueTarget, Input: "plain", SqsParameters: { MessageGroupId: "g" } },
    });
    await create(room, { Name: "without" });
    await room.clock.advance(hours(1));
    const [first, second] = room.sent.map(({ message }) => message);
    expect(first).toEqual({
      QueueUrl: "https://sqs.us-east-1.amazonaws.com/000000000000/jobs",
      MessageBody: "plain",
      MessageGroupId: "g",
    });
    expect(JSON.parse(second?.MessageBody ?? "")).toMatchObject({
      "detail-type": "Scheduled Event",
      source: "aws.scheduler",
      time: "2026-11-20T11:00:00Z",
      resources: ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/without"],
    });
  });

  test("a rate runs at once, then at its distance, or from its start on", async () => {
    const room = await open();
    await create(room, { ScheduleExpression: "rate(20 minutes)" });
    await room.clock.advance(minutes(41));
    expect(times(room)).toEqual(["2026-11-20T10:00:30", "2026-11-20T10:20:30", "2026-11-20T10:40:30"]);
    room.sent.length = 0;
    const StartDate = new Date(utc("2026-11-20T11:00:00"));
    const EndDate = new Date(utc("2026-11-20T11:40:00"));
    await room.client.send(
      new UpdateScheduleCommand(input({ ScheduleExpression: "rate(20 minutes)", StartDate, EndDate })),
    );
    await room.clock.advance(hours(2));
    expect(times(room)).toEqual(["2026-11-20T11:00:00", "2026-11-20T11:20:00", "2026-11-20T11:40:00"]);
  });

  test("a cron runs within its start and end, in its time zone", async () => {
    const room = await open();
    await create(room, {
      ScheduleExpression: "cron(0 9 * * ? *)",
      ScheduleExpressionTimezone: "America/New_York",
      StartDate: new Date(utc("2026-11-21T14:00:00")),
      EndDate: new Date(utc("2026-11-22T14:00:00")),
    });
    await room.clock.advance(hours(24 * 5));
    expect(times(room)).toEqual(["2026-11-21T14:00:00", "2026-11-22T14:00:00"]);
    expect(room.scheduler.nextRun("default", "backup")).toBeUndefined();
  });

  test("a disabled schedule waits until it is enabled", async () => {
    const room = await open();
    await create(room, { State: "DISABLED" });
    expect(room.scheduler.nextRun("default", "backup")).toBeUndefined();
    await room.clock.advance(hours(2));
    expect(room.sent).toEqual([]);
    await room.client.send(new UpdateScheduleCommand(input()));
    expect(room.scheduler.nextRun("default", "backup")).toBe(utc("2026-11-20T13:00:00"));
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T13:00:00"]);
  });

  test("a one-time schedule stays after its run, or is deleted when it asks for that", async () => {
    const room = await open();
    const ScheduleExpression = "at(2026-11-20T10:05:00)";
    await create(room, { Name: "stays", ScheduleExpression });
    await create(room, { Name: "goes", ScheduleExpression, ActionAfterCompletion: "DELETE" });
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T10:05:00", "2026-11-20T10:05:00"]);
    const left = await room.client.send(new ListSchedulesCommand({}));
    expect(left.Schedules?.map(({ Name }) => Name)).toEqual(["stays"]);
  });

  test("a one-time schedule runs within its minute, and never when that is over", async () => {
    const room = await open();
    await create(room, { Name: "just", ScheduleExpression: "at(2026-11-20T10:00:00)" });
    await create(room, { Name: "over", ScheduleExpression: "at(2026-11-20T09:59:00)" });
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T10:00:30"]);
  });

  test("an update takes the place of what was planned", async () => {
    const room = await open();
    await create(room);
    await room.client.send(new UpdateScheduleCommand(input({ ScheduleExpression: "cron(45 * * * ? *)" })));
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T10:45:00"]);
  });
});
