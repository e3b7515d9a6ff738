import { virtualClock } from "@tendril/local/clock";
import { createRuns } from "@tendril/local/scheduler/runs";
import { scheduleHandlers } from "@tendril/local/scheduler/schedule-handlers";
import { openStore } from "@tendril/local/scheduler/store";
import { createTimetable } from "@tendril/local/scheduler/timetable";
import { temporaryFolder } from "../../test/support/aws-process.ts";
import type { Bench } from "../../test/support/bench/bench.ts";
import { type Curve, createCurve, microseconds } from "./scale/curve.ts";
import { bytesInUse } from "./scale/memory.ts";

const sizes = [10, 1_000, 10_000];
const hourMs = 3_600_000;

/** What the local Scheduler costs a schedule, by how many there are. */
export const bench: Bench = {
  name: "scale-scheduler",
  compares: "the local Scheduler with ten schedules and with ten thousand, kept on disk",
  async run({ progress }) {
    await measure(createCurve(), 1_000);
    const curve = createCurve();
    for (const size of sizes) {
      progress(`${size} schedules`);
      await measure(curve, size);
    }
    return { rows: curve.rows(), notes };
  },
};

const notes = [
  "All schedules fire in the same second, each hour. A page has 100 schedules, or ten where there are no more.",
];

async function measure(curve: Curve, size: number): Promise<void> {
  const folder = await temporaryFolder();
  try {
    const before = bytesInUse();
    const startMs = Math.floor(Date.now() / hourMs) * hourMs + 1_000;
    const bench = await openBench(folder.path, startMs);
    for (let made = 0; made < size; made += 1) await bench.create(made);
    if (size >= 1_000) curve.add("memory", "bytes", size, [(bytesInUse() - before) / size]);
    const more = Array.from({ length: 50 }, (_, index) => size + index);
    curve.add("create", "µs", size, await microseconds(50, 1, () => bench.create(more.shift() ?? 0)));
    const last = Array.from({ length: 50 }, (_, index) => size + index);
    curve.add("delete", "µs", size, await microseconds(50, 1, () => bench.remove(last.shift() ?? 0)));
    curve.add("list: a page", "µs", size, await microseconds(50, 1, () => bench.list()));
    for (let hour = 0; hour < 3; hour += 1) {
      const took = await microseconds(1, size, () => bench.advance(hourMs));
      if (hour === 2) curve.add("fire: each", "µs", size, took);
    }
    if (bench.sent() !== 3 * size) throw new Error(`${bench.sent()} runs of ${3 * size}`);
    await bench.close();
    const start = await microseconds(1, size, async () => (await openBench(folder.path, startMs + 3 * hourMs)).close());
    curve.add("start-up: each", "µs", size, start);
  } finally {
    await folder.remove();
  }
}

const { signal } = new AbortController();
const context = { signal, header: () => undefined, accessKeyId: () => undefined };
const target = { Arn: "arn:aws:sqs:us-east-1:000000000000:jobs", RoleArn: "arn:aws:iam::000000000000:role/scheduler" };

/** The Scheduler by its handlers, without a wire. */
async function openBench(dir: string, startMs: number) {
  const clock = virtualClock(startMs);
  const store = await openStore(dir);
  let count = 0;
  const send = async (): Promise<void> => {
    count += 1;
  };
  const runs = createRuns({ clock, store, send, onFire: () => {}, random: Math.random, ended: () => {} });
  const timetable = createTimetable({ clock, store, runs });
  const place = { region: "us-east-1", accountId: "000000000000" };
  const group = { name: "default", arn: "arn:aws:scheduler:us-east-1:000000000000:schedule-group/default" };
  await store.apply({ kind: "put-group", group: { ...group, createdMs: startMs, modifiedMs: startMs, tags: {} } });
  timetable.resume();
  const actions = scheduleHandlers({ clock, place, store, timetable });
  return {
    sent: () => count,
    advance: (milliseconds: number) => clock.advance(milliseconds),
    create: (index: number) =>
      actions.CreateSchedule(
        {
          Name: `schedule-${index}`,
          ScheduleExpression: "cron(0 * * * ? *)",
          FlexibleTimeWindow: { Mode: "OFF" },
          Target: target,
        },
        context,
      ),
    remove: (index: number) => actions.DeleteSchedule({ Name: `schedule-${index}` }, context),
    list: () => actions.ListSchedules({}, context),
    async close(): Promise<void> {
      timetable.close();
      await runs.close();
      await store.close();
    },
  };
}
