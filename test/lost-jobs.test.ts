/** Ways in which a job could be lost without a word although nothing is broken: each was one once. */
import { ExecuteStatementCommand, type RDSDataClient } from "@aws-sdk/client-rds-data";
import { handle, type JobContext } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { keyedJobId } from "@tendril/core/job-id";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { idAttribute, lambdaContext, newId, reasonIn, useWorkerRoom } from "./support/worker-bench.ts";

const retry = { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } } as const;
const Note = defineJob({ type: "Note", input: z.string(), retry });
const Poll = defineJob({ type: "Poll", input: z.string(), retry, effects: "at-least-once" });

const endless = z.string().refine((text) => text !== "endless" || new Promise<boolean>(() => {}));
const Checked = defineJob({ type: "Checked", input: endless, retry, timeout: "1 second" });

const nobody = { resourceArn: "", secretArn: "" };
const ran: string[] = [];

const room = useWorkerRoom(({ writeNote, behaviours }) => [
  handle(Note, writeNote),
  handle(Checked, writeNote),
  handle(Poll, async (note, job) => {
    ran.push(note);
    return behaviours.get(note)?.(job as JobContext);
  }),
]);
const { behaviours, send, work } = room;

beforeEach(async () => {
  ran.splice(0);
  await room.query("truncate effects");
});

async function laterWork(remainingMs?: number): Promise<string[]> {
  await room.sqs.clock.advance(300_000);
  return work(remainingMs);
}

/** Works until the queue is empty. */
async function workAll(): Promise<void> {
  for (let round = 0; (await room.queue.count()) > 0; round += 1) {
    if (round === 20) throw new Error("the queue does not become empty");
    await laterWork();
  }
}

/** What jobs have written in this test. */
async function notes(): Promise<unknown[]> {
  return (await room.query("select note from effects order by note")).map(({ note }) => note);
}

describe("an at-least-once job that runs again", () => {
  /** A delivery whose messages are not deleted: its process ends before Lambda has its answer. */
  const workUnheard = async () => room.bench.worker(await room.queue.receive(), lambdaContext());

  test("with other follow-ups than before loses none of them", async () => {
    const found = [["a", "b"], ["c"], ["d"]];
    behaviours.set("poll", async (job) => {
      for (const item of found.shift() ?? []) await job.enqueue(Note, item);
    });
    await send("poll", { type: "Poll" });
    await workUnheard();
    await work();
    await workAll();
    expect(ran).toEqual(["poll", "poll"]);
    expect(await notes()).toEqual(["a", "b", "c"]);
  });

  test("with the same follow-ups in another order has each of them once", async () => {
    const orders = [
      ["a", "b", "a"],
      ["b", "a", "a"],
    ];
    behaviours.set("poll", async (job) => {
      for (const item of orders.shift() ?? []) await job.enqueue(Note, item);
    });
    await send("poll", { type: "Poll" });
    await workUnheard();
    await work();
    await workAll();
    expect(ran).toEqual(["poll", "poll"]);
    expect(await notes()).toEqual(["a", "a", "b"]);
  });
});

describe("an at-least-once job that was received more often than it may be tried", () => {
  test("because there was no time for it still runs", async () => {
    await send("late", { type: "Poll" });
    for (let receipt = 1; receipt <= 4; receipt += 1) expect(await work(20_000)).toHaveLength(1);
    expect(await work()).toEqual([]);
    expect(ran).toEqual(["late"]);
    expect(await room.queue.deadLetters()).toEqual([]);
  });

  test("because it waited behind another of its group still runs", async () => {
    room.use({ queue: await room.sqs.freshQueue({ fifo: true }) });
    await send("first", { group: "a" });
    await send("second", { type: "Poll", group: "a" });
    room.local.wire.decide(() => "lose the call");
    for (let receipt = 1; receipt <= 4; receipt += 1) expect(await laterWork()).toHaveLength(2);
    room.local.wire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(await notes()).toEqual(["first"]);
    expect(ran).toEqual(["second"]);
    expect(await room.queue.deadLetters()).toEqual([]);
  });
});

test("at-least-once jobs that were received together too often run alone: the one that ends the process does not take the others with it", async () => {
  const names = ["poison", "one", "two"];
  let running = 0;
  let most = 0;
  for (const name of names) {
    behaviours.set(name, async () => {
      running += 1;
      most = Math.max(most, running);
      await room.query("select 1");
      running -= 1;
    });
    await send(name, { type: "Poll" });
  }
  for (let death = 1; death <= 3; death += 1) {
    await room.queue.receive();
    await room.sqs.clock.advance(240_000);
  }
  expect(await work()).toEqual([]);
  expect(ran.toSorted()).toEqual(names.toSorted());
  expect(most).toBe(1);
});

