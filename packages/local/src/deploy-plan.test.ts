import { GetScheduleCommand, ListSchedulesCommand, UpdateScheduleCommand } from "@aws-sdk/client-scheduler";
import { readCronYaml } from "@tendril/core/cron-yaml";
import { defineJob } from "@tendril/core/job";
import { type Plan, planTier } from "@tendril/core/plan";
import { describe, expect, test } from "vitest";
import { deploySchedules } from "./deploy-plan.ts";
import { input, killed, minutes, open, type Room, runs, temporaryFolder, utc } from "./scheduler/test-room.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

/** A plan with one task for each name, at that many minutes of each hour. */
function plan(tasks: Record<string, number>): Plan {
  const entries = Object.entries(tasks).map(
    ([name, minute]) => `  - name: "${name}"\n    url: "/job/post/IncrementJob"\n    schedule: "${minute} * * * *"\n`,
  );
  const cron = readCronYaml(`version: 1\ncron:\n${entries.join("")}`, "cron.yaml");
  const jobs = [defineJob({ type: "IncrementJob", input: anything, effects: "at-least-once" })];
  const result = planTier({ name: "tendril", queues: { jobs: {} }, jobs }, "schedules" in cron ? cron.schedules : []);
  if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

const deploy = (room: Room, tasks: Record<string, number>, url = "http://127.0.0.1:1/000000000000/jobs") =>
  deploySchedules(
    plan(tasks),
    [{ name: "jobs", url, arn: "arn:aws:sqs:us-east-1:000000000000:jobs", deadLetterUrl: `${url}-dead` }],
    {
      groupName: "tendril-later",
      roleArn: "arn:aws:iam::000000000000:role/scheduler",
      deadLetterArn: "arn:aws:sqs:us-east-1:000000000000:ScheduleFailures",
    },
    room.client,
  );

async function schedules(room: Room): Promise<{ task: string; modified: string; Name: string }[]> {
  const { Schedules = [] } = await room.client.send(new ListSchedulesCommand({ GroupName: "tendril" }));
  return Schedules.map(({ Name = "", LastModificationDate }) => ({
    Name,
    task: Name.replace(/-[0-9a-f]{8}$/, ""),
    modified: LastModificationDate?.toISOString().slice(11, 16) ?? "",
  }));
}

describe("deploying schedules again", () => {
  test("leaves alone what is as planned, changes what is not, deletes what is gone, makes what is new", async () => {
    const room = await open({ start: "2026-11-20T10:00:00" });
    await deploy(room, { same: 15, changed: 20, gone: 25 });
    await room.clock.advance(minutes(5));
    await deploy(room, { same: 15, changed: 40, added: 30 });
    expect((await schedules(room)).map(({ task, modified }) => `${task} ${modified}`).sort()).toEqual([
      "added 10:05",
      "changed 10:05",
      "same 10:00",
    ]);
  });

  test("mends what somebody else has changed", async () => {
    const room = await open({ start: "2026-11-20T10:00:00" });
    await deploy(room, { task: 15 });
    const [{ Name } = { Name: "" }] = await schedules(room);
    await room.client.send(new UpdateScheduleCommand(input({ GroupName: "tendril", Name, State: "DISABLED" })));
    await deploy(room, { task: 15 });
    const mended = await room.client.send(new GetScheduleCommand({ GroupName: "tendril", Name }));
    expect(mended).toMatchObject({ State: "ENABLED", ScheduleExpression: "cron(15 * * * ? *)" });
  });

  test("loses no run that was missed, whether the queue is where it was or not", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir, start: "2026-11-20T10:00:00" });
    await deploy(before, { early: 15, late: 45 });
    const start = "2026-11-20T10:50:00";
    const same = await open({ dir: await killed(before, dir), start });
    const moved = await open({ dir: await killed(before, dir), start });
    await deploy(same, { early: 15, late: 45 });
    await deploy(moved, { early: 15, late: 45 }, "http://127.0.0.1:2/000000000000/jobs");
    for (const room of [same, moved]) {
      await room.clock.advance(minutes(1));
      expect(runs(room).map((run) => run.replace(/-[0-9a-f]{8}$/, ""))).toEqual(["10:15 early", "10:45 late"]);
      expect(room.events[0]?.scheduledTimeMs).toBe(utc("2026-11-20T10:15:00"));
    }
    expect(moved.sent.map(({ message }) => message.QueueUrl)).toEqual(
      Array(2).fill("http://127.0.0.1:2/000000000000/jobs"),
    );
  });
});
