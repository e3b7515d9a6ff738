import {
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListSchedulesCommand,
  ListTagsForResourceCommand,
} from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import { create, hours, minutes, open, type Room, temporaryFolder, times, utc } from "./test-room.ts";

/** The names of the schedules there are; a deletion is seen when the disk has taken it. */
async function names({ client }: Room): Promise<(string | undefined)[]> {
  const { Schedules = [] } = await client.send(new ListSchedulesCommand({}));
  return Schedules.map(({ Name }) => Name);
}

describe("after a restart", () => {
  test("groups, tags and schedules are there, and go on without what they missed", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    await before.client.send(new CreateScheduleGroupCommand({ Name: "tier", Tags: [{ Key: "stage", Value: "dev" }] }));
    await create(before, { GroupName: "tier" });
    await create(before, { Name: "deleted" });
    await before.client.send(new DeleteScheduleCommand({ Name: "deleted" }));
    const kept = await before.client.send(new GetScheduleCommand({ GroupName: "tier", Name: "backup" }));
    await before.close();

    const after = await open({ dir, start: "2026-11-20T13:30:00" });
    const { $metadata, ...schedule } = await after.client.send(
      new GetScheduleCommand({ GroupName: "tier", Name: "backup" }),
    );
    expect($metadata.httpStatusCode).toBe(200);
    expect(kept).toMatchObject(schedule);
    const group = await after.client.send(new GetScheduleGroupCommand({ Name: "tier" }));
    expect((await after.client.send(new ListTagsForResourceCommand({ ResourceArn: group.Arn }))).Tags).toHaveLength(1);
    await after.clock.advance(hours(1));
    expect(times(after)).toEqual(["2026-11-20T14:00:00"]);
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
    await after.clock.advance(hours(2));
    expect(after.sent).toEqual([]);
    await expect.poll(() => names(after)).toEqual(["stays"]);
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

  test("a one-time schedule that was waiting for a retry runs again", async () => {
    const dir = await temporaryFolder();
    const before = await open({
      dir,
      queue: () => {
        throw new Error("The queue is away.");
      },
    });
    await create(before, { ScheduleExpression: "at(2026-11-20T10:30:00)", ActionAfterCompletion: "DELETE" });
    await before.clock.advance(minutes(31));
    expect(before.events.length).toBeGreaterThan(1);
    await before.close();
    const after = await open({ dir, start: "2026-11-20T10:32:00" });
    await after.clock.advance(minutes(1));
    expect(times(after)).toEqual(["2026-11-20T10:32:01"]);
    await expect.poll(() => names(after)).toEqual([]);
  });
});
