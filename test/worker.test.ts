import { randomBytes } from "node:crypto";
import { type Handler, handle, type JobContext } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { newJobId } from "@tendril/core/job-id";
import { RetryAfter, Unrecoverable } from "@tendril/core/outcome";
import type { Database } from "@tendril/ledger/database";
import { createLedger, type Ledger } from "@tendril/ledger/ledger";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type LocalDatabase,
  type LocalQueue,
  type LocalSqs,
  migrateLedger,
  startLocalDatabase,
  startLocalSqs,
} from "./support/local-aws.ts";
import { createBench, idAttribute, lambdaContext, reasonIn, type WorkerBench } from "./support/worker-bench.ts";

let local: LocalDatabase;
let sqs: LocalSqs;
let database: Database;
let ledger: Ledger;
let name: string;
let queue: LocalQueue;
let bench: WorkerBench;

beforeAll(async () => {
  [local, sqs] = await Promise.all([startLocalDatabase(), startLocalSqs()]);
  ({ name, database } = await local.freshDatabase());
  await migrateLedger(database);
  ledger = createLedger(database);
  await local.query(name, "create table effects (job uuid not null, note text)");
});

beforeEach(async () => {
  queue = await sqs.freshQueue();
  bench = createBench({ handlers, queue, sqs: sqs.client, ledger });
});

afterEach(() => {
  local.wire.decide(() => "pass");
  behaviours.clear();
});

afterAll(() => Promise.all([local.close(), sqs.close()]));

/** What a job does after it has written its note, by the note. */
const behaviours = new Map<string, (job: JobContext) => Promise<unknown>>();

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } },
});
const Hasty = defineJob({ type: "Hasty", input: z.string(), timeout: "1 second" });

async function writeNote(note: string, job: JobContext): Promise<void> {
  await job.sql`insert into effects values (${job.id}::uuid, ${note})`;
  await behaviours.get(note)?.(job);
}

const handlers: Handler[] = [handle(Note, writeNote), handle(Hasty, writeNote)];

const newId = () => newJobId(Date.now(), randomBytes(16));

/** Sends a job and gives its id. */
async function send(note: string, { type = "Note", group }: { type?: string; group?: string } = {}): Promise<string> {
  const id = newId();
  await queue.send({
    MessageBody: JSON.stringify({ job_type: type, data: note }),
    MessageAttributes: idAttribute(id),
    ...(group === undefined ? {} : { MessageGroupId: group, MessageDeduplicationId: id }),
  });
  return id;
}

/** Receives a batch, works through it, deletes what is settled; gives the ids of the messages that were reported. */
async function work(remainingMs?: number): Promise<string[]> {
  const event = await queue.receive();
  return queue.acknowledge(event, await bench.worker(event, lambdaContext(remainingMs)));
}

async function notesOf(jobId: string): Promise<unknown[]> {
  const rows = await local.query(name, "select note from effects where job = $1", [jobId]);
  return rows.map((row) => row.note);
}

async function rowOf(jobId: string): Promise<Record<string, unknown> | undefined> {
  return (await local.query(name, "select * from tendril.jobs where id = $1", [jobId]))[0];
}

const messagesOf = (jobId: string) => bench.linesOf(jobId).map((line) => line.message);

function failAlways(note: string, thrown: unknown): void {
  behaviours.set(note, async () => {
    throw thrown;
  });
}

