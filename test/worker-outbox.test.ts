/** Follow-ups and results: what a job leaves is committed with its effects, and sent once these are. */
import { type Enqueue, type Handler, handle, type JobContext } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { followUpJobId, type JobId, keyedJobId } from "@tendril/core/job-id";
import { longestMessageBytes } from "@tendril/core/message";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { LocalQueue } from "./support/local-aws.ts";
import { idAttribute, lambdaContext, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } },
});
const Hasty = defineJob({ type: "Hasty", input: z.string(), timeout: "1 second" });
const Mail = defineJob({ type: "Mail", input: z.object({ to: z.string(), at: z.iso.datetime() }), queue: "mail" });
const Nowhere = defineJob({ type: "Nowhere", input: z.string(), queue: "nowhere" });

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [handle(Note, writeNote), handle(Hasty, writeNote)];

const room = useWorkerRoom(makeHandlers);
const { behaviours, messagesOf, notesOf, rowOf, send, work } = room;

/** Lets the job of a note enqueue as it is told. */
function enqueueing(note: string, calls: (enqueue: Enqueue, job: JobContext) => Promise<unknown>): void {
  behaviours.set(note, (job) => calls(job.enqueue, job));
}

async function owed(parent: JobId): Promise<number> {
  return (await room.query("select from tendril.outbox where parent_id = $1", [parent])).length;
}

async function laterWork(): Promise<string[]> {
  await room.sqs.clock.advance(60_000);
  return work();
}