describe("a dead job whose death could not be written down", () => {
  test("runs when its letter is sent back, though its process has died at each attempt", async () => {
    const id = await send("poison");
    for (let death = 1; death <= 4; death += 1) await room.crash();
    room.local.wire.decide(({ body }) => (body.includes("record_failure") ? "lose the call" : "pass"));
    expect(await work()).toEqual([]);
    room.local.wire.decide(() => "pass");
    const [letter] = await room.queue.deadLetters();
    expect(reasonIn(letter)).toMatchObject({ code: "job_crashed" });
    await room.queue.send({ MessageBody: letter?.Body, MessageAttributes: idAttribute(id) });
    expect(await work()).toEqual([]);
    expect(await notes()).toEqual(["poison"]);
    expect(await room.rowOf(id)).toMatchObject({ state: "done" });
  });
});

describe("a follow-up with a key that another job owes", () => {
  test("is sent by the one that comes back, also when the other never does", async () => {
    const key = newId();
    const enqueue = (job: JobContext) => job.enqueue(Note, "child", { key });
    for (const parent of ["one", "two"]) {
      behaviours.set(parent, enqueue);
      await send(parent);
      room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the call" : "pass"));
      if (parent === "one") {
        // Its message is gone: somebody has purged the queue, or its dead letter was dropped.
        const event = await room.queue.receive();
        await room.bench.worker(event, lambdaContext());
        await room.queue.acknowledge(event, { batchItemFailures: [] });
      } else expect(await work()).toHaveLength(1);
      room.sqsWire.decide(() => "pass");
    }
    expect(await room.query("select distinct id from tendril.outbox")).toEqual([{ id: keyedJobId("Note", key) }]);
    await workAll();
    expect(await notes()).toEqual(["child", "one", "two"]);
    expect(await room.query("select from tendril.outbox")).toEqual([]);
  });
});

test.each<[string, unknown]>([
  ["a number", 42],
  ["an object", {}],
  ["null", null],
])("an error whose stack is %s is its own job's trouble, not its batch's", async (_, stack) => {
  const error = new Error("no stack");
  Object.defineProperty(error, "stack", { value: stack });
  room.failAlways("odd", error);
  const [odd, good] = [await send("odd"), await send("good")];
  expect(await work()).toHaveLength(1);
  expect(await room.rowOf(odd)).toMatchObject({ state: "retry", last_error: "Error: no stack" });
  expect(room.bench.linesOf(odd).at(-1)).toMatchObject({ message: "job retry", attempt: 1 });
  expect(await room.rowOf(good)).toMatchObject({ state: "done" });
  expect(await notes()).toEqual(["good"]);
});

test("a schema that never answers holds its own job up, not its batch", async () => {
  const [stuck] = [await send("endless", { type: "Checked" }), await send("good", { type: "Checked" })];
  expect(await work(6_500)).toHaveLength(1);
  expect(await notes()).toEqual(["good"]);
  const error = expect.stringContaining("its input was not checked in time");
  expect(room.bench.linesOf(stuck).at(-1)).toMatchObject({ message: "job retry", attempt: 0, error });
  room.use({ maxReceiveCount: 2 });
  expect(await laterWork(5_500)).toEqual([]);
  expect(reasonIn((await room.queue.deadLetters())[0])).toMatchObject({ what: error });
});

test("a handler that aborts its own call leaves its transaction open no longer than the statement runs", async () => {
  const id = newId();
  behaviours.set("aborts", async (job) => {
    const { rdsData, signal } = job as { rdsData: RDSDataClient; signal: AbortSignal };
    const statement = { ...nobody, sql: "select pg_sleep(3)" };
    await rdsData.send(new ExecuteStatementCommand(statement), { abortSignal: signal });
  });
  await send("aborts", { type: "Checked", id });
  expect(await work()).toHaveLength(1);
  await expect
    .poll(() => room.query("select from pg_locks where locktype = 'advisory'"), { timeout: 20_000 })
    .toEqual([]);
  behaviours.clear();
  expect(await laterWork()).toEqual([]);
  expect(await notes()).toEqual(["aborts"]);
});
