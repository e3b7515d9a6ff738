import { cp } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { openScheduler } from "./service.ts";
import { create, killed, minutes, open, temporaryFolder, utc } from "./test-room.ts";

describe("whatever befalls the process and its target", () => {
  const step = fc.record({
    runsForMinutes: fc.integer({ min: 0, max: 40 }),
    isAway: fc.boolean(),
    end: fc.constantFrom("close", "kill"),
    offForMinutes: fc.integer({ min: 0, max: 90 }),
  });

  test("each run within the retry age is delivered once", async () => {
    const start = "2026-11-20T10:00:30";
    const dir = await temporaryFolder();
    const room = await open({ start, dir });
    await create(room, { Name: "tenth", ScheduleExpression: "cron(0/10 * * * ? *)" });
    await create(room, {
      Name: "window",
      ScheduleExpression: "cron(5 * * * ? *)",
      FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 30 },
    });
    const made = await killed(room, dir);

    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        let nowMs = utc(start);
        let disk = await copyOf(made);
        const delivered: string[] = [];
        const live = async (forMinutes: number, isAway: boolean, end: string): Promise<void> => {
          const clock = virtualClock(nowMs);
          const scheduler = await openScheduler({
            clock,
            region: "us-east-1",
            accountId: "000000000000",
            dir: disk,
            send: async () => {
              if (isAway) throw new Error("The queue is away.");
            },
            onFire({ outcome, name, scheduledTimeMs }) {
              if (outcome === "delivered") delivered.push(`${new Date(scheduledTimeMs).toISOString()} ${name}`);
            },
          });
          await clock.advance(minutes(forMinutes));
          await setImmediate();
          if (end === "kill") disk = await copyOf(disk);
          await scheduler.close();
          nowMs = clock.now();
        };
        for (const each of steps) {
          await live(each.runsForMinutes, each.isAway, each.end);
          nowMs += minutes(each.offForMinutes);
        }
        // The longest window and the longest wait for a retry.
        await live(30 + 10 + 1, false, "close");
        const due = [...everyTenMinutes(utc(start), nowMs), ...everyHourAtFive(utc(start), nowMs - minutes(30))];
        expect(new Set(delivered).size).toBe(delivered.length);
        expect(delivered).toEqual(expect.arrayContaining(due));
      }),
      { numRuns: 25 },
    );
  });
});

async function copyOf(dir: string): Promise<string> {
  const copy = await temporaryFolder();
  await cp(dir, copy, { recursive: true });
  return copy;
}

const everyTenMinutes = (fromMs: number, untilMs: number): string[] =>
  every(minutes(10), 0, { fromMs, untilMs }, "tenth");
const everyHourAtFive = (fromMs: number, untilMs: number): string[] =>
  every(minutes(60), minutes(5), { fromMs, untilMs }, "window");

function every(stepMs: number, offsetMs: number, within: { fromMs: number; untilMs: number }, name: string): string[] {
  const times: string[] = [];
  for (let timeMs = Math.ceil((within.fromMs - offsetMs) / stepMs) * stepMs + offsetMs; timeMs <= within.untilMs; ) {
    times.push(`${new Date(timeMs).toISOString()} ${name}`);
    timeMs += stepMs;
  }
  return times;
}
