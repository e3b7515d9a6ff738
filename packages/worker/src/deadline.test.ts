import { expect, test } from "vitest";
import { DeadlineError, type Limited, openDeadline, settleMs, TimeoutError, untilAborted } from "./deadline.ts";

/** Limited work, and what it is stopped with. */
function limitedWork(): Limited & { readonly stopped: Promise<unknown>; readonly reasons: unknown[] } {
  const { promise: stopped, resolve } = Promise.withResolvers<unknown>();
  const reasons: unknown[] = [];
  const stop = (reason: unknown): void => {
    reasons.push(reason);
    resolve(reason);
  };
  return { stopped, reasons, stop };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("work is stopped at its timeout, and the others go on", async () => {
  const deadline = openDeadline(60_000, Date.now);
  const [late, longer] = [limitedWork(), limitedWork()];
  deadline.limit(longer, 30_000);
  deadline.limit(late, 5);
  const reason = await late.stopped;
  expect(reason).toBeInstanceOf(TimeoutError);
  expect(reason).toMatchObject({ message: "the job did not end within its timeout of 5 ms" });
  expect(longer.reasons).toEqual([]);
  expect(deadline.signal.aborted).toBe(false);
  deadline.clear();
});

test("timeouts come in their order, whatever the order in which work began", async () => {
  const deadline = openDeadline(60_000, Date.now);
  const ended: number[] = [];
  const all = [30, 5, 60, 15].map((timeoutMs) => {
    const work = limitedWork();
    deadline.limit(work, timeoutMs);
    return work.stopped.then(() => ended.push(timeoutMs));
  });
  await Promise.all(all);
  expect(ended).toEqual([5, 15, 30, 60]);
  deadline.clear();
});

test("work that has ended is not stopped", async () => {
  const deadline = openDeadline(60_000, Date.now);
  const [ended, late] = [limitedWork(), limitedWork()];
  deadline.limit(ended, 5);
  deadline.limit(late, 10);
  deadline.lift(ended);
  await late.stopped;
  expect(ended.reasons).toEqual([]);
  deadline.clear();
});

test("the deadline stops all work with the reason of its signal, and what begins afterwards at once", async () => {
  const deadline = openDeadline(settleMs + 10, Date.now);
  const [before, after] = [limitedWork(), limitedWork()];
  deadline.limit(before, 60_000);
  const reason = await before.stopped;
  expect(reason).toBeInstanceOf(DeadlineError);
  expect(deadline.signal.reason).toBe(reason);
  deadline.limit(after, 60_000);
  expect(after.reasons).toEqual([reason]);
  await nextTurn();
  expect(before.reasons).toHaveLength(1);
});

test("work that fails after it was left behind disturbs nobody", async () => {
  let fail = (_: Error): void => {};
  const work = new Promise<never>((_, reject) => {
    fail = reject;
  });
  await expect(untilAborted(work, AbortSignal.abort(new Error("left")))).rejects.toThrow("left");
  fail(new Error("late"));
  await nextTurn();
});

test("an invocation's deadline aborts while there is time to settle, and leaves settling until shortly before the end", async () => {
  let nowMs = 1000;
  const deadline = openDeadline(settleMs + 10, () => nowMs);
  expect(deadline.remainingMs()).toBe(10);
  await new Promise((resolve) => deadline.signal.addEventListener("abort", resolve));
  expect(deadline.signal.reason).toBeInstanceOf(DeadlineError);
  nowMs += settleMs;
  const settling = deadline.within(60_000);
  expect(settling.aborted).toBe(false);
  await new Promise((resolve) => settling.addEventListener("abort", resolve));
  expect(settling.aborted).toBe(true);
  deadline.clear();
});
