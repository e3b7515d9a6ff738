import { ExecuteStatementCommand, type RDSDataClient } from "@aws-sdk/client-rds-data";
import { type Handler, handle, type JobContext } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { RetryAfter, Unrecoverable } from "@tendril/core/outcome";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { idAttribute, lambdaContext, newId, reasonIn, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } },
});
const Hasty = defineJob({ type: "Hasty", input: z.string(), timeout: "1 second" });

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [handle(Note, writeNote), handle(Hasty, writeNote)];

const room = useWorkerRoom(makeHandlers);
const { behaviours, failAlways, messagesOf, notesOf, rowOf, send, work } = room;

describe("a job that succeeds", () => {
  test("has its effects, is done in the ledger, and its message is deleted", async () => {
    const id = await send("hello");
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual(["hello"]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1, queue: "jobs", type: "Note" });
    expect(await room.queue.count()).toBe(0);
  });

  test("is told in two lines and one metric document", async () => {
    const id = await send("hello");
    await work();
    const keys = { job_id: id, job_type: "Note", queue: "jobs", attempt: 1, level: "INFO" };
    expect(room.bench.linesOf(id)).toEqual([
      expect.objectContaining({ message: "job started", ...keys }),
      expect.objectContaining({ message: "job done", ...keys, ms: expect.any(Number) }),
    ]);
    expect(room.bench.documents).toEqual([expect.objectContaining({ queue: "jobs", job_type: "Note", JobsDone: 1 })]);
  });

  test("is done once however often it is delivered", async () => {
    const id = await send("once");
    const event = await room.queue.receive();
    for (let delivery = 0; delivery < 3; delivery += 1) {
      expect(await room.bench.worker(event, lambdaContext())).toEqual({ batchItemFailures: [] });
    }
    expect(await notesOf(id)).toEqual(["once"]);
    expect(messagesOf(id)).toEqual(["job started", "job done", "job duplicate", "job duplicate"]);
  });

  test("is done once when it is delivered several times at once", async () => {
    const id = await send("once");
    const event = await room.queue.receive();
    await Promise.all(Array.from({ length: 5 }, () => room.bench.worker(event, lambdaContext())));
    expect(await notesOf(id)).toEqual(["once"]);
    expect(messagesOf(id).sort()).toEqual(["job done", ...Array(4).fill("job duplicate"), "job started"]);
  });

  test("without an id of its own has its message's", async () => {
    const messageId = await room.queue.send({ MessageBody: '{"job_type":"Note","data":"plain"}' });
    await work();
    expect(await notesOf(messageId)).toEqual(["plain"]);
  });

  test("of a schedule runs once for each of its times, however often that fires", async () => {
    const fire = (time: string) =>
      room.queue.send({
        MessageBody: '{"job_type":"Note","data":"tick"}',
        MessageAttributes: {
          "beanstalk.sqsd.task_name": { DataType: "String", StringValue: "every minute" },
          "beanstalk.sqsd.scheduled_time": { DataType: "String", StringValue: time },
          "beanstalk.sqsd.path": { DataType: "String", StringValue: "/job/post/Note" },
        },
      });
    for (const time of ["2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z"]) await fire(time);
    expect(await work()).toEqual([]);
    const done = room.bench.lines.filter((line) => line.message === "job done");
    expect(done.map((line) => line.scheduled_at).sort()).toEqual([
      "2026-11-20T10:00:00.000Z",
      "2026-11-20T10:01:00.000Z",
    ]);
    expect(room.bench.lines.filter((line) => line.message === "job duplicate")).toHaveLength(1);
  });

  test("of a schedule with overlap: skip is skipped while its last run is unfinished", async () => {
    const text = (StringValue: string) => ({ DataType: "String", StringValue });
    const fire = (minute: number) =>
      room.queue.send({
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
    expect(room.bench.lines.find((line) => line.message === "job skipped")).toMatchObject({
      scheduled_at: "2026-11-20T10:01:00.000Z",
      reason: "another run of the task is running",
    });
    finish();
    expect(await first).toEqual([]);
    behaviours.clear();
    await fire(2);
    expect(await work()).toEqual([]);
    const sql = "select state from tendril.jobs where schedule = 'slow task' order by scheduled_at";
    expect((await room.query(sql)).map((row) => row.state)).toEqual(["done", "skipped", "done"]);
    expect(await room.queue.count()).toBe(0);
  });

  test("writes its own lines with its id, type and attempt, which its facts cannot hide", async () => {
    behaviours.set("talks", async (job) => job.log("half way", { step: 1, job_id: "another" }));
    const id = await send("talks");
    await work();
    const keys = { job_id: id, job_type: "Note", attempt: 1 };
    expect(room.bench.linesOf(id)[1]).toMatchObject({ message: "half way", step: 1, ...keys });
  });
});

describe("job.rdsData", () => {
  /** What a library does with the client. */
  const writeBy = (job: JobContext, note: string) => {
    const command = new ExecuteStatementCommand({
      resourceArn: "arn:any",
      secretArn: "arn:any",
      sql: "insert into effects values (:id::uuid, :note)",
      parameters: [
        { name: "id", value: { stringValue: job.id } },
        { name: "note", value: { stringValue: note } },
      ],
    });
    return (job.rdsData as RDSDataClient).send(command);
  };

  test("writes in the job's transaction: with the done mark, or not at all", async () => {
    behaviours.set("writes", async (job) => {
      await writeBy(job, "by a library");
      if (job.attempt === 1) throw new Error("not yet");
    });
    const id = await send("writes");
    expect(await work()).toHaveLength(1);
    expect(await notesOf(id)).toEqual([]);
    await room.sqs.clock.advance(4000);
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual(["writes", "by a library"]);
  });

  test("is refused once the handler has ended or was left behind", async () => {
    const contexts: JobContext[] = [];
    behaviours.set("slow", (job) => {
      contexts.push(job);
      return new Promise(() => {});
    });
    behaviours.set("ends", async (job) => contexts.push(job));
    const ids = [await send("slow", { type: "Hasty" }), await send("ends")];
    expect(await work()).toHaveLength(1);
    expect(contexts).toHaveLength(2);
    for (const job of contexts) expect(await writeBy(job, "late").catch(codeOf)).toBe("transaction_ended");
    expect(await Promise.all(ids.map(notesOf))).toEqual([[], ["ends"]]);
  });

  const codeOf = (error: unknown): unknown => Reflect.get(Object(error), "code");
});

describe("a job that fails", () => {
  test("leaves no effects and comes back after its delay", async () => {
    failAlways("breaks", new Error("no such user"));
    const id = await send("breaks");
    expect(await work()).toHaveLength(1);
    expect(await notesOf(id)).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "retry", attempts: 1, last_error: "Error: no such user" });
    expect(room.bench.linesOf(id)[1]).toMatchObject({
      message: "job retry",
      attempt: 1,
      delay_ms: 4000,
      error: "Error: no such user",
      stack: expect.stringContaining("worker-outcomes.test.ts"),
    });
    await room.sqs.clock.advance(3999);
    expect((await room.queue.receive()).Records).toEqual([]);
    await room.sqs.clock.advance(1);
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
    await room.queue.send({ MessageBody, MessageAttributes: { ...idAttribute(id), seal, tenant } });
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(await work()).toHaveLength(attempt < 3 ? 1 : 0);
      await room.sqs.clock.advance(60_000);
    }
    expect(await room.queue.count()).toBe(0);
    const [letter] = await room.queue.deadLetters();
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
    const [letter] = await room.queue.deadLetters();
    const MessageAttributes = letter?.MessageAttributes;
    await room.queue.send({
      MessageBody: letter?.Body,
      ...(MessageAttributes === undefined ? {} : { MessageAttributes }),
    });
    expect(await work()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
    expect(await notesOf(id)).toEqual(["recovers"]);
  });

  test("with Unrecoverable is dead at its first attempt", async () => {
    failAlways("hopeless", new Unrecoverable("the account is closed"));
    const id = await send("hopeless");
    expect(await work()).toEqual([]);
    expect(reasonIn((await room.queue.deadLetters())[0])).toMatchObject({
      what: "Unrecoverable: the account is closed",
      attempt: 1,
    });
    expect(messagesOf(id)).toEqual(["job started", "job dead"]);
  });

  test("with RetryAfter comes back after just that", async () => {
    failAlways("later", new RetryAfter("10 minutes"));
    const id = await send("later");
    await work();
    expect(room.bench.linesOf(id)[1]).toMatchObject({ message: "job retry", delay_ms: 600_000 });
    await room.sqs.clock.advance(599_999);
    expect((await room.queue.receive()).Records).toEqual([]);
    await room.sqs.clock.advance(1);
    expect((await room.queue.receive()).Records).toHaveLength(1);
  });

  const unreadable = (what: "message" | "stack" | "name"): Error =>
    Object.defineProperty(new Error("x"), what, {
      get: () => {
        throw unreadable("message");
      },
    });
  const hostile = "Error: something was thrown that cannot be read";
  test.each([
    ["undefined", undefined, "thrown: undefined"],
    ["null", null, "thrown: null"],
    ["a text", "oops", "thrown: oops"],
    ["a symbol", Symbol("s"), "thrown: Symbol(s)"],
    ["an object without text", Object.create(null), "thrown: a value that has no text"],
    ["what throws as a text", { toString: () => JSON.parse("{") }, "thrown: a value that has no text"],
    ["a frozen error", Object.freeze(new Error("cold")), "Error: cold"],
    ["several errors as one", new AggregateError([new Error("a"), new Error("b")], "all"), "AggregateError: all"],
    ["an error that throws when its message is read", unreadable("message"), hostile],
    ["an error that throws when its name is read", unreadable("name"), hostile],
    ["an error that throws when its stack is read", unreadable("stack"), hostile],
    ["a proxy that throws at all", new Proxy({}, { getPrototypeOf: () => JSON.parse("{") }), hostile],
    [
      "a huge error",
      new Error(`${"long lines ".repeat(10_000)}\n`.repeat(100)),
      expect.stringMatching(/^Error: (?:long lines ){80,}.*…$/),
    ],
  ])("by throwing %s fails alone", async (_, thrown, error) => {
    failAlways("odd", thrown);
    const [odd, good] = [await send("odd"), await send("good")];
    expect(await work()).toHaveLength(1);
    expect(await rowOf(odd)).toMatchObject({ state: "retry", last_error: error });
    expect(await rowOf(good)).toMatchObject({ state: "done" });
    expect(JSON.stringify(room.bench.linesOf(odd).at(-1)).length).toBeLessThan(10_000);
  });

  test("takes no other job of its batch with it: nine of ten are done once", async () => {
    failAlways("tenth", new Error("tenth"));
    const ids: string[] = [];
    for (let index = 0; index < 9; index += 1) ids.push(await send(`note ${index}`));
    const tenth = await send("tenth");
    expect(await work()).toHaveLength(1);
    await room.sqs.clock.advance(60_000);
    expect(await work()).toHaveLength(1);
    for (const [index, id] of ids.entries()) expect(await notesOf(id)).toEqual([`note ${index}`]);
    expect(await notesOf(tenth)).toEqual([]);
    expect(room.bench.documents[0]).toMatchObject({ JobsDone: 9, JobsRetried: 1 });
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
    room.local.wire.decide(async (call) => {
      if (call.body.includes("tendril.claim")) await new Promise((resolve) => setTimeout(resolve, 700));
      return "pass" as const;
    });
    expect(await work(6200)).toHaveLength(1);
    expect(await rowOf(id)).toBeUndefined();
    const error = "DeadlineError: Lambda's deadline came before the job's timeout";
    expect(room.bench.linesOf(id)[1]).toMatchObject({ message: "job retry", attempt: 0, error });
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
    await room.queue.send({ MessageBody, MessageAttributes: idAttribute(id) });
    const good = await send("good");
    expect(await work()).toEqual([]);
    const letters = await room.queue.deadLetters();
    expect(letters.map((letter) => letter.Body)).toEqual([MessageBody]);
    expect(letters[0]?.MessageAttributes).toMatchObject(idAttribute(id));
    expect(reasonIn(letters[0])).toMatchObject({ code, attempt: 0, queue: "jobs" });
    expect(room.bench.lines.find((line) => line.message === "job dead")).toMatchObject({ level: "ERROR", attempt: 0 });
    expect(await rowOf(good)).toMatchObject({ state: "done" });
  });

  test("without an id keeps its message's as its own", async () => {
    const messageId = await room.queue.send({ MessageBody: '{"job_type":"Nothing"}' });
    await work();
    expect((await room.queue.deadLetters())[0]?.MessageAttributes).toMatchObject(idAttribute(messageId));
    expect(await rowOf(messageId)).toMatchObject({ state: "dead", attempts: 0, type: "Nothing" });
  });

  test("also a job whose timeout the queue's worker was not planned for", async () => {
    room.use({ longestJobMs: 19_000 });
    const id = await send("too long");
    expect(await work()).toEqual([]);
    expect(reasonIn((await room.queue.deadLetters())[0])).toMatchObject({ code: "queue_unfit", attempt: 0 });
    expect(await rowOf(id)).toMatchObject({ state: "dead" });
    room.use({ longestJobMs: 890_000 });
  });

  test("but not when the dead-letter queue does not take it: then it stays", async () => {
    const noDeadLetters = { ...room.queue, deadLetterUrl: `${room.queue.deadLetterUrl}-missing` };
    room.use({ queue: noDeadLetters });
    await room.queue.send({ MessageBody: "not json" });
    expect(await work()).toHaveLength(1);
    expect(await room.queue.count()).toBe(1);
    expect(room.bench.lines.at(-1)).toMatchObject({
      message: "job retry",
      error: expect.stringContaining("dead letter"),
    });
  });
});
