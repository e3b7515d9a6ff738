import {
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  type ListSchedulesCommandInput,
  UpdateScheduleCommand,
} from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import {
  create,
  deadLetterArn,
  hours,
  input,
  killed,
  minutes,
  open,
  queueTarget,
  type Room,
  refusal,
  temporaryFolder,
  utc,
} from "./test-room.ts";

describe("schedules", () => {
  test("a schedule is created, and answered with AWS's defaults", async () => {
    const room = await open();
    const arn = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/backup";
    expect((await create(room)).ScheduleArn).toBe(arn);
    const { $metadata, ...schedule } = await room.client.send(new GetScheduleCommand({ Name: "backup" }));
    expect($metadata.httpStatusCode).toBe(200);
    expect(schedule).toEqual({
      ActionAfterCompletion: "NONE",
      Arn: arn,
      CreationDate: new Date(utc("2026-11-20T10:00:30")),
      FlexibleTimeWindow: { Mode: "OFF" },
      GroupName: "default",
      LastModificationDate: new Date(utc("2026-11-20T10:00:30")),
      Name: "backup",
      ScheduleExpression: "cron(0 * * * ? *)",
      ScheduleExpressionTimezone: "UTC",
      State: "ENABLED",
      Target: { ...queueTarget, RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 } },
    });
  });

  test("all that is given comes back", async () => {
    const room = await open();
    const given = input({
      ScheduleExpressionTimezone: "Europe/Berlin",
      StartDate: new Date(utc("2026-12-01T00:00:00")),
      EndDate: new Date(utc("2027-12-01T00:00:00")),
      Description: "All of it",
      State: "DISABLED",
      ActionAfterCompletion: "DELETE",
      KmsKeyArn: "arn:aws:kms:us-east-1:000000000000:key/1",
      FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 15 },
      Target: {
        ...queueTarget,
        Input: "hello",
        SqsParameters: { MessageGroupId: "group" },
        DeadLetterConfig: { Arn: deadLetterArn },
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
      },
    });
    await room.client.send(new CreateScheduleCommand(given));
    expect(await room.client.send(new GetScheduleCommand({ Name: "backup" }))).toMatchObject(given);
  });

  test("an update replaces all but the time of creation", async () => {
    const room = await open();
    await create(room, { Description: "before", ScheduleExpressionTimezone: "Asia/Tokyo", State: "DISABLED" });
    await room.clock.advance(minutes(1));
    await room.client.send(new UpdateScheduleCommand(input({ ScheduleExpression: "rate(2 hours)" })));
    const schedule = await room.client.send(new GetScheduleCommand({ Name: "backup" }));
    expect(schedule).toMatchObject({
      ScheduleExpression: "rate(2 hours)",
      ScheduleExpressionTimezone: "UTC",
      State: "ENABLED",
      CreationDate: new Date(utc("2026-11-20T10:00:30")),
      LastModificationDate: new Date(utc("2026-11-20T10:01:30")),
    });
    expect(schedule.Description).toBeUndefined();
  });

  test("a deleted schedule is gone and never runs", async () => {
    const room = await open();
    await create(room);
    await room.client.send(new DeleteScheduleCommand({ Name: "backup" }));
    await room.clock.advance(hours(3));
    expect(room.sent).toEqual([]);
    expect(await refusal(room.client.send(new GetScheduleCommand({ Name: "backup" })))).toEqual({
      name: "ResourceNotFoundException",
      message: "Schedule backup does not exist.",
      status: 404,
    });
  });

  test.each([
    ["UpdateSchedule", (room: Room) => room.client.send(new UpdateScheduleCommand(input()))],
    ["DeleteSchedule", (room: Room) => room.client.send(new DeleteScheduleCommand({ Name: "backup" }))],
  ])("%s of a schedule that is not there is refused", async (_, call) => {
    expect(await refusal(call(await open()))).toMatchObject({
      name: "ResourceNotFoundException",
      message: "Schedule backup does not exist.",
    });
  });

  test("a second schedule of the same name is refused, the same request sent again is not", async () => {
    const room = await open();
    const first = await create(room, { ClientToken: "one" });
    expect(await create(room, { ClientToken: "one" })).toMatchObject({ ScheduleArn: first.ScheduleArn });
    expect(await refusal(create(room, { ClientToken: "two" }))).toEqual({
      name: "ConflictException",
      message: "Schedule backup already exists.",
      status: 409,
    });
  });

  test("a token belongs to one request: sent again it changes nothing, with another request it is refused", async () => {
    const room = await open();
    const token = { ClientToken: "one" };
    const rate = { ...token, ScheduleExpression: "rate(1 hour)" };
    await create(room, rate);
    expect(await refusal(create(room, { ...rate, Description: "other" }))).toEqual({
      name: "ConflictException",
      message: "ClientToken one was used for a different request.",
      status: 409,
    });
    await room.clock.advance(minutes(1));
    const update = (Description: string) =>
      room.client.send(new UpdateScheduleCommand(input({ ...rate, Description })));
    await update("new");
    await room.clock.advance(minutes(1));
    await update("new");
    expect(await refusal(update("newer"))).toMatchObject({ name: "ConflictException" });
    const { LastModificationDate } = await room.client.send(new GetScheduleCommand({ Name: "backup" }));
    expect(LastModificationDate).toEqual(new Date(utc("2026-11-20T10:01:30")));
    expect(room.sent).toHaveLength(2); // a rate runs at once after its creation and after its one update
    await room.client.send(new DeleteScheduleCommand({ Name: "backup", ...token }));
    await room.client.send(new DeleteScheduleCommand({ Name: "backup", ...token }));
    const other = room.client.send(new DeleteScheduleCommand({ Name: "backup", ClientToken: "two" }));
    expect(await refusal(other)).toMatchObject({ name: "ResourceNotFoundException" });
  });

  test("a token is known after a restart", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    await create(before, { ClientToken: "one" });
    const after = await open({ dir: await killed(before, dir) });
    expect(await create(after, { ClientToken: "one" })).toMatchObject({
      ScheduleArn: expect.stringContaining("backup"),
    });
  });

  test("of two requests at the same time one creates the schedule", async () => {
    const room = await open({ dir: await temporaryFolder() });
    const results = await Promise.allSettled([create(room), create(room), create(room)]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
  });

  test("schedules are listed by group, prefix and state, page by page", async () => {
    const room = await open();
    await room.client.send(new CreateScheduleGroupCommand({ Name: "tier" }));
    for (const Name of ["b-2", "a-1", "b-1", "b-3"]) await create(room, { Name, GroupName: "tier" });
    await create(room, { Name: "b-9" });
    await create(room, { Name: "b-4", GroupName: "tier", State: "DISABLED" });
    const list = async (request: ListSchedulesCommandInput) => {
      const { Schedules, NextToken } = await room.client.send(new ListSchedulesCommand(request));
      return { names: (Schedules ?? []).map((schedule) => schedule.Name), NextToken };
    };
    expect((await list({})).names).toEqual(["b-9", "a-1", "b-1", "b-2", "b-3", "b-4"]);
    const filter = { GroupName: "tier", NamePrefix: "b-", State: "ENABLED", MaxResults: 2 } as const;
    const first = await list(filter);
    expect(first.names).toEqual(["b-1", "b-2"]);
    const second = await list({ ...filter, NextToken: first.NextToken });
    expect(second).toEqual({ names: ["b-3"], NextToken: undefined });
    expect(await refusal(list({ NextToken: "nonsense" }))).toMatchObject({ name: "ValidationException" });
    expect(await refusal(list({ GroupName: "none" }))).toMatchObject({
      message: "Schedule Group none does not exist.",
    });
  });
});