describe("a follow-up", () => {
  test("is sent when its parent is committed, not before, and runs", async () => {
    enqueueing("parent", (enqueue) => enqueue(Note, "child"));
    const states: unknown[] = [];
    const parent = await send("parent");
    room.sqsWire.decide(async ({ action }) => {
      if (action === "SendMessageBatch") states.push((await rowOf(parent))?.state);
      return "pass" as const;
    });
    expect(await work()).toEqual([]);
    expect(states).toEqual(["done"]);
    expect(room.bench.linesOf(parent).at(-1)).toMatchObject({ message: "job done", follow_ups: 1 });
    expect(room.bench.documents).toEqual([expect.objectContaining({ JobsDone: 1, FollowUpsSent: 1 })]);
    expect(await owed(parent)).toBe(0);
    expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 0))).toEqual(["child"]);
    expect(await room.queue.count()).toBe(0);
  });

  test("of an attempt that fails is never sent; in every attempt it has the same id", async () => {
    const ids: JobId[] = [];
    enqueueing("parent", async (enqueue, job) => {
      ids.push(await enqueue(Note, "child"));
      if (job.attempt === 1) throw new Error("not yet");
    });
    const parent = await send("parent");
    expect(await work()).toHaveLength(1);
    expect(room.calls().sqs).not.toContain("SendMessageBatch");
    expect(await owed(parent)).toBe(0);
    expect(await laterWork()).toEqual([]);
    expect(ids).toEqual([followUpJobId(parent, 0), followUpJobId(parent, 0)]);
    expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 0))).toEqual(["child"]);
  });

  test("that is not sent after the commit goes with the message's next delivery, and runs once", async () => {
    enqueueing("parent", async (enqueue) => {
      for (const child of ["first", "second"]) await enqueue(Note, child);
    });
    const parent = await send("parent");
    room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(1);
    expect(await rowOf(parent)).toMatchObject({ state: "done", attempts: 1 });
    expect(await owed(parent)).toBe(2);
    const error = expect.stringContaining("the job is done, but FollowUpsUnsent: 2 of 2 follow-ups could not be sent");
    expect(room.bench.linesOf(parent).at(-1)).toMatchObject({ message: "job retry", attempt: 0, error });
    expect(await laterWork()).toHaveLength(1);
    room.sqsWire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(room.bench.linesOf(parent).at(-1)).toMatchObject({ message: "job duplicate", follow_ups: 2 });
    expect(await owed(parent)).toBe(0);
    expect(await work()).toEqual([]);
    expect(await notesOf(parent)).toEqual(["parent"]);
    for (const [index, child] of ["first", "second"].entries()) {
      expect(await notesOf(followUpJobId(parent, index))).toEqual([child]);
    }
    expect(await room.queue.count()).toBe(0);
  });

  test.each(["lose the call", "lose the answer"] as const)(
    "that is sent but not cleared (%s) is sent again, and runs once",
    async (fate) => {
      enqueueing("parent", (enqueue) => enqueue(Note, "child"));
      const parent = await send("parent");
      room.local.wire.decide(({ body }) => (body.includes("delete from tendril.outbox") ? fate : "pass"));
      expect(await work()).toEqual([expect.any(String)]);
      expect(room.bench.lines.at(-1)).toMatchObject({ message: "follow-ups not cleared", records: 1 });
      room.local.wire.decide(() => "pass");
      // The child was sent; the parent is delivered again.
      for (let delivery = 0; delivery < 3; delivery += 1) expect(await laterWork()).toEqual([]);
      expect(await owed(parent)).toBe(0);
      expect(await notesOf(followUpJobId(parent, 0))).toEqual(["child"]);
      expect(await room.queue.count()).toBe(0);
    },
  );

  test("of two deliveries of its parent at once runs once", async () => {
    enqueueing("parent", (enqueue) => enqueue(Note, "child"));
    const parent = await send("parent");
    const event = await room.queue.receive();
    await Promise.all(Array.from({ length: 3 }, () => room.bench.worker(event, lambdaContext())));
    await room.queue.acknowledge(event, { batchItemFailures: [] });
    while ((await room.queue.count()) > 0) expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 0))).toEqual(["child"]);
  });

  test("with a key runs once, whoever enqueues it and how often", async () => {
    enqueueing("parent", async (enqueue) => {
      await enqueue(Note, "child", { key: "account 7" });
      await enqueue(Note, "child", { key: "account 7" });
    });
    for (let count = 0; count < 3; count += 1) await send("parent");
    expect(await work()).toEqual([]);
    expect(await room.query("select from tendril.outbox")).toEqual([]);
    expect(await room.queue.count()).toBe(3);
    while ((await room.queue.count()) > 0) expect(await work()).toEqual([]);
    expect(await notesOf(keyedJobId("Note", "account 7"))).toEqual(["child"]);
  });

  test("waits for its delay, counted from when it was enqueued", async () => {
    enqueueing("parent", (enqueue) => enqueue(Note, "child", { delay: "10 minutes" }));
    const parent = await send("parent");
    expect(await work()).toEqual([]);
    await room.sqs.clock.advance(590_000);
    expect((await room.queue.receive()).Records).toEqual([]);
    await room.sqs.clock.advance(11_000);
    expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 0))).toEqual(["child"]);
  });

  test("waits for its time when it has one, and goes at once when that is past", async () => {
    enqueueing("parent", async (enqueue) => {
      await enqueue(Note, "soon", { at: new Date(Date.now() + 300_000), delay: "14 minutes" });
      await enqueue(Note, "now", { at: new Date(0) });
    });
    const parent = await send("parent");
    const elapsedMs = room.sqs.clock.now() - Date.now();
    expect(await work()).toEqual([]);
    expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 1))).toEqual(["now"]);
    await room.sqs.clock.advance(302_000 - Math.min(0, elapsedMs));
    expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 0))).toEqual(["soon"]);
  });

  test("goes to its job type's queue, or to the one that is named, in its group", async () => {
    const mail = await room.sqs.freshQueue();
    const ordered = await room.sqs.freshQueue({ fifo: true });
    room.use({ others: { mail, ordered } });
    enqueueing("parent", async (enqueue) => {
      await enqueue(Mail, { to: "ann", at: new Date(0).toISOString() });
      await enqueue(Note, "a1", { queue: "ordered", group: "a" });
      await enqueue(Note, "a2", { queue: "ordered", group: "a" });
      await enqueue(Note, "of its type", { queue: "ordered" });
    });
    const parent = await send("parent");
    expect(await work()).toEqual([]);
    const bodies = async (queue: LocalQueue) =>
      (await queue.receive()).Records.map(({ body, attributes }) => [attributes.MessageGroupId, JSON.parse(body).data]);
    expect(await bodies(mail)).toEqual([[undefined, { to: "ann", at: "1970-01-01T00:00:00.000Z" }]]);
    expect(await bodies(ordered)).toEqual([
      ["a", "a1"],
      ["a", "a2"],
      ["Note", "of its type"],
    ]);
    expect(messagesOf(parent)).toEqual(["job started", "job done"]);
  });
});