describe("a job that succeeds", () => {
  test("has its effects, is done in the ledger, and its message is deleted", async () => {
    const id = await send("hello");
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual(["hello"]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1, queue: "jobs", type: "Note" });
    expect(await queue.count()).toBe(0);
  });

  test("is told in two lines and one metric document", async () => {
    const id = await send("hello");
    await work();
    const keys = { job_id: id, job_type: "Note", queue: "jobs", attempt: 1, level: "INFO" };
    expect(bench.linesOf(id)).toEqual([
      expect.objectContaining({ message: "job started", ...keys }),
      expect.objectContaining({ message: "job done", ...keys, ms: expect.any(Number) }),
    ]);
    expect(bench.documents).toEqual([expect.objectContaining({ queue: "jobs", job_type: "Note", JobsDone: 1 })]);
  });

  test("is done once however often it is delivered", async () => {
    const id = await send("once");
    const event = await queue.receive();
    for (let delivery = 0; delivery < 3; delivery += 1) {
      expect(await bench.worker(event, lambdaContext())).toEqual({ batchItemFailures: [] });
    }
    expect(await notesOf(id)).toEqual(["once"]);
    expect(messagesOf(id)).toEqual(["job started", "job done", "job duplicate", "job duplicate"]);
  });

  test("is done once when it is delivered several times at once", async () => {
    const id = await send("once");
    const event = await queue.receive();
    await Promise.all(Array.from({ length: 5 }, () => bench.worker(event, lambdaContext())));
    expect(await notesOf(id)).toEqual(["once"]);
    expect(messagesOf(id).sort()).toEqual(["job done", ...Array(4).fill("job duplicate"), "job started"]);
  });

  test("without an id of its own has its message's", async () => {
    const messageId = await queue.send({ MessageBody: '{"job_type":"Note","data":"plain"}' });
    await work();
    expect(await notesOf(messageId)).toEqual(["plain"]);
  });

  test("of a schedule runs once for each of its times, however often that fires", async () => {
    const fire = (time: string) =>
      queue.send({
        MessageBody: '{"job_type":"Note","data":"tick"}',
        MessageAttributes: {
          "beanstalk.sqsd.task_name": { DataType: "String", StringValue: "every minute" },
          "beanstalk.sqsd.scheduled_time": { DataType: "String", StringValue: time },
          "beanstalk.sqsd.path": { DataType: "String", StringValue: "/job/post/Note" },
        },
      });
    for (const time of ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z"]) await fire(time);
    expect(await work()).toEqual([]);
    const done = bench.lines.filter((line) => line.message === "job done");
    expect(done.map((line) => line.scheduled_at).sort()).toEqual([
      "2026-11-20T10:00:00.000Z",
      "2026-11-20T10:01:00.000Z",
    ]);
    expect(bench.lines.filter((line) => line.message === "job duplicate")).toHaveLength(1);
  });

  test("of a schedule with overlap: skip is skipped while its last run is unfinished", async () => {
    const text = (StringValue: string) => ({ DataType: "String", StringValue });
    const fire = (minute: number) =>
      queue.send({
        MessageBody: '{"job_type":"Note","data":"slow tick"}',
        MessageAttributes: {
          "beanstalk.sqsd.task_name": text("slow task"),
          "beanstalk.sqsd.scheduled_time": text(`2026-11-20T10:0${minute}:00Z`),
          "beanstalk.sqsd.path": text("/job/post/Note"),
          "tendril.overlap": text("skip"),
        },
      });
    let started = () => {};
    let finish = () => {};
    const isRunning = new Promise<void>((resolve) => {
      started = resolve;
    });
    behaviours.set("slow tick", () => {
      started();
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await fire(0);
    const first = work();
    await isRunning;
    await fire(1);
    expect(await work()).toEqual([]);
    expect(bench.lines.find((line) => line.message === "job skipped")).toMatchObject({
      scheduled_at: "2026-11-20T10:01:00.000Z",
      reason: "another run of the task is running",
    });
    finish();
    expect(await first).toEqual([]);
    behaviours.clear();
    await fire(2);
    expect(await work()).toEqual([]);
    const sql = "select state from tendril.jobs where schedule = 'slow task' order by scheduled_at";
    expect((await local.query(name, sql)).map((row) => row.state)).toEqual(["done", "skipped", "done"]);
    expect(await queue.count()).toBe(0);
  });

  test("writes its own lines with its id, type and attempt, which its facts cannot hide", async () => {
    behaviours.set("talks", async (job) => job.log("half way", { step: 1, job_id: "another" }));
    const id = await send("talks");
    await work();
    const keys = { job_id: id, job_type: "Note", attempt: 1 };
    expect(bench.linesOf(id)[1]).toMatchObject({ message: "half way", step: 1, ...keys });
  });
});

describe("a job that fails", () => {
  test("leaves no effects and comes back after its delay", async () => {
    failAlways("breaks", new Error("no such user"));
    const id = await send("breaks");
    expect(await work()).toHaveLength(1);
    expect(await notesOf(id)).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "retry", attempts: 1, last_error: "Error: no such user" });
    expect(bench.linesOf(id)[1]).toMatchObject({
      message: "job retry",
      attempt: 1,
      delay_ms: 4000,
      error: "Error: no such user",
      stack: expect.stringContaining("worker.test.ts"),
    });
    await sqs.clock.advance(3999);
    expect((await queue.receive()).Records).toEqual([]);
    await sqs.clock.advance(1);
    behaviours.clear();
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual(["breaks"]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 2 });
  });

  test("for the last time is dead-lettered with the same body and attributes and a readable reason", async () => {
    failAlways("breaks", new Error("no such user"));
    const id = newId();
    const MessageBody = JSON.stringify({ job_type: "Note", data: "breaks" });
    const seal = { DataType: "Binary", BinaryValue: Buffer.from([0, 255]) };
    const tenant = { DataType: "String.id", StringValue: "é" };
    await queue.send({ MessageBody, MessageAttributes: { ...idAttribute(id), seal, tenant } });
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(await work()).toHaveLength(attempt < 3 ? 1 : 0);
      await sqs.clock.advance(60_000);
    }
    expect(await queue.count()).toBe(0);
    const [letter] = await queue.deadLetters();
    expect(letter?.Body).toBe(MessageBody);
    expect(letter?.MessageAttributes).toMatchObject({ ...idAttribute(id), tenant });
    expect([...(letter?.MessageAttributes?.seal?.BinaryValue ?? [])]).toEqual([0, 255]);
    expect(reasonIn(letter)).toEqual({
      what: "Error: no such user",
      when: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      attempt: 3,
      queue: "jobs",
    });
    expect(await rowOf(id)).toMatchObject({ state: "dead", attempts: 3 });
    expect(messagesOf(id).filter((message) => message !== "job started")).toEqual([
      "job retry",
      "job retry",
      "job dead",
    ]);
  });

  test("that is sent back from the dead-letter queue starts again with its first attempt, and succeeds once", async () => {
    failAlways("recovers", new Unrecoverable("not yet"));
    const id = await send("recovers");
    await work();
    behaviours.clear();
    const [letter] = await queue.deadLetters();
    const MessageAttributes = letter?.MessageAttributes;
    await queue.send({ MessageBody: letter?.Body, ...(MessageAttributes === undefined ? {} : { MessageAttributes }) });
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
    expect(await notesOf(id)).toEqual(["recovers"]);
  });

  test("with Unrecoverable is dead at its first attempt", async () => {
    failAlways("hopeless", new Unrecoverable("the account is closed"));
    const id = await send("hopeless");
    expect(await work()).toEqual([]);
    expect(reasonIn((await queue.deadLetters())[0])).toMatchObject({
      what: "Unrecoverable: the account is closed",
      attempt: 1,
    });
    expect(messagesOf(id)).toEqual(["job started", "job dead"]);
  });

  test("with RetryAfter comes back after just that", async () => {
    failAlways("later", new RetryAfter("10 minutes"));
    const id = await send("later");
    await work();
    expect(bench.linesOf(id)[1]).toMatchObject({ message: "job retry", delay_ms: 600_000 });
    await sqs.clock.advance(599_999);
    expect((await queue.receive()).Records).toEqual([]);
    await sqs.clock.advance(1);
    expect((await queue.receive()).Records).toHaveLength(1);
  });

  test.each([
    ["undefined", undefined, "thrown: undefined"],
    ["a text", "oops", "thrown: oops"],
    ["an object without text", Object.create(null), "thrown: a value that has no text"],
  ])("by throwing %s fails alone", async (_, thrown, error) => {
    failAlways("odd", thrown);
    const [odd, good] = [await send("odd"), await send("good")];
    expect(await work()).toHaveLength(1);
    expect(await rowOf(odd)).toMatchObject({ state: "retry", last_error: error });
    expect(await rowOf(good)).toMatchObject({ state: "done" });
  });

  test("takes no other job of its batch with it: nine of ten are done once", async () => {
    failAlways("tenth", new Error("tenth"));
    const ids: string[] = [];
    for (let index = 0; index < 9; index += 1) ids.push(await send(`note ${index}`));
    const tenth = await send("tenth");
    expect(await work()).toHaveLength(1);
    await sqs.clock.advance(60_000);
    expect(await work()).toHaveLength(1);
    for (const [index, id] of ids.entries()) expect(await notesOf(id)).toEqual([`note ${index}`]);
    expect(await notesOf(tenth)).toEqual([]);
    expect(bench.documents[0]).toMatchObject({ JobsDone: 9, JobsRetried: 1 });
  });

  test("after a statement whose error it took does not count as done", async () => {
    behaviours.set("careless", async (job) => {
      await job.sql`select 1 / 0`.catch(() => {});
    });
    const id = await send("careless");
    expect(await work()).toHaveLength(1);
    expect(await rowOf(id)).toMatchObject({ state: "retry", last_error: expect.stringContaining("division by zero") });
  });
});

