import { afterEach, beforeEach, expect, test } from "vitest";
import { type VirtualClock, virtualClock } from "../clock.ts";
import type { Queue } from "./queue.ts";
import { openQueues, type Queues } from "./queues.ts";
import { receiveActions } from "./receive-actions.ts";

const limit = 120_000;

let clock: VirtualClock;
let queues: Queues;

beforeEach(async () => {
  clock = virtualClock(1_000_000);
  queues = await openQueues({ clock, region: "r", accountId: "1", dir: undefined, onFailure: () => {} });
});

afterEach(() => queues.close());

/** A queue with messages, each in a group of its own when it is a FIFO queue. */
async function create(name: string, count: number, delayed = 0): Promise<Queue> {
  await queues.commit({ kind: "queue", state: { name, attributes: {}, tags: {}, createdMs: 0, modifiedMs: 0 } });
  const nowMs = clock.now();
  const counts = { receiveCount: 0, receivedElsewhere: 0, sentMs: nowMs, enqueuedMs: nowMs };
  for (let index = 0; index < count + delayed; index++) {
    const id = String(index);
    const visibleAtMs = nowMs + (index < count ? 0 : 900_000);
    const message = { id, body: id, md5OfBody: "", attributes: {}, groupId: id, visibleAtMs, ...counts };
    queues.doNow({ kind: "sent", queue: name, message });
  }
  return queues.byUrl(`/${name}`);
}

const fill = (queue: Queue) => queue.receive({ max: limit - 1, visibilityMs: 30_000, waitMs: 0 });

async function receive(name: string, MaxNumberOfMessages: number): Promise<number> {
  const { ReceiveMessage } = receiveActions(queues);
  const { signal } = new AbortController();
  const context = { signal, header: () => undefined, accessKeyId: () => undefined };
  const answer = await ReceiveMessage?.({ QueueUrl: `/${name}`, MaxNumberOfMessages }, context);
  return answer?.Messages?.length ?? 0;
}

test("a queue gives no more messages than may be in flight, then refuses until one is visible or deleted", async () => {
  const queue = await create("work", limit + 5);
  const [first] = await fill(queue);
  expect(await receive("work", 10)).toBe(1);
  await expect(receive("work", 10)).rejects.toMatchObject({ name: "OverLimit" });
  if (first) queue.remove(first);
  expect(await receive("work", 10)).toBe(1);
  await clock.advance(30_000);
  expect(await receive("work", 10)).toBe(10);
});

test("a FIFO queue answers with nothing instead of refusing", async () => {
  await fill(await create("work.fifo", limit + 5));
  expect(await receive("work.fifo", 10)).toBe(1);
  expect(await receive("work.fifo", 10)).toBe(0);
});

test("delayed messages are not in flight", async () => {
  await create("work", 20, limit);
  expect(await receive("work", 10)).toBe(10);
  expect(await receive("work", 10)).toBe(10);
  expect(await receive("work", 10)).toBe(0);
});
