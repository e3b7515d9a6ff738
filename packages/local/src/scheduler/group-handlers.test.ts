import {
  CreateScheduleGroupCommand,
  DeleteScheduleGroupCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListScheduleGroupsCommand,
  ListSchedulesCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import { groupDeletionMs } from "./group-deletion.ts";
import { create, hours, killed, open, refusal, temporaryFolder } from "./test-room.ts";

describe("groups", () => {
  test("the default group is there and stays", async () => {
    const room = await open();
    expect(await room.client.send(new GetScheduleGroupCommand({ Name: "default" }))).toMatchObject({
      Arn: "arn:aws:scheduler:us-east-1:000000000000:schedule-group/default",
      State: "ACTIVE",
    });
    const deletion = room.client.send(new DeleteScheduleGroupCommand({ Name: "default" }));
    expect(await refusal(deletion)).toMatchObject({ name: "ValidationException" });
  });

  test("a group is DELETING for a while, takes nothing, and is then gone", async () => {
    const room = await open();
    const group = { Name: "tier" };
    const state = async () => (await room.client.send(new GetScheduleGroupCommand(group))).State;
    await room.client.send(new CreateScheduleGroupCommand(group));
    await create(room, { GroupName: "tier" });
    await room.client.send(new DeleteScheduleGroupCommand({ ...group, ClientToken: "one" }));
    await room.client.send(new DeleteScheduleGroupCommand({ ...group, ClientToken: "one" }));
    expect(await state()).toBe("DELETING");
    expect((await room.client.send(new ListScheduleGroupsCommand({}))).ScheduleGroups).toHaveLength(2);
    expect((await room.client.send(new ListSchedulesCommand({}))).Schedules).toEqual([]);
    const ResourceArn = "arn:aws:scheduler:us-east-1:000000000000:schedule-group/tier";
    for (const call of [
      () => create(room, { GroupName: "tier" }),
      () => room.client.send(new CreateScheduleGroupCommand(group)),
      () => room.client.send(new DeleteScheduleGroupCommand({ ...group, ClientToken: "two" })),
      () => room.client.send(new TagResourceCommand({ ResourceArn, Tags: [{ Key: "a", Value: "b" }] })),
    ]) {
      expect(await refusal(call())).toEqual({
        name: "ConflictException",
        message: "Schedule Group tier is being deleted.",
        status: 409,
      });
    }
    await room.clock.advance(groupDeletionMs - 1);
    expect(await state()).toBe("DELETING");
    await room.clock.advance(1);
    expect(await refusal(state())).toMatchObject({ name: "ResourceNotFoundException" });
    await room.client.send(new CreateScheduleGroupCommand(group));
    expect(await state()).toBe("ACTIVE");
    await room.clock.advance(hours(2));
    expect(room.sent).toEqual([]);
  });

  test("a group that was being deleted when the process ended is gone soon after the next start", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir });
    await before.client.send(new CreateScheduleGroupCommand({ Name: "tier" }));
    await create(before, { GroupName: "tier" });
    await before.client.send(new DeleteScheduleGroupCommand({ Name: "tier" }));
    const after = await open({ dir: await killed(before, dir), start: "2026-11-20T10:00:33" });
    const group = new GetScheduleGroupCommand({ Name: "tier" });
    expect(await after.client.send(group)).toMatchObject({ State: "DELETING" });
    await after.clock.advance(2_000);
    await expect.poll(() => refusal(after.client.send(group))).toMatchObject({ name: "ResourceNotFoundException" });
  });

  test("the same request sent again makes one group, another one with its token is refused", async () => {
    const room = await open();
    const made = await room.client.send(new CreateScheduleGroupCommand({ Name: "tier", ClientToken: "one" }));
    const again = await room.client.send(new CreateScheduleGroupCommand({ Name: "tier", ClientToken: "one" }));
    expect(again.ScheduleGroupArn).toBe(made.ScheduleGroupArn);
    const Tags = [{ Key: "a", Value: "b" }];
    const other = room.client.send(new CreateScheduleGroupCommand({ Name: "tier", ClientToken: "one", Tags }));
    expect(await refusal(other)).toMatchObject({ name: "ConflictException", status: 409 });
  });

  test("a schedule has no tags", async () => {
    const room = await open();
    const { ScheduleArn } = await create(room);
    const tagging = room.client.send(new TagResourceCommand({ ResourceArn: ScheduleArn, Tags: [] }));
    expect(await refusal(tagging)).toMatchObject({ name: "ValidationException" });
  });

  test("a group is made, listed and deleted with its schedules", async () => {
    const room = await open();
    const made = await room.client.send(new CreateScheduleGroupCommand({ Name: "tier" }));
    expect(made.ScheduleGroupArn).toBe("arn:aws:scheduler:us-east-1:000000000000:schedule-group/tier");
    expect(await refusal(room.client.send(new CreateScheduleGroupCommand({ Name: "tier" })))).toEqual({
      name: "ConflictException",
      message: "Schedule Group tier already exists.",
      status: 409,
    });
    const listed = await room.client.send(new ListScheduleGroupsCommand({ MaxResults: 1 }));
    const rest = await room.client.send(new ListScheduleGroupsCommand({ NextToken: listed.NextToken }));
    expect([listed, rest].flatMap((page) => page.ScheduleGroups?.map((group) => group.Name))).toEqual([
      "default",
      "tier",
    ]);
    await create(room, { GroupName: "tier" });
    await room.client.send(new DeleteScheduleGroupCommand({ Name: "tier" }));
    await room.clock.advance(hours(2));
    expect(room.sent).toEqual([]);
    expect(
      await refusal(room.client.send(new GetScheduleCommand({ GroupName: "tier", Name: "backup" }))),
    ).toMatchObject({
      message: "Schedule Group tier does not exist.",
    });
  });

  test("tags are set, changed and taken away", async () => {
    const room = await open();
    const tags = [
      { Key: "stage", Value: "dev" },
      { Key: "team", Value: "a" },
    ];
    const made = await room.client.send(new CreateScheduleGroupCommand({ Name: "tier", Tags: tags }));
    const ResourceArn = made.ScheduleGroupArn;
    await room.client.send(new TagResourceCommand({ ResourceArn, Tags: [{ Key: "team", Value: "b" }] }));
    await room.client.send(new UntagResourceCommand({ ResourceArn, TagKeys: ["stage"] }));
    const { Tags } = await room.client.send(new ListTagsForResourceCommand({ ResourceArn }));
    expect(Tags).toEqual([{ Key: "team", Value: "b" }]);
    const other = room.client.send(new ListTagsForResourceCommand({ ResourceArn: `${ResourceArn}-2` }));
    expect(await refusal(other)).toMatchObject({ name: "ResourceNotFoundException" });
  });
});