describe("a job that takes too long", () => {
  test("is left behind at its timeout, and nothing that it does later counts", async () => {
    let late: Promise<unknown> = Promise.resolve();
    behaviours.set("slow", (job) => {
      late = new Promise((resolve) => job.signal.addEventListener("abort", resolve))
        .then(() => job.sql`insert into effects values (${job.id}::uuid, 'too late')`)
        .catch((error: unknown) => error);
      return new Promise(() => {});
    });
    const id = await send("slow", { type: "Hasty" });
    expect(await work()).toHaveLength(1);
    expect(String(await late)).toContain("the job did not end within its timeout");
    expect(await notesOf(id)).toEqual([]);
    const error = "TimeoutError: the job did not end within its timeout of 1 s";
    expect(await rowOf(id)).toMatchObject({ state: "retry", attempts: 1, last_error: error });
  });

  test("for the invocation rather than for itself loses no attempt", async () => {
    behaviours.set("slow", () => new Promise(() => {}));
    const id = await send("slow", { type: "Hasty" });
    local.wire.decide(async (call) => {
      if (call.body.includes("tendril.claim")) await new Promise((resolve) => setTimeout(resolve, 700));
      return "pass" as const;
    });
    expect(await work(6200)).toHaveLength(1);
    expect(await rowOf(id)).toBeUndefined();
    const error = "DeadlineError: Lambda's deadline came before the job's timeout";
    expect(bench.linesOf(id)[1]).toMatchObject({ message: "job retry", attempt: 0, error });
  });

  test("to begin before the invocation ends goes back at once, untried", async () => {
    const id = await send("late");
    expect(await work(24_000)).toHaveLength(1);
    expect(messagesOf(id)).toEqual(["job returned"]);
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual(["late"]);
  });
});