describe("what cannot be sent is refused when it is enqueued", () => {
  const refusals: [string, string, (enqueue: Enqueue) => Promise<unknown>][] = [
    ["an input of another kind", "input_invalid", (enqueue) => enqueue(Note, 7 as never)],
    ["an input that JSON cannot carry", "input_invalid", (enqueue) => enqueue(Note, 7n as never)],
    ["too large an input", "body_too_large", (enqueue) => enqueue(Note, "x".repeat(longestMessageBytes))],
    ["a queue that the tier has not", "queue_unknown", (enqueue) => enqueue(Nowhere, "x")],
    ["another such queue", "queue_unknown", (enqueue) => enqueue(Note, "x", { queue: "toString" })],
    ["a group that SQS refuses", "input_invalid", (enqueue) => enqueue(Note, "x", { group: "a b" })],
    ["a delay without a unit", "duration_invalid", (enqueue) => enqueue(Note, "x", { delay: "5" as never })],
    ["a Date that is no time", "duration_invalid", (enqueue) => enqueue(Note, "x", { at: new Date(Number.NaN) })],
    ["too late a time", "duration_invalid", (enqueue) => enqueue(Note, "x", { at: new Date("9999-01-01") })],
  ];

  test.each(refusals)("%s: %s, which the handler may take, and go on", async (_, code, call) => {
    let thrown: unknown;
    enqueueing("parent", async (enqueue) => {
      await call(enqueue).catch((error: unknown) => {
        thrown = error;
      });
      await enqueue(Note, "instead");
    });
    const parent = await send("parent");
    expect(await work()).toEqual([]);
    expect(thrown).toMatchObject({ code });
    expect(messagesOf(parent)).toEqual(["job started", "follow-up refused", "job done"]);
    expect((await room.queue.receive()).Records.map(({ body }) => JSON.parse(body).data)).toEqual(["instead"]);
  });

  test("a handler that takes the refusal as its last act succeeds", async () => {
    enqueueing("parent", (enqueue) => enqueue(Nowhere, "x").catch(() => {}));
    const parent = await send("parent");
    expect(await work()).toEqual([]);
    expect(messagesOf(parent)).toEqual(["job started", "follow-up refused", "job done"]);
  });

  test("and fails the attempt when the handler has not waited for it", async () => {
    const Slow = defineJob({
      type: "Slow",
      input: z.string().refine(async (text) => {
        await new Promise((resolve) => setImmediate(resolve));
        return text !== "bad";
      }),
    });
    enqueueing("parent", async (enqueue) => {
      void enqueue(Slow, "good");
      void enqueue(Slow, "bad");
    });
    const parent = await send("parent");
    expect(await work()).toHaveLength(1);
    expect(await rowOf(parent)).toMatchObject({ state: "retry", last_error: expect.stringContaining("does not fit") });
    expect(await notesOf(parent)).toEqual([]);
    expect(await owed(parent)).toBe(0);
  });

  test("a follow-up that the handler has not waited for is sent all the same", async () => {
    enqueueing("parent", async (enqueue) => void enqueue(Note, "child"));
    const parent = await send("parent");
    expect(await work()).toEqual([]);
    expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 0))).toEqual(["child"]);
  });

  test("after the handler's end, with transaction_ended", async () => {
    let enqueue: Enqueue | undefined;
    enqueueing("parent", async (given) => {
      enqueue = given;
    });
    const parent = await send("parent");
    expect(await work()).toEqual([]);
    await expect(enqueue?.(Note, "late")).rejects.toMatchObject({ code: "transaction_ended" });
    expect(await owed(parent)).toBe(0);
  });

  test("after a failure or a timeout too: a handler that goes on enqueues and writes nothing", async () => {
    const late: Promise<unknown>[] = [];
    behaviours.set("slow", (job) => {
      job.signal.addEventListener("abort", () => {
        const calls = [job.enqueue(Note, "late"), job.sql`select 1`];
        late.push(...calls.map((call) => call.catch((error: unknown) => String(error))));
      });
      return new Promise(() => {});
    });
    const id = await send("slow", { type: "Hasty" });
    expect(await work()).toHaveLength(1);
    const timeout = "TimeoutError: the job did not end within its timeout of 1 s";
    expect(await Promise.all(late)).toEqual([timeout, timeout]);
    expect(await owed(id)).toBe(0);
  });
});

