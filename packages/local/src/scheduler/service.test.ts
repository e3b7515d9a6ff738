import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListSchedulesCommand,
  ListTagsForResourceCommand,
  UpdateScheduleCommand,
} from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import {
  away,
  create,
  deadLetterArn,
  hours,
  input,
  killed,
  minutes,
  open,
  queueTarget,
  type Room,
  runs,
  temporaryFolder,
  times,
  utc,
} from "./test-room.ts";

/** The names of the schedules there are; a deletion is seen when the disk has taken it. */
async function names({ client }: Room): Promise<(string | undefined)[]> {
  const { Schedules = [] } = await client.send(new ListSchedulesCommand({}));
  return Schedules.map(({ Name }) => Name);
}

describe("after a restart", () => {
  test("groups, tags and schedules are there, and go on", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    await before.client.send(new CreateScheduleGroupCommand({ Name: "tier", Tags: [{ Key: "stage", Value: "dev" }] }));
    await create(before, { GroupName: "tier" });
    await create(before, { Name: "deleted" });
    await before.client.send(new DeleteScheduleCommand({ Name: "deleted" }));
    const kept = await before.client.send(new GetScheduleCommand({ GroupName: "tier", Name: "backup" }));
    await before.close();

    const after = await open({ dir, start: "2026-11-20T10:30:00" });
    const { $metadata, ...schedule } = await after.client.send(
      new GetScheduleCommand({ GroupName: "tier", Name: "backup" }),
    );
    expect($metadata.httpStatusCode).toBe(200);
    expect(kept).toMatchObject(schedule);
    const group = await after.client.send(new GetScheduleGroupCommand({ Name: "tier" }));
    expect((await after.client.send(new ListTagsForResourceCommand({ ResourceArn: group.Arn }))).Tags).toHaveLength(1);
    await after.clock.advance(hours(1));
    expect(times(after)).toEqual(["2026-11-20T11:00:00"]);
  });

  test("a rate keeps its beat", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    await create(before, { ScheduleExpression: "rate(1 hour)" });
    await before.close();
    const after = await open({ dir, start: "2026-11-20T13:30:00" });
    expect(after.scheduler.nextRun("default", "backup")).toBe(utc("2026-11-20T14:00:30"));
  });

  test("a schedule whose end has passed meanwhile is deleted when it asked for that", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    const EndDate = new Date(utc("2026-11-20T12:00:00"));
    await create(before, { Name: "goes", EndDate, ActionAfterCompletion: "DELETE" });
    await create(before, { Name: "stays", EndDate });
    await before.close();
    const after = await open({ dir, start: "2026-11-20T13:30:00" });
    expect(await names(after)).toEqual(["goes", "stays"]);
    await after.clock.advance(hours(2));
    expect(runs(after)).toEqual(["11:00 goes", "11:00 stays", "12:00 goes", "12:00 stays"]);
    await expect.poll(() => names(after)).toEqual(["stays"]);
    const later = await open({ dir: await killed(after, dir), start: "2026-11-20T14:30:00" });
    await later.clock.advance(hours(2));
    expect(later.sent).toEqual([]);
  });

  test("a one-time schedule that fell due meanwhile runs, once", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    await create(before, { ScheduleExpression: "at(2026-11-20T11:00:00)" });
    await before.close();
    const after = await open({ dir, start: "2026-11-20T13:30:00" });
    await after.clock.advance(minutes(1));
    expect(times(after)).toEqual(["2026-11-20T13:30:01"]);
    expect(after.events).toMatchObject([{ scheduledTimeMs: utc("2026-11-20T11:00:00"), outcome: "delivered" }]);
    await after.close();
    const later = await open({ dir, start: "2026-11-20T14:30:00" });
    await later.clock.advance(minutes(1));
    expect(later.sent).toEqual([]);
  });

  test("each run that was missed within the retry age is made up for, in order; what is older is not", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    const RetryPolicy = { MaximumEventAgeInSeconds: 7200 };
    await create(before, { Name: "hourly", Target: { ...queueTarget, RetryPolicy } });
    await create(before, {
      Name: "half",
      ScheduleExpression: "cron(30 * * * ? *)",
      Target: { ...queueTarget, RetryPolicy },
    });
    const disk = await killed(before, dir);
    const after = await open({ dir: disk, start: "2026-11-20T15:10:00" });
    await after.clock.advance(minutes(55));
    expect(runs(after)).toEqual([
      "13:30 half",
      "14:00 hourly",
      "14:30 half",
      "15:00 hourly",
      "15:30 half",
      "16:00 hourly",
    ]);
    expect(times(after).slice(0, 5)).toEqual([...Array(4).fill("2026-11-20T15:10:01"), "2026-11-20T15:30:00"]);
    const later = await open({ dir: await killed(after, disk), start: "2026-11-20T16:10:00" });
    await later.clock.advance(minutes(19));
    expect(later.sent).toEqual([]);
  });

  test("a run that is too old goes to the dead-letter queue with the reason, or is dropped without one", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    const once = { ScheduleExpression: "at(2026-11-20T11:00:00)" };
    const DeadLetterConfig = { Arn: deadLetterArn };
    await create(before, { ...once, Name: "kept", Target: { ...queueTarget, Input: "hi", DeadLetterConfig } });
    await create(before, { ...once, Name: "lost" });
    const after = await open({ dir: await killed(before, dir), start: "2026-11-21T11:00:01" });
    await after.clock.advance(hours(1));
    const attribute = (StringValue: unknown) => ({ DataType: "String", StringValue });
    expect(after.sent.map(({ message }) => message)).toEqual([
      {
        QueueUrl: "https://sqs.us-east-1.amazonaws.com/000000000000/undelivered",
        MessageBody: "hi",
        MessageAttributes: {
          ERROR_CODE: attribute("ServiceUnavailable"),
          ERROR_MESSAGE: attribute("EventBridge Scheduler was not running while this run was due."),
          EXECUTION_ID: attribute(expect.stringMatching(/^[0-9a-f]{16}$/)),
          EXHAUSTED_RETRY_CONDITION: attribute("MaximumEventAgeInSeconds"),
          IS_PAYLOAD_TRUNCATED: attribute("false"),
          RETRY_ATTEMPTS: attribute("0"),
          SCHEDULED_TIME: attribute("2026-11-20T11:00:00Z"),
          SCHEDULE_ARN: attribute("arn:aws:scheduler:us-east-1:000000000000:schedule/default/kept"),
          TARGET_ARN: attribute(queueTarget.Arn),
        },
      },
    ]);
    expect(after.events.map(({ name, outcome }) => `${name} ${outcome}`).sort()).toEqual([
      "kept dead-lettered",
      "lost dropped",
    ]);
  });

  test("a month away costs no more than the retry age, and a few days' dead letters where there is a queue for them", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir, start: "2026-10-20T10:00:30" });
    const DeadLetterConfig = { Arn: deadLetterArn };
    await create(before, { Name: "dropped" });
    await create(before, { Name: "dead", Target: { ...queueTarget, Input: "dead", DeadLetterConfig } });
    const ScheduleExpression = "cron(* * * * ? *)";
    const RetryPolicy = { MaximumEventAgeInSeconds: 600 };
    await create(before, {
      Name: "often",
      ScheduleExpression,
      Target: { ...queueTarget, DeadLetterConfig, RetryPolicy },
    });
    const after = await open({ dir: await killed(before, dir), start: "2026-11-20T10:30:30" });
    await after.clock.advance(minutes(1));
    const count = (name: string, outcome: string) =>
      after.events.filter((event) => event.name === name && event.outcome === outcome).length;
    expect(count("dropped", "delivered")).toBe(24);
    expect(count("dead", "delivered")).toBe(24);
    expect(count("dead", "dead-lettered")).toBe(24 * 4);
    expect(count("often", "delivered")).toBe(11); // ten missed ones, and that of 10:31
    expect(count("often", "dead-lettered")).toBe(100);
    expect(after.events).toHaveLength(24 * 6 + 111);
  });

  test.each(["is closed", "is killed"])(
    "a run that waits for a retry goes on with it when the process %s",
    async (how) => {
      const dir = await temporaryFolder();
      const before = await open({ dir, queue: away });
      const RetryPolicy = { MaximumRetryAttempts: 6 };
      await create(before, {
        Target: { ...queueTarget, Input: "attempt <aws.scheduler.attempt-number>", RetryPolicy },
      });
      await before.clock.advance(minutes(60));
      expect(before.events.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]); // at 0, 1, 3, 7 and 15 seconds
      const disk = how === "is killed" ? await killed(before, dir) : dir;
      await before.close();
      const after = await open({ dir: disk, start: "2026-11-20T11:00:20" });
      await after.clock.advance(minutes(1));
      expect(after.sent).toMatchObject([{ at: "2026-11-20T11:00:31", message: { MessageBody: "attempt 6" } }]);
      expect(after.events).toMatchObject([{ scheduledTimeMs: utc("2026-11-20T11:00:00"), outcome: "delivered" }]);
    },
  );

  test("a run that waits for a retry outlives the compaction of what is kept", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir, queue: away });
    await create(before, { ScheduleExpression: "at(2026-11-20T10:05:00)" });
    await before.clock.advance(minutes(5));
    const big = { Name: "big", ScheduleExpression: "at(2027-11-20T10:05:00)" };
    await create(before, big);
    const file = join(dir, "schedules.jsonl");
    const bytes = async () => (await stat(file)).size;
    const Target = { ...queueTarget, Input: "x".repeat(250_000) };
    for (let last = 0; last <= (await bytes()); ) {
      last = await bytes();
      await before.client.send(new UpdateScheduleCommand(input({ ...big, Target })));
    }
    const after = await open({ dir: await killed(before, dir), start: "2026-11-20T11:00:00" });
    await after.clock.advance(minutes(1));
    expect(runs(after)).toEqual(["10:05 backup"]);
    expect(after.events[0]?.attempt).toBeGreaterThan(2);
  });

  test("a retry's age counts from the scheduled time, also over a restart", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir, queue: away });
    const DeadLetterConfig = { Arn: deadLetterArn };
    const RetryPolicy = { MaximumEventAgeInSeconds: 60 };
    await create(before, { Target: { ...queueTarget, DeadLetterConfig, RetryPolicy } });
    await before.clock.advance(minutes(59.75));
    const after = await open({ dir: await killed(before, dir), start: "2026-11-20T11:01:00" });
    await after.clock.advance(minutes(5));
    expect(after.events.map(({ outcome }) => outcome)).toEqual(["dead-lettered"]);
    expect(after.sent[0]?.message.MessageAttributes).toMatchObject({
      ERROR_MESSAGE: { StringValue: "The queue is away." },
      EXHAUSTED_RETRY_CONDITION: { StringValue: "MaximumEventAgeInSeconds" },
      RETRY_ATTEMPTS: { StringValue: "4" },
    });
  });

  test("an update leaves what was missed; deleting and disabling do not", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    for (const Name of ["updated", "deleted", "disabled"]) await create(before, { Name });
    const after = await open({ dir: await killed(before, dir), start: "2026-11-20T12:30:00" });
    const update = (changes: object) => after.client.send(new UpdateScheduleCommand(input(changes)));
    await update({ Name: "updated", ScheduleExpression: "cron(15 * * * ? *)" });
    await update({ Name: "disabled", State: "DISABLED" });
    await after.client.send(new DeleteScheduleCommand({ Name: "deleted" }));
    await after.clock.advance(minutes(50));
    expect(runs(after)).toEqual(["11:00 updated", "12:00 updated", "13:15 updated"]);
  });

  test("times that passed while a schedule was disabled are not missed", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    await create(before, { State: "DISABLED" });
    await before.clock.advance(hours(3));
    await before.client.send(new UpdateScheduleCommand(input()));
    const after = await open({ dir: await killed(before, dir), start: "2026-11-20T14:30:00" });
    await after.clock.advance(minutes(10));
    expect(runs(after)).toEqual(["14:00 backup"]);
  });

  test("a run that its target took is not run again, whatever happened between", async () => {
    const dir = await temporaryFolder();
    let disk = dir;
    let start = "2026-11-20T10:00:30";
    const sent: string[] = [];
    for (let restart = 0; restart < 5; restart++) {
      const room = await open({ dir: disk, start });
      if (restart === 0) await create(room, { ScheduleExpression: "cron(* * * * ? *)" });
      await room.clock.advance(minutes(7.3));
      disk = await killed(room, disk);
      start = new Date(room.clock.now() + minutes(2.9)).toISOString().slice(0, 19);
      sent.push(...runs(room));
    }
    expect(sent).toHaveLength(48);
    expect(new Set(sent).size).toBe(48);
    expect(sent).toEqual([...sent].sort());
  });
});
