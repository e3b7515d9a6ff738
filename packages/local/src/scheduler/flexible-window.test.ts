import type { CreateScheduleCommandInput } from "@aws-sdk/client-scheduler";
import type { SendMessageRequest } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "vitest";
import { create, hours, killed, minutes, open, queueTarget, runs, temporaryFolder, times, utc } from "./test-room.ts";

describe("a flexible window", () => {
  const seeded = (seed: number) => () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const flexible = (minutes: number) =>
    ({ Mode: "FLEXIBLE", MaximumWindowInMinutes: minutes }) satisfies CreateScheduleCommandInput["FlexibleTimeWindow"];

  test("runs at a moment within it that the seed decides, and the next run comes in its own", async () => {
    const moments = async (seed: number) => {
      const room = await open({ random: seeded(seed) });
      await create(room, { FlexibleTimeWindow: flexible(30) });
      await room.clock.advance(hours(6));
      return room.sent.map(({ at, message }) => {
        const { time } = JSON.parse(message.MessageBody ?? "");
        return { time, lateMs: utc(at) - Date.parse(time) };
      });
    };
    const first = await moments(1);
    expect(first.map(({ time }) => time.slice(11, 16))).toEqual(["11:00", "12:00", "13:00", "14:00", "15:00"]);
    for (const { lateMs } of first) expect(lateMs).toBeLessThan(minutes(30));
    expect(new Set(first.map(({ lateMs }) => lateMs)).size).toBe(5);
    expect(await moments(1)).toEqual(first);
    expect(await moments(2)).not.toEqual(first);
  });

  test("that is wider than the schedule's distance lets runs pass each other, none is lost", async () => {
    const room = await open({ random: seeded(3) });
    const EndDate = new Date(utc("2026-11-20T16:00:00"));
    await create(room, { FlexibleTimeWindow: flexible(240), EndDate });
    await room.clock.advance(hours(12));
    const ran = runs(room);
    expect([...ran].sort()).toEqual(["11", "12", "13", "14", "15", "16"].map((hour) => `${hour}:00 backup`));
    expect(ran).not.toEqual([...ran].sort());
    for (const at of times(room)) expect(utc(at)).toBeLessThanOrEqual(EndDate.getTime());
  });

  test("keeps the moment that was drawn over a restart, and its age counts from there", async () => {
    const dir = await temporaryFolder();
    const before = await open({ dir, random: () => 0.5 });
    const RetryPolicy = { MaximumEventAgeInSeconds: 60 };
    await create(before, { FlexibleTimeWindow: flexible(30), Target: { ...queueTarget, RetryPolicy } });
    await before.clock.advance(hours(1));
    expect(before.sent).toEqual([]);
    const after = await open({ dir: await killed(before, dir), start: "2026-11-20T11:05:00", random: () => 0.9 });
    await after.clock.advance(minutes(20));
    expect(times(after)).toEqual(["2026-11-20T11:15:00"]);
  });

  test("is kept in order of time with the runs and the retries of other schedules", async () => {
    const failing = (message: SendMessageRequest, count: number) => {
      if (message.MessageBody === "failing" && count % 4 !== 0) throw new Error("The queue is away.");
    };
    const room = await open({ random: seeded(5), queue: failing });
    const target = (Input: string) => ({ Target: { ...queueTarget, Input } });
    await create(room, { ...target("window"), Name: "window", FlexibleTimeWindow: flexible(1) });
    await create(room, { ...target("failing"), Name: "failing" });
    await create(room, { ...target("rate"), Name: "rate", ScheduleExpression: "rate(11 minutes)" });
    await room.clock.advance(hours(6));
    const at = times(room);
    expect(at).toEqual([...at].sort());
    const delivered = (name: string) => runs(room).filter((run) => run.endsWith(name));
    expect([delivered("window").length, delivered("failing").length, delivered("rate").length]).toEqual([6, 6, 33]);
    expect(room.events.some(({ outcome }) => outcome === "retried")).toBe(true);
  });
});