describe("what a handler returns", () => {
  test.each([
    ["an object", { sent: 3, to: ["ann"] }],
    ["a text", "fine"],
    ["null", null],
    ["60,000 bytes of JSON", "é".repeat(29_999)],
  ])("is kept: %s", async (_, returned) => {
    behaviours.set("returns", async () => returned);
    const id = await send("returns");
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", result: returned });
  });

  test("is nothing without a result, and costs no call", async () => {
    const id = await send("returns");
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", result: null });
    expect(room.calls().database).toEqual(["BeginTransaction", "Execute", "Execute", "CommitTransaction"]);
  });

  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  test.each([
    ["more than 60,000 bytes", "é".repeat(30_000), "60002 bytes"],
    ["a BigInt", { sum: 7n }, "a BigInt, a cycle"],
    ["a cycle", cycle, "a BigInt, a cycle"],
    ["a function", () => {}, "a function"],
    ["what has a toJSON that throws", { toJSON: () => JSON.parse("{") }, "a toJSON that throws"],
    ["the character 0, which Postgres does not keep", "a\u0000b", "cannot keep"],
    ["half of a pair", "\ud800", "cannot keep"],
  ])("fails the attempt when it is %s, and nothing is committed", async (_, returned, given) => {
    behaviours.set("returns", async (job) => {
      await job.enqueue(Note, "child");
      return returned;
    });
    const id = await send("returns");
    expect(await work()).toHaveLength(1);
    expect(await rowOf(id)).toMatchObject({
      state: "retry",
      result: null,
      last_error: expect.stringMatching(new RegExp(`result cannot be kept.*${given}`)),
    });
    expect(await notesOf(id)).toEqual([]);
    expect(await owed(id)).toBe(0);
  });
});

describe("what a batch of ten costs", () => {
  const ten = Array.from({ length: 10 }, (_, index) => index);
  const times = (calls: readonly string[]) =>
    Object.fromEntries([...new Set(calls)].map((call) => [call, calls.filter((each) => each === call).length]));

  test("a job: begin, claim, its own calls, commit; and no call to SQS besides Lambda's own", async () => {
    for (const index of ten) await send(`note ${index}`);
    room.calls();
    expect(await work()).toEqual([]);
    const { database, sqs } = room.calls();
    expect(times(database)).toEqual({ BeginTransaction: 10, Execute: 10 + 10, CommitTransaction: 10 });
    expect(sqs).toEqual([]);
  });

  test("follow-ups: one call more a job, one to clear them all, and a tenth of a send each at best", async () => {
    for (const index of ten) {
      enqueueing(`parent ${index}`, (enqueue) => enqueue(Note, `child ${index}`));
      await send(`parent ${index}`);
    }
    room.calls();
    expect(await work()).toEqual([]);
    const { database, sqs } = room.calls();
    expect(times(database)).toEqual({ BeginTransaction: 10, Execute: 10 + 10 + 10 + 1, CommitTransaction: 10 });
    expect(sqs.length).toBeLessThanOrEqual(10);
    expect(new Set(sqs)).toEqual(new Set(["SendMessageBatch"]));
    expect(await room.query("select from tendril.outbox")).toEqual([]);
  });

  test("failures: a rollback and a line in the ledger each, and one call to SQS for all", async () => {
    for (const index of ten) {
      room.failAlways(`bad ${index}`, new Error("no"));
      await send(`bad ${index}`);
    }
    room.calls();
    expect(await work()).toHaveLength(10);
    const { database, sqs } = room.calls();
    expect(times(database)).toEqual({ BeginTransaction: 10, Execute: 10 + 10 + 10, RollbackTransaction: 10 });
    expect(sqs).toEqual(["ChangeMessageVisibilityBatch"]);
  });

  test("a redelivery: one call more, which marks that an attempt began", async () => {
    room.failAlways("bad", new Error("no"));
    await send("bad");
    await work();
    behaviours.clear();
    room.calls();
    expect(await laterWork()).toEqual([]);
    expect(times(room.calls().database)).toEqual({ BeginTransaction: 1, Execute: 3, CommitTransaction: 1 });
  });
});

test("the longest message is run, and its follow-up is as long", async () => {
  const roomBytes = longestMessageBytes - Buffer.byteLength('{"job_type":"Note","data":""}tendril.job_idString') - 36;
  const parentNote = "p".repeat(roomBytes);
  const childNote = "c".repeat(roomBytes);
  behaviours.set(parentNote, (job) => job.enqueue(Note, childNote));
  const parent = await send(parentNote);
  room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the call" : "pass"));
  expect(await work()).toHaveLength(1);
  room.sqsWire.decide(() => "pass");
  expect(await laterWork()).toEqual([]);
  expect(await work()).toEqual([]);
  expect(await notesOf(parent)).toEqual([parentNote]);
  expect(await notesOf(followUpJobId(parent, 0))).toEqual([childNote]);
  await expect(
    room.queue.send({
      MessageBody: JSON.stringify({ job_type: "Note", data: `${parentNote}x` }),
      MessageAttributes: idAttribute(parent),
    }),
  ).rejects.toThrow("1048576");
});
