import fc from "fast-check";
import { expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { BatchScale } from "./batch-scale.ts";

/** Starts batches for so long, as many as there is room for, while none ends and messages never run out. */
async function startFor(milliseconds: number, maximumConcurrency?: number): Promise<number> {
  const clock = virtualClock(0);
  const scale = new BatchScale(clock, maximumConcurrency);
  let running = 0;
  for (;;) {
    const room = scale.room(running);
    if (room.kind === "room") running++;
    else if (room.kind === "full") return running;
    else {
      if (clock.now() + room.growsInMs > milliseconds) return running;
      await clock.advance(room.growsInMs);
    }
    scale.found({ isFull: true });
  }
}

test.each([
  [0, 5],
  [1000, 10],
  [60_000, 305],
  [120_000, 605],
  [600_000, 1250],
])("after %i ms of messages that wait, so many batches run: %i", async (milliseconds, batches) => {
  expect(await startFor(milliseconds)).toBe(batches);
});

test("however long, no more batches run than the maximum concurrency", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 20_000 }), async (most, time) => {
      expect(await startFor(time, most)).toBe(Math.min(most, 5 + Math.floor(time / 200)));
    }),
    { numRuns: 30 },
  );
});

test("batches that end soon do not hinder growth while messages wait", async () => {
  const clock = virtualClock(0);
  const scale = new BatchScale(clock);
  let running = 0;
  for (let elapsedMs = 0; elapsedMs <= 2000; elapsedMs += 50) {
    while (scale.room(running).kind === "room") running++;
    scale.found({ isFull: true });
    if (elapsedMs < 2000) running -= 2;
    await clock.advance(50);
  }
  expect(running).toBe(15);
});

test("a batch that is not full ends the growth", async () => {
  const clock = virtualClock(0);
  const scale = new BatchScale(clock);
  expect(scale.room(5)).toEqual({ kind: "growing", growsInMs: 200 });
  await clock.advance(199);
  scale.found({ isFull: false });
  await clock.advance(1);
  expect(scale.room(5)).toEqual({ kind: "growing", growsInMs: 200 });
});

test("each throttle halves it, down to one batch, and nothing grows until the throttled batches are over", async () => {
  const clock = virtualClock(0);
  const scale = new BatchScale(clock);
  const overs = [scale.throttled(), scale.throttled(), scale.throttled()];
  await clock.advance(60_000);
  scale.foundNothing(1);
  expect(scale.room(0)).toEqual({ kind: "room" });
  expect(scale.room(1)).toEqual({ kind: "full" });
  for (const isOver of overs) isOver();
  expect(scale.room(1)).toEqual({ kind: "growing", growsInMs: 200 });
});
