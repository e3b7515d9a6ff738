import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { createAgenda } from "./agenda.ts";

describe("an agenda", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), key: fc.nat(30), timeMs: fc.nat(50) }),
    fc.record({ kind: fc.constant("delete" as const), key: fc.nat(30) }),
    fc.record({ kind: fc.constant("advance" as const), byMs: fc.nat(10) }),
  );

  test("does each thing once, at its time, in order, unless it was deleted or replaced", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 300 }), async (steps) => {
        const clock = virtualClock(0);
        const agenda = createAgenda(clock);
        let expected: { key: string; timeMs: number }[] = [];
        const done: string[] = [];
        const due: string[] = [];
        for (const each of [...steps, { kind: "advance" as const, byMs: 1000 }]) {
          const key = "key" in each ? String(each.key) : "";
          if (each.kind !== "advance") expected = expected.filter((entry) => entry.key !== key);
          if (each.kind === "set") {
            agenda.set(key, each.timeMs, () => done.push(`${key} at ${clock.now()}`));
            expected.push({ key, timeMs: each.timeMs });
          } else if (each.kind === "delete") agenda.delete(key);
          else {
            const untilMs = clock.now() + each.byMs;
            // Sorting keeps the order in which they were set.
            const now = expected.filter(({ timeMs }) => timeMs <= untilMs).sort((a, b) => a.timeMs - b.timeMs);
            due.push(...now.map((entry) => `${entry.key} at ${Math.max(entry.timeMs, clock.now())}`));
            expected = expected.filter(({ timeMs }) => timeMs > untilMs);
            await clock.advance(each.byMs);
          }
          const [first] = expected;
          if (first) expect(agenda.timeOf(first.key)).toBe(first.timeMs);
        }
        expect(done).toEqual(due);
      }),
      { numRuns: 100 },
    );
  });

  test("takes one timer of the clock, however much it holds", () => {
    const clock = virtualClock(0);
    let timers = 0;
    const counting = {
      now: clock.now,
      at(timeMs: number, run: () => void) {
        const timer = clock.at(timeMs, run);
        timers++;
        return {
          cancel() {
            timers--;
            timer.cancel();
          },
        };
      },
    };
    const agenda = createAgenda(counting);
    for (let index = 0; index < 1000; index++) agenda.set(String(index), 5000 - ((index * 7) % 1000), () => {});
    expect(timers).toBe(1);
    for (let index = 0; index < 1000; index++) agenda.delete(String(index));
    expect(timers).toBe(0);
  });

  test("forgets everything when it is closed", async () => {
    const clock = virtualClock(0);
    const agenda = createAgenda(clock);
    const done: string[] = [];
    agenda.set("before", 1, () => done.push("before"));
    agenda.close();
    agenda.set("after", 1, () => done.push("after"));
    await clock.advance(10);
    expect(done).toEqual([]);
  });
});
