import { copyFileSync, existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { virtualClock } from "../clock.ts";
import { toStored } from "./message.ts";
import { openQueues, type Queues } from "./queues.ts";

const clock = virtualClock(Date.UTC(2030, 0, 1));
const open = (dir: string): Promise<Queues> =>
  openQueues({ clock, region: "us-east-1", accountId: "000000000000", dir, onFailure: () => {} });

// Dead-letter queues come first: what moves to them while the file is compacted comes into a queue that is written already.
const names = ["dead", "dead.fifo", "work", "work.fifo"];
const target = (name: string): string => name.replace("work", "dead");

async function openFull(dir: string): Promise<Queues> {
  const queues = await open(dir);
  for (const name of names) {
    const deadLetterTargetArn = `arn:aws:sqs:us-east-1:000000000000:${target(name)}`;
    const redrive = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 }) };
    const attributes = { VisibilityTimeout: "0", ...(target(name) === name ? {} : redrive) };
    const nowMs = clock.now();
    await queues.commit({ kind: "queue", state: { name, attributes, tags: {}, createdMs: nowMs, modifiedMs: nowMs } });
    for (let index = 0; index < 40; index++) await send(queues, name, `first-${index}`);
  }
  return queues;
}

const body = "x".repeat(10_000);

async function send(queues: Queues, name: string, id: string): Promise<void> {
  const queue = queues.byUrl(name);
  const fifo = { groupId: `${id.length % 3}`, deduplicationId: id, sequenceNumber: queue.nextSequenceNumber() };
  const nowMs = clock.now();
  const message = {
    id: `${name}-${id}`,
    body,
    md5OfBody: "",
    attributes: {},
    sentMs: nowMs,
    enqueuedMs: nowMs,
    receiveCount: 0,
    receivedElsewhere: 0,
    visibleAtMs: nowMs,
    ...(queue.fifo ? fifo : {}),
  };
  await queues.commit({ kind: "sent", queue: name, message });
}

interface Step {
  readonly kind: "send" | "receive" | "delete" | "hide" | "move back";
  readonly name: string;
  readonly count: number;
}

async function doStep(queues: Queues, { kind, name, count }: Step, nth: number): Promise<void> {
  const queue = queues.byUrl(name);
  if (kind === "send") return send(queues, name, `${nth}`);
  if (kind === "receive") return void (await queue.receive({ max: count, visibilityMs: 0, waitMs: 0 }));
  const found = [...queue.mailbox.all()][count];
  if (!found) return;
  const { id, receipt = "" } = found;
  if (kind === "delete") return queues.commit({ kind: "deleted", queue: name, ids: [id] });
  if (kind === "hide") return queues.commit({ kind: "visibility", queue: name, id, receipt, visibleAtMs: clock.now() });
  const message = { ...toStored(found), receiveCount: 0, receivedElsewhere: 0 };
  return queues.commit({ kind: "moved", from: name, queue: name.replace("dead", "work"), message });
}

/** A line for each queue, each deduplication id and each message. */
const stateOf = (queues: Queues): string[] =>
  queues.all().flatMap((queue) => [
    // A message from another queue may bring a higher number.
    JSON.stringify({ ...queue.state, sequenceNumber: undefined }),
    ...[...queue.deduplicated.live(clock.now())]
      .map(({ key, value }) => `${queue.name}: ${key} ${value.messageId}`)
      .sort(),
    ...[...queue.mailbox.all()].map((message) =>
      JSON.stringify(Object.entries({ ...toStored(message), body: "" }).sort()),
    ),
  ]);

test("a process that dies while its journal is compacted loses no message, no move and no place in a group", async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom("send", "send", "send", "receive", "delete", "delete", "hide", "move back"),
    name: fc.constantFrom(...names),
    count: fc.integer({ min: 1, max: 30 }),
  });
  let found = 0;
  const run = async (steps: readonly Step[]): Promise<void> => {
    const dir = await mkdtemp(join(tmpdir(), "sqs-compaction-"));
    const [live, killed] = [join(dir, "live"), join(dir, "killed")];
    await mkdir(killed);
    const queues = await openFull(live);
    const isCompacting = (): boolean => existsSync(join(live, "journal.jsonl.new"));
    const killAndLook = async (): Promise<void> => {
      copyFileSync(join(live, "journal.jsonl"), join(killed, "journal.jsonl"));
      const before = stateOf(queues);
      const after = await open(killed);
      expect(stateOf(after)).toEqual(before);
      await after.close();
      found++;
    };
    let wasCompacting = false;
    for (const [nth, each] of steps.entries()) {
      await doStep(queues, each, nth);
      if (nth % 4 > 0) continue;
      await new Promise(setImmediate);
      // Some moments of a compaction, and the first one after it.
      if (isCompacting() === wasCompacting && !(wasCompacting && nth % 40 === 0)) continue;
      wasCompacting = isCompacting();
      await killAndLook();
    }
    await vi.waitFor(() => expect(isCompacting()).toBe(false), 10_000);
    await new Promise(setImmediate);
    await killAndLook();
    await queues.close();
    await rm(dir, { recursive: true });
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1_500, maxLength: 1_800, size: "max" }), run), {
    numRuns: 2,
    endOnFailure: true,
  });
  expect(found).toBeGreaterThanOrEqual(4);
}, 30_000);
