import {
  CreateScheduleGroupCommand,
  DeleteScheduleGroupCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListScheduleGroupsCommand,
  ListTagsForResourceCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-scheduler";
import { describe, expect, test } from "vitest";
import { create, hours, open, refusal } from "./test-room.ts";

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
