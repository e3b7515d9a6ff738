import { expect, test } from "vitest";
import {
  DeadlineError,
  openDeadline,
  runWithin,
  settleMs,
  TimeoutError,
  untilAborted,
  type Within,
} from "./deadline.ts";

const never = new Promise<never>(() => {});
const open = new AbortController().signal;

test("work that ends in time gives its result, and its signal is not aborted", async () => {
  let seen: AbortSignal | undefined;
  const result = await runWithin(
    async ({ signal }) => {
      seen = signal;
      return "result";
    },
    { timeoutMs: 1000, outer: open },
  );
  expect(result).toBe("result");
  expect(seen?.aborted).toBe(false);
});

test("work that ignores its signal is left behind at its timeout", async () => {
  const run = runWithin(() => never, { timeoutMs: 5, outer: open });
  await expect(run).rejects.toThrow(TimeoutError);
  await expect(run).rejects.toThrow("the job did not end within its timeout of 5 ms");
});

test("work sees the timeout as its signal's reason", async () => {
  let reason: unknown;
  const work = ({ signal }: Within): Promise<never> => {
    signal.addEventListener("abort", () => {
      reason = signal.reason;
    });
    return never;
  };
  await expect(runWithin(work, { timeoutMs: 5, outer: open })).rejects.toThrow(TimeoutError);
  expect(reason).toBeInstanceOf(TimeoutError);
});

test("the outer signal ends work too, also when it was aborted before", async () => {
  const controller = new AbortController();
  const run = runWithin(() => never, { timeoutMs: 60_000, outer: controller.signal });
  controller.abort(new DeadlineError("over"));
  await expect(run).rejects.toThrow(DeadlineError);
  await expect(runWithin(() => never, { timeoutMs: 60_000, outer: controller.signal })).rejects.toThrow("over");
});

test("work that fails after it was left behind disturbs nobody", async () => {
  let fail = (_: Error): void => {};
  const work = new Promise<never>((_, reject) => {
    fail = reject;
  });
  await expect(untilAborted(work, AbortSignal.abort(new Error("left")))).rejects.toThrow("left");
  fail(new Error("late"));
  await new Promise((resolve) => setImmediate(resolve));
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
