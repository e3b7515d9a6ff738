import {
  CreateScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
  UpdateScheduleCommand,
} from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import { type Clock, virtualClock } from "../clock.ts";
import { listen } from "../wire/server.ts";
import { openScheduler } from "./service.ts";
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
          MessageBody: expect.stringMatching(/^attempt 1 of [0-9a-f]{16}$/),
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

  test("a one-time schedule that ran is not run again by an update within its minute", async () => {
    const room = await open();
    const once = { ScheduleExpression: "at(2026-11-20T10:00:00)" };
    await create(room, once);
    await room.clock.advance(minutes(0.1));
    await room.client.send(new UpdateScheduleCommand(input({ ...once, Description: "changed" })));
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T10:00:30"]);
  });

  test("a one-time schedule runs again when an update gives it another time", async () => {
    const room = await open();
    await create(room, { ScheduleExpression: "at(2026-11-20T10:05:00)" });
    await room.clock.advance(minutes(30));
    await room.client.send(new UpdateScheduleCommand(input({ ScheduleExpression: "at(2026-11-20T10:45:00)" })));
    await room.clock.advance(minutes(30));
    expect(times(room)).toEqual(["2026-11-20T10:05:00", "2026-11-20T10:45:00"]);
  });

  test("a one-time schedule ignores start and end", async () => {
    const room = await open();
    const StartDate = new Date(utc("2027-01-01T00:00:00"));
    await create(room, { ScheduleExpression: "at(2026-11-20T10:05:00)", StartDate, EndDate: StartDate });
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T10:05:00"]);
  });

  test("a one-time schedule that never ran is not deleted after its completion", async () => {
    const room = await open();
    await create(room, { ScheduleExpression: "at(2026-11-20T09:00:00)", ActionAfterCompletion: "DELETE" });
    await room.clock.advance(hours(1));
    expect((await room.client.send(new ListSchedulesCommand({}))).Schedules).toHaveLength(1);
  });

  test("a recurring schedule is deleted after its last run when it asks for that", async () => {
    const room = await open();
    const EndDate = new Date(utc("2026-11-20T12:30:00"));
    await create(room, { Name: "goes", EndDate, ActionAfterCompletion: "DELETE" });
    await create(room, { Name: "stays", EndDate });
    await room.clock.advance(minutes(61));
    expect((await room.client.send(new ListSchedulesCommand({}))).Schedules).toHaveLength(2);
    await room.clock.advance(hours(4));
    expect(times(room)).toHaveLength(4);
    const left = await room.client.send(new ListSchedulesCommand({}));
    expect(left.Schedules?.map(({ Name }) => Name)).toEqual(["stays"]);
  });

  test("a wall-clock time that daylight saving skips is no run, one that it doubles is one", async () => {
    const room = await open({ start: "2027-03-27T12:00:00" });
    await create(room, { ScheduleExpression: "cron(30 2 * * ? *)", ScheduleExpressionTimezone: "Europe/Berlin" });
    await room.clock.advance(hours(24 * 2.5));
    expect(times(room)).toEqual(["2027-03-29T00:30:00"]); // the 28th has no 02:30
    room.sent.length = 0;
    await room.clock.advance(utc("2027-10-30T12:00:00") - room.clock.now());
    room.sent.length = 0;
    await room.clock.advance(hours(24 * 2));
    expect(times(room)).toEqual(["2027-10-31T00:30:00", "2027-11-01T01:30:00"]);
  });

  test("an update leaves a run whose time has come and that has not begun yet", async () => {
    const room = await open();
    const soon = { ScheduleExpression: "at(2026-11-20T10:00:00)" }; // due, and begun when the clock moves
    await create(room, soon);
    await room.client.send(new UpdateScheduleCommand(input({ ScheduleExpression: "at(2026-11-20T10:30:00)" })));
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T10:00:30", "2026-11-20T10:30:00"]);
  });

  test("an update takes the place of what was planned", async () => {
    const room = await open();
    await create(room);
    await room.client.send(new UpdateScheduleCommand(input({ ScheduleExpression: "cron(45 * * * ? *)" })));
    await room.clock.advance(hours(1));
    expect(times(room)).toEqual(["2026-11-20T10:45:00"]);
  });

  test("a machine that slept makes up for what it missed when it wakes", async () => {
    const sleeping = virtualClock(utc("2026-11-20T10:00:30"));
    let nowMs = sleeping.now();
    const woken: string[] = [];
    const clock: Clock = { now: () => nowMs, at: sleeping.at };
    const scheduler = await openScheduler({
      clock,
      region: "us-east-1",
      accountId: "000000000000",
      send: async () => {},
      onFire: ({ scheduledTimeMs }) => woken.push(new Date(scheduledTimeMs).toISOString().slice(11, 16)),
    });
    const server = await listen([scheduler.service], { port: 0 });
    const credentials = { accessKeyId: "local", secretAccessKey: "local" };
    const client = new SchedulerClient({ endpoint: server.url, region: "us-east-1", credentials });
    await client.send(new CreateScheduleCommand(input()));
    nowMs += hours(3.5);
    await sleeping.advance(hours(1));
    expect(woken).toEqual(["11:00", "12:00", "13:00"]);
    client.destroy();
    await server.close();
    await scheduler.close();
  });
});
