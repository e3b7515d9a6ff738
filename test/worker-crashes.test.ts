/** Processes that die while jobs run, and messages that SQS hands out for the last time: every job ends with a reason. */
import { type Handler, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { followUpJobId } from "@tendril/core/job-id";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { idAttribute, lambdaContext, reasonIn, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } },
});

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [handle(Note, writeNote)];

const room = useWorkerRoom(makeHandlers);
const { behaviours, crash, failAlways, messagesOf, notesOf, rowOf, send, work } = room;

async function laterWork(remainingMs?: number): Promise<string[]> {
  await room.sqs.clock.advance(60_000);
  return work(remainingMs);
}

/** All dead letters' reasons. */
const reasons = async () => (await room.queue.deadLetters()).map(reasonIn);

const failuresOf = (id: string) =>
  room.query("select attempt, state, error from tendril.failed_attempts where job_id = $1 order by failed_at", [id]);

const starts = () => room.query("select from tendril.starts");

describe("a job whose process dies while it runs", () => {
  test("loses an attempt each time, but for the first delivery of its message, and may still succeed", async () => {
    const id = await send("survives");
    for (let death = 1; death <= 3; death += 1) await crash();
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 3, last_error: null });
    expect(await notesOf(id)).toEqual(["survives"]);
    expect(room.bench.linesOf(id)[0]).toMatchObject({ message: "job started", attempt: 3 });
    expect(await starts()).toEqual([]);
  });

  test("is dead after its attempts, with a reason that says so, and has not run again", async () => {
    const id = await send("poison");
    for (let death = 1; death <= 4; death += 1) await crash();
    expect(await work()).toEqual([]);
    const what = expect.stringContaining(
      "its process ended while it ran (out of memory, process.exit, or a timeout of the function): 3 attempts",
    );
    expect(await reasons()).toEqual([expect.objectContaining({ code: "job_crashed", what, attempt: 3 })]);
    expect(await rowOf(id)).toMatchObject({ state: "dead", attempts: 3, last_error: what });
    expect(await failuresOf(id)).toEqual([{ attempt: 3, state: "dead", error: what }]);
    expect(messagesOf(id)).toEqual(["job dead"]);
    expect(room.bench.documents.at(-1)).toMatchObject({ JobsDead: 1, JobsCrashed: 1 });
    expect(await starts()).toEqual([]);
    expect(await room.queue.count()).toBe(0);
  });

  test("counts deaths and failures together", async () => {
    failAlways("both", new Error("no"));
    const id = await send("both");
    await work();
    await room.sqs.clock.advance(60_000);
    await crash();
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "dead", attempts: 3, last_error: "Error: no" });
    expect(await failuresOf(id)).toEqual([
      { attempt: 1, state: "retry", error: "Error: no" },
      { attempt: 3, state: "dead", error: "Error: no" },
    ]);
  });

  test("stays while its dead letter cannot be sent, and does not run again", async () => {
    const id = await send("poison");
    for (let death = 1; death <= 4; death += 1) await crash();
    room.sqsWire.decide(({ action }) => (action === "SendMessage" ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(1);
    room.sqsWire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(await reasons()).toEqual([expect.objectContaining({ code: "job_crashed", attempt: 3 })]);
    expect(await notesOf(id)).toEqual([]);
    expect(messagesOf(id)).toEqual(["job retry", "job dead"]);
  });

  test("that is sent back from the dead-letter queue has all its attempts again", async () => {
    const id = await send("poison");
    for (let death = 1; death <= 4; death += 1) await crash();
    await work();
    const [letter] = await room.queue.deadLetters();
    await room.queue.send({ MessageBody: letter?.Body, MessageAttributes: idAttribute(id) });
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
    expect(await failuresOf(id)).toHaveLength(1);
  });

  test("is no crash when the deadline or the database has cut it short", async () => {
    const id = await send("cut");
    await crash();
    for (let delivery = 1; delivery <= 4; delivery += 1) {
      room.local.wire.decide((call) => (call.body.includes("insert into effects") ? "lose the call" : "pass"));
      expect(await laterWork()).toHaveLength(1);
    }
    room.local.wire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
  });

  test("goes back when its start cannot be marked: an attempt that nobody could count does not begin", async () => {
    const id = await send("unmarked");
    await crash();
    room.local.wire.decide((call) => (call.body.includes("tendril.starts") ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(1);
    expect(messagesOf(id)).not.toContain("job started");
    room.local.wire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(await notesOf(id)).toEqual(["unmarked"]);
  });
});

describe("a job that has taken its process down runs alone", () => {
  let suspect: string;

  beforeEach(async () => {
    suspect = await send("suspect");
    for (let death = 1; death <= 2; death += 1) await crash();
  });

  test("when all others of its batch are settled and SQS knows it: they do not die with it", async () => {
    failAlways("fails", new Error("no"));
    behaviours.set("parent", (job) => job.enqueue(Note, "child"));
    const others = [await send("good"), await send("parent"), await send("fails")];
    let seen: unknown;
    behaviours.set("suspect", async () => {
      const visible = await room.queue.receive();
      const states = await Promise.all(others.map(rowOf));
      seen = {
        visible: visible.Records.map(({ body }) => JSON.parse(body).data),
        states: states.map((row) => row?.state),
        left: await room.queue.count(),
        outbox: await room.query("select from tendril.outbox"),
      };
    });
    room.calls();
    expect(await work()).toHaveLength(1);
    // What is left: the suspect, the one that failed, and the child, which is visible.
    expect(seen).toEqual({ visible: ["child"], states: ["done", "done", "retry"], left: 3, outbox: [] });
    expect(room.calls().sqs).toEqual(["SendMessageBatch", expect.any(String), expect.any(String)]);
    expect(await rowOf(suspect)).toMatchObject({ state: "done", attempts: 2 });
    await room.sqs.clock.advance(4000);
    expect((await room.queue.receive()).Records).toHaveLength(1);
  });

  test("also when SQS cannot be told of the others", async () => {
    const good = await send("good");
    room.sqsWire.decide(({ action }) => (action === "DeleteMessageBatch" ? "lose the call" : "pass"));
    expect(await work()).toEqual([]);
    expect([await rowOf(suspect), await rowOf(good)].map((row) => row?.state)).toEqual(["done", "done"]);
    expect(room.bench.lines.filter((line) => line.message === "message not settled")).toHaveLength(1);
    expect(await room.queue.count()).toBe(0);
  });

  test("one suspect after the other", async () => {
    const second = await send("second");
    await room.queue.receive();
    await room.sqs.clock.advance(240_000);
    await crash();
    let running = 0;
    let most = 0;
    for (const note of ["suspect", "second"]) {
      behaviours.set(note, async (job) => {
        running += 1;
        most = Math.max(most, running);
        for (let call = 0; call < 5; call += 1) await job.sql`select 1`;
        running -= 1;
      });
    }
    expect(await work()).toEqual([]);
    expect(most).toBe(1);
    expect([await rowOf(suspect), await rowOf(second)].map((row) => row?.state)).toEqual(["done", "done"]);
  });

  test("or goes back, untried, when the others leave it no time", async () => {
    let skewMs = 0;
    room.use({ now: () => Date.now() + skewMs });
    await send("long");
    behaviours.set("long", async () => {
      skewMs = 30_000;
    });
    expect(await work()).toHaveLength(1);
    expect(messagesOf(suspect)).toEqual(["job returned"]);
    expect(await work()).toEqual([]);
    expect(await rowOf(suspect)).toMatchObject({ state: "done", attempts: 2 });
  });

  test("at once, when it is alone in its batch", async () => {
    room.calls();
    expect(await work()).toEqual([]);
    expect(room.calls()).toEqual({
      // begin, claim, its mark, its own, commit
      database: ["BeginTransaction", "Execute", "Execute", "Execute", "CommitTransaction"],
      sqs: [],
    });
  });
});

describe("at a message's last receipt", () => {
  const exhausted = (error: string) =>
    expect.objectContaining({ code: "receipts_exhausted", what: expect.stringContaining(error) });

  test("a job that would be tried again is dead, with its last error", async () => {
    room.use({ maxReceiveCount: 2 });
    failAlways("fails", new Error("no such user"));
    const id = await send("fails");
    expect(await work()).toHaveLength(1);
    expect(await laterWork()).toEqual([]);
    expect(await reasons()).toEqual([exhausted("Error: no such user")]);
    expect(await rowOf(id)).toMatchObject({ state: "dead", attempts: 2 });
    expect((await failuresOf(id)).map((failure) => failure.state)).toEqual(["retry", "dead"]);
  });

  test("one that could not be claimed is dead, too", async () => {
    room.use({ maxReceiveCount: 1 });
    await send("unlucky");
    room.local.wire.decide(() => "lose the call");
    expect(await work()).toEqual([]);
    expect(await reasons()).toEqual([exhausted("the job could not be claimed")]);
  });

  test("and one that there is no time for", async () => {
    room.use({ maxReceiveCount: 1 });
    await send("late");
    expect(await work(20_000)).toEqual([]);
    expect(await reasons()).toEqual([exhausted("the invocation has too little time left for it")]);
  });

  test("but not one that another delivery is running", async () => {
    room.use({ maxReceiveCount: 1 });
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    behaviours.set("runs", () => {
      start();
      return finished;
    });
    const id = await send("runs");
    const event = await room.queue.receive();
    const first = room.bench.worker(event, lambdaContext());
    await started;
    expect((await room.bench.worker(event, lambdaContext())).batchItemFailures).toHaveLength(1);
    finish();
    expect((await first).batchItemFailures).toEqual([]);
    expect(await reasons()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done" });
  });

  test("follow-ups that cannot be sent make a dead letter of their parent, which sends them when it is sent back", async () => {
    room.use({ maxReceiveCount: 1 });
    behaviours.set("parent", (job) => job.enqueue(Note, "child"));
    const id = await send("parent");
    room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the call" : "pass"));
    expect(await work()).toEqual([]);
    room.sqsWire.decide(() => "pass");
    expect(await reasons()).toEqual([exhausted("the job is done, but FollowUpsUnsent")]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
    await room.queue.send({ MessageBody: '{"job_type":"Note","data":"parent"}', MessageAttributes: idAttribute(id) });
    expect(await work()).toEqual([]);
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual(["parent"]);
    expect(await notesOf(followUpJobId(id, 0))).toEqual(["child"]);
  });
});

test("a message whose dead letter is sent is a duplicate when it is delivered once more", async () => {
  failAlways("fails", new Error("no"));
  const id = await send("fails");
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    await work();
    await room.sqs.clock.advance(60_000);
  }
  const event = await room.queue.receive();
  for (let delivery = 1; delivery <= 2; delivery += 1) {
    expect(await room.bench.worker(event, lambdaContext())).toEqual({ batchItemFailures: [] });
  }
  expect(messagesOf(id).at(-1)).toBe("job duplicate");
  expect(await reasons()).toHaveLength(1);
});