describe("a message that no attempt can help is dead-lettered at once", () => {
  test.each([
    ["no JSON", "not json", "body_not_json"],
    ["a list", "[1]", "body_not_object"],
    ["no job type", '{"data":1}', "job_type_missing"],
    ["an unknown job type", '{"job_type":"Nothing","data":1}', "job_type_unknown"],
    ["an input that does not fit", '{"job_type":"Note","data":7}', "input_invalid"],
  ])("%s", async (_, MessageBody, code) => {
    const id = newId();
    await queue.send({ MessageBody, MessageAttributes: idAttribute(id) });
    const good = await send("good");
    expect(await work()).toEqual([]);
    const letters = await queue.deadLetters();
    expect(letters.map((letter) => letter.Body)).toEqual([MessageBody]);
    expect(letters[0]?.MessageAttributes).toMatchObject(idAttribute(id));
    expect(reasonIn(letters[0])).toMatchObject({ code, attempt: 0, queue: "jobs" });
    expect(bench.lines.find((line) => line.message === "job dead")).toMatchObject({ level: "ERROR", attempt: 0 });
    expect(await rowOf(good)).toMatchObject({ state: "done" });
  });

  test("without an id keeps its message's as its own", async () => {
    const messageId = await queue.send({ MessageBody: '{"job_type":"Nothing"}' });
    await work();
    expect((await queue.deadLetters())[0]?.MessageAttributes).toMatchObject(idAttribute(messageId));
    expect(await rowOf(messageId)).toMatchObject({ state: "dead", attempts: 0, type: "Nothing" });
  });

  test("but not when the dead-letter queue does not take it: then it stays", async () => {
    const noDeadLetters = { ...queue, deadLetterUrl: `${queue.deadLetterUrl}-missing` };
    const other = createBench({ handlers, queue: noDeadLetters, sqs: sqs.client, ledger });
    await queue.send({ MessageBody: "not json" });
    const event = await queue.receive();
    const failed = await queue.acknowledge(event, await other.worker(event, lambdaContext()));
    expect(failed).toHaveLength(1);
    expect(await queue.count()).toBe(1);
    expect(other.lines.at(-1)).toMatchObject({ message: "job retry", error: expect.stringContaining("dead letter") });
  });
});

