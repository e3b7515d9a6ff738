import { afterEach, beforeEach, expect, test } from "vitest";
import { type VirtualClock, virtualClock } from "../clock.ts";
import { snapshot } from "./apply-record.ts";
import type { Queue } from "./queue.ts";
import { openQueues, type Queues } from "./queues.ts";

let clock: VirtualClock;
let queues: Queues;
let queue: Queue;

beforeEach(async () => {
  clock = virtualClock(1_000_000);
  queues = await openQueues({ clock, region: "r", accountId: "1", dir: undefined, onFailure: () => {} });
  const state = { name: "work.fifo", attributes: {}, tags: {}, createdMs: 0, modifiedMs: 0 };
  await queues.commit({ kind: "queue", state });
  queue = queues.byUrl("/work.fifo");
});

afterEach(() => queues.close());

const state = () => ({ queues: new Map([[queue.name, queue]]), moveTasks: new Map(), deletedMs: new Map() });
const receive = () => queue.receive({ max: 1, visibilityMs: 10_000, waitMs: 0 });

async function send(id: string): Promise<void> {
  const message = { id, body: id, md5OfBody: "", attributes: {}, sentMs: 0, enqueuedMs: 1_000_000 };
  const counts = { receiveCount: 0, receivedElsewhere: 0, visibleAtMs: 0 };
  await queues.commit({ kind: "sent", queue: "work.fifo", message: { ...message, ...counts } });
}

test("a change of visibility that comes after the next receive changes nothing", async () => {
  await send("a");
  const [first] = await receive();
  const receipt = first?.receipt ?? "";
  await clock.advance(10_000);
  const [second] = await receive();
  expect(second?.id).toBe("a");
  await queues.commit({ kind: "visibility", queue: "work.fifo", id: "a", receipt, visibleAtMs: clock.now() });
  expect(await receive()).toEqual([]);
});

test("reading a record twice changes nothing", async () => {
  await send("a");
  await send("a");
  const [received] = await receive();
  const before = [...snapshot(state(), clock.now())];
  if (!received) throw new Error("Nothing was received.");
  const { receiveCount, receivedMs = 0, firstReceivedMs = 0, receipt = "", visibleAtMs } = received;
  const change = { receiveCount, receivedMs, firstReceivedMs, receipt, visibleAtMs };
  await queues.commit({ kind: "received", queue: "work.fifo", id: "a", receipt: change });
  expect([...snapshot(state(), clock.now())]).toEqual(before);
  for (let times = 0; times < 2; times++) await queues.commit({ kind: "deleted", queue: "work.fifo", ids: ["a"] });
  expect([...queue.mailbox.all()]).toEqual([]);
});

test("a snapshot does not remember the deduplication id of a message that may still be refused", () => {
  const { promise } = Promise.withResolvers<void>();
  const ids = { messageId: "m", sequenceNumber: "1" };
  queue.deduplicated.set("pending", { ...ids, keeping: promise }, clock.now(), clock.now());
  queue.deduplicated.set("kept", ids, clock.now(), clock.now());
  const records = [...snapshot(state(), clock.now())];
  expect(records.flatMap((record) => (record.kind === "deduplicated" ? [record.key] : []))).toEqual(["kept"]);
});

test("a record of a queue or a message that is gone does nothing", async () => {
  await queues.commit({ kind: "deleted", queue: "none", ids: ["a"] });
  await queues.commit({ kind: "visibility", queue: "work.fifo", id: "none", receipt: "r", visibleAtMs: 0 });
  expect(queues.all().map(({ name }) => name)).toEqual(["work.fifo"]);
});

test("a snapshot holds move tasks, and the names of queues that were just deleted", async () => {
  const task = { id: "t", sourceArn: queue.arn, toMove: 2, moved: 1, startedMs: 0, status: "RUNNING" as const };
  await queues.commit({ kind: "move-task", task });
  const deletedMs = new Map([
    ["just-now", clock.now() - 59_999],
    ["a-minute-ago", clock.now() - 60_000],
  ]);
  const records = [...snapshot({ ...state(), moveTasks: new Map(queues.moveTasks), deletedMs }, clock.now())];
  expect(records[0]).toEqual({ kind: "queue-deleted", queue: "just-now", atMs: clock.now() - 59_999 });
  expect(records.slice(1).map(({ kind }) => kind)).toEqual(["queue", "move-task"]);
  expect(records.at(-1)).toEqual({ kind: "move-task", task });
});