describe("when the database is away", () => {
  test("every job is tried again later, and none loses an attempt", async () => {
    const ids = [await send("a"), await send("b"), await send("c")];
    local.wire.decide(() => "lose the call");
    expect(await work()).toHaveLength(3);
    for (const id of ids)
      expect(bench.linesOf(id)).toEqual([expect.objectContaining({ message: "job retry", attempt: 0 })]);
    local.wire.decide(() => "pass");
    await sqs.clock.advance(60_000);
    expect(await work()).toEqual([]);
    for (const id of ids) expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
  });

  test("in the middle of the last attempt, the job does not die of it", async () => {
    failAlways("thrice", new Error("no"));
    const id = await send("thrice");
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await work();
      await sqs.clock.advance(60_000);
    }
    behaviours.clear();
    local.wire.decide((call) => (call.body.includes("insert into effects") ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(1);
    expect(await queue.deadLetters()).toEqual([]);
    local.wire.decide(() => "pass");
    await sqs.clock.advance(60_000);
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 3 });
  });

  test("when a failure should be written down, the job is tried again all the same", async () => {
    failAlways("breaks", new Error("no"));
    const id = await send("breaks");
    local.wire.decide((call) => (call.body.includes("record_failure") ? "lose the call" : "pass"));
    expect(await work()).toHaveLength(1);
    expect(messagesOf(id)).toEqual(["job started", "failure not recorded", "job retry"]);
    expect(await rowOf(id)).toBeUndefined();
  });

  test("just when the answer to the commit was due, the job is done once", async () => {
    const id = await send("once");
    local.wire.loseAnswerOf((call) => call.path === "/CommitTransaction");
    expect(await work()).toHaveLength(1);
    expect(bench.linesOf(id)[1]).toMatchObject({ message: "job retry", attempt: 0 });
    await sqs.clock.advance(60_000);
    expect(await work()).toEqual([]);
    expect(messagesOf(id).at(-1)).toBe("job duplicate");
    expect(await notesOf(id)).toEqual(["once"]);
  });
});

describe("whatever one call meets, the effects happen once and the message goes", () => {
  const fates = ["lose the call", "lose the answer", { status: 500, error: "InternalServerErrorException" }] as const;
  const calls = ["begin", "claim", "first write", "second write", "commit"];
  const faults = calls.flatMap((call, index) => fates.map((fate) => ({ call, index, fate })));

  test.each(faults)("$call: $fate", async ({ index, fate }) => {
    behaviours.set("twice", (job) => job.sql`insert into effects values (${job.id}::uuid, 'second')`);
    const id = await send("twice");
    let seen = -1;
    local.wire.decide(() => {
      seen += 1;
      return seen === index ? fate : "pass";
    });
    for (let delivery = 1; delivery <= 3 && (await queue.count()) > 0; delivery += 1) {
      await work();
      await sqs.clock.advance(60_000);
    }
    expect(seen).toBeGreaterThan(index);
    expect(await queue.count()).toBe(0);
    expect(await queue.deadLetters()).toEqual([]);
    expect(await notesOf(id)).toEqual(["twice", "second"]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
  });
});

describe("a FIFO queue", () => {
  beforeEach(async () => {
    queue = await sqs.freshQueue({ fifo: true });
    bench = createBench({ handlers, queue, sqs: sqs.client, ledger });
  });

  test("keeps the order of a group when one fails, and lets other groups go on", async () => {
    failAlways("a1", new Error("not yet"));
    const [a1, a2, b1] = [
      await send("a1", { group: "a" }),
      await send("a2", { group: "a" }),
      await send("b1", { group: "b" }),
    ];
    expect(await work()).toHaveLength(2);
    expect(messagesOf(a2)).toEqual(["job returned"]);
    expect([await notesOf(a1), await notesOf(a2), await notesOf(b1)]).toEqual([[], [], ["b1"]]);
    behaviours.clear();
    await sqs.clock.advance(4000);
    expect(await work()).toEqual([]);
    const done = bench.lines.filter((line) => line.message === "job done").map((line) => line.job_id);
    expect(done).toEqual([b1, a1, a2]);
  });

  test("dead-letters into the same group, and goes on with the group", async () => {
    failAlways("a1", new Unrecoverable("never"));
    await send("a1", { group: "a" });
    const a2 = await send("a2", { group: "a" });
    expect(await work()).toEqual([]);
    expect((await queue.deadLetters())[0]?.Attributes).toMatchObject({ MessageGroupId: "a" });
    expect(await notesOf(a2)).toEqual(["a2"]);
  });

  test("loses no letter that dies twice within five minutes", async () => {
    failAlways("a1", new Unrecoverable("never"));
    const id = await send("a1", { group: "a" });
    await work();
    const MessageBody = (await queue.deadLetters())[0]?.Body;
    await queue.send({
      MessageBody,
      MessageAttributes: idAttribute(id),
      MessageGroupId: "a",
      MessageDeduplicationId: "sent-back",
    });
    await work();
    await sqs.clock.advance(240_000);
    expect(await queue.deadLetters()).toHaveLength(2);
  });
});
