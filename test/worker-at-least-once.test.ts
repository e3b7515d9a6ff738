/** Job types without a ledger, and Tendril's own: no claim, and attempts that are SQS's receipts. */
import { type Handler, handle, type JobContext } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { Unrecoverable } from "@tendril/core/outcome";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { idAttribute, lambdaContext, newId, reasonIn, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({ type: "Note", input: z.string() });
const Ping = defineJob({
  type: "Ping",
  input: z.string(),
  effects: "at-least-once",
  timeout: "1 second",
  retry: { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } },
});

const ran: { readonly id: string; readonly attempt: number }[] = [];

const makeHandlers = ({ behaviours, writeNote }: WorkerRoom): Handler[] => [
  handle(Note, writeNote),
  handle(Ping, async (note, job) => {
    ran.push({ id: job.id, attempt: job.attempt });
    // The context that a handler has at runtime, whatever the compiler knows of it.
    return behaviours.get(note)?.(job as JobContext);
  }),
];

const room = useWorkerRoom(makeHandlers);
const { behaviours, failAlways, messagesOf, work } = room;
const ping = (note: string) => room.send(note, { type: "Ping" });
const attemptsOf = (id: string) => ran.filter((each) => each.id === id).map((each) => each.attempt);

async function laterWork(): Promise<string[]> {
  await room.sqs.clock.advance(60_000);
  return work();
}

describe("an at-least-once job", () => {
  test("makes no Data API call, whatever becomes of it", async () => {
    behaviours.set("parent", (job) => job.enqueue(Ping, "child"));
    failAlways("fails", new Error("no"));
    failAlways("dies", new Unrecoverable("never"));
    behaviours.set("hangs", () => new Promise(() => {}));
    const ids = await Promise.all(["plain", "parent", "fails", "dies", "hangs"].map(ping));
    await room.queue.send({ MessageBody: '{"job_type":"Ping","data":7}' });
    for (let delivery = 0; delivery < 4; delivery += 1) await laterWork();
    expect(room.calls().database).toEqual([]);
    expect(ids.map((id) => attemptsOf(id).length)).toEqual([1, 1, 3, 1, 3]);
    expect(await room.queue.count()).toBe(0);
    const whys = (await room.queue.deadLetters()).map((letter) => Reflect.get(Object(reasonIn(letter)), "what"));
    expect(whys.sort()).toEqual([
      "Error: no",
      expect.stringContaining("TendrilError: The input does not fit the job type"),
      "TimeoutError: the job did not end within its timeout of 1 s",
      "Unrecoverable: never",
    ]);
  });

  test("is run again when it is delivered again, as an attempt with the number of the receipt", async () => {
    const id = await ping("twice");
    const event = await room.queue.receive();
    await room.bench.worker(event, lambdaContext());
    await room.sqs.clock.advance(240_000);
    expect(await work()).toEqual([]);
    expect(attemptsOf(id)).toEqual([1, 2]);
  });

  test("has no transaction: neither for the compiler nor when it runs", async () => {
    const thrown: unknown[] = [];
    behaviours.set("asks", async (job) => {
      for (const ask of [() => job.sql`select 1`, () => job.rdsData]) {
        try {
          await ask();
        } catch (error) {
          thrown.push(error);
        }
      }
      expect({ ...job }).toMatchObject({ id: job.id, attempt: 1 });
    });
    await ping("asks");
    expect(await work()).toEqual([]);
    expect(thrown).toEqual([
      expect.objectContaining({ code: "sql_not_allowed" }),
      expect.objectContaining({ code: "sql_not_allowed" }),
    ]);
    // @ts-expect-error: at-least-once contexts have no sql.
    handle(Ping, async (_, job) => job.sql);
    // @ts-expect-error: nor a client of the Data API.
    handle(Ping, async (_, job) => job.rdsData);
    handle(Note, async (_, job) => [job.sql, job.rdsData, job.enqueue]);
  });

  test("sends its follow-ups after it has succeeded, before its message goes; they have the same ids in each attempt", async () => {
    behaviours.set("parent", (job) => job.enqueue(Note, "child"));
    const id = await ping("parent");
    room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the answer" : "pass"));
    expect(await work()).toHaveLength(1);
    const error = expect.stringContaining("FollowUpsUnsent: 1 of 1 follow-ups could not be sent");
    expect(room.bench.linesOf(id).at(-1)).toMatchObject({ message: "job retry", attempt: 1, error });
    room.sqsWire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(attemptsOf(id)).toEqual([1, 2]);
    expect(await work()).toEqual([]);
    expect(await room.query("select note from effects where note = 'child'")).toEqual([{ note: "child" }]);
  });

  test("that fails sends no follow-up", async () => {
    behaviours.set("parent", async (job) => {
      await job.enqueue(Note, "child");
      throw new Error("after all");
    });
    await ping("parent");
    expect(await work()).toHaveLength(1);
    expect(room.calls().sqs).toEqual(["ChangeMessageVisibilityBatch"]);
  });

  test("may return anything: it is dropped", async () => {
    behaviours.set("returns", async () => 7n);
    const id = await ping("returns");
    expect(await work()).toEqual([]);
    expect(messagesOf(id)).toEqual(["job started", "job done"]);
  });

  test("whose process died at each attempt is dead, with a reason that says so", async () => {
    const id = await ping("poison");
    for (let receipt = 1; receipt <= 6; receipt += 1) {
      await room.queue.receive();
      await room.sqs.clock.advance(240_000);
    }
    expect(await work()).toEqual([]);
    expect(attemptsOf(id)).toEqual([]);
    expect(reasonIn((await room.queue.deadLetters())[0])).toMatchObject({
      code: "job_crashed",
      attempt: 3,
      what: expect.stringContaining("6 receipts of its message came to no end"),
    });
    expect(room.bench.documents.at(-1)).toMatchObject({ JobsDead: 1, JobsCrashed: 1 });
    expect(room.calls().database).toEqual([]);
  });
});

describe("the built-in job tendril.purge", () => {
  const purge = (type = "tendril.purge") => room.queue.send({ MessageBody: JSON.stringify({ job_type: type }) });
  const dayMs = 86_400_000;

  async function writeJobs(count: number, daysAgo: number): Promise<void> {
    await room.query(
      `insert into tendril.jobs (id, type, queue, state, attempts, first_started_at, started_at)
       select gen_random_uuid(), 'Old', 'jobs', 'done', 1, old, old
       from generate_series(1, $1::int), (select now() - make_interval(days => $2) as old)`,
      [count, daysAgo],
    );
  }

  test("forgets what is older than the ledger's retention, in batches of a thousand, without a claim", async () => {
    room.use({ ledgerRetentionMs: 10 * dayMs });
    await writeJobs(2500, 11);
    await writeJobs(2, 9);
    const id = await purge();
    room.calls();
    expect(await work()).toEqual([]);
    expect(room.calls().database).toEqual(["Execute", "Execute", "Execute"]);
    expect(await room.query("select count(*)::int as count from tendril.jobs where type = 'Old'")).toEqual([
      { count: 2 },
    ]);
    expect(await room.rowOf(id)).toBeUndefined();
    expect(room.bench.linesOf(id)).toEqual([
      expect.objectContaining({ message: "job done", job_type: "tendril.purge", purged: 2500 }),
    ]);
    expect(room.bench.documents.at(-1)).toMatchObject({ job_type: "tendril.purge", JobsDone: 1, JobsPurged: 2500 });
  });

  test("forgets all keys that are as old, also those of jobs that the ledger never hears of", async () => {
    room.use({ ledgerRetentionMs: 10 * dayMs });
    await room.query(
      `insert into tendril.keys (id, type, queue, input_hash, noted_at)
       select gen_random_uuid(), 'Ping', 'jobs', '', now() - make_interval(days => n % 2 + 10, mins => -1)
       from generate_series(1, 3000) as n`,
    );
    await purge();
    expect(await work()).toEqual([]);
    expect(await room.query("delete from tendril.keys returning noted_at < now() - interval '10 days' as old")).toEqual(
      Array.from({ length: 1500 }, () => ({ old: false })),
    );
  });

  test.each([false, true])(
    "ends with its time, and another message goes on until nothing is left (FIFO: %s)",
    async (fifo) => {
      room.use({ ledgerRetentionMs: 10 * dayMs, queue: await room.sqs.freshQueue({ fifo }) });
      await writeJobs(1500, 11);
      const group = fifo ? { MessageGroupId: "purge", MessageDeduplicationId: "first" } : {};
      await room.queue.send({ MessageBody: '{"job_type":"tendril.purge"}', ...group });
      // 5 seconds are for settling, and 2 for its last call.
      expect(await work(6_900)).toEqual([]);
      expect(room.bench.lines.at(-1)).toMatchObject({ message: "job done", purged: 1000 });
      expect(await work()).toEqual([]);
      expect(room.bench.lines.at(-1)).toMatchObject({ message: "job done", purged: 500 });
      expect(await room.queue.count()).toBe(0);
    },
  );

  test("comes back when it cannot say that another message is to go on", async () => {
    room.use({ ledgerRetentionMs: 10 * dayMs });
    await writeJobs(1000, 11);
    await purge();
    room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the call" : "pass"));
    expect(await work(6_900)).toHaveLength(1);
    room.sqsWire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(room.bench.lines.at(-1)).toMatchObject({ message: "job done", purged: 0 });
  });

  test("comes from a schedule like any other job", async () => {
    const text = (StringValue: string) => ({ DataType: "String", StringValue });
    await room.queue.send({
      MessageBody: "elasticbeanstalk scheduled job",
      MessageAttributes: {
        "beanstalk.sqsd.task_name": text("tendril.purge"),
        "beanstalk.sqsd.scheduled_time": text("2026-11-20T10:00:00Z"),
        "tendril.job_type": text("tendril.purge"),
      },
    });
    expect(await work()).toEqual([]);
    expect(room.bench.lines.at(-1)).toMatchObject({ message: "job done", job_type: "tendril.purge", purged: 0 });
  });

  test("is tried again while the database is away, and is dead after its attempts, with the reason", async () => {
    room.local.wire.decide(() => ({ status: 500, error: "InternalServerErrorException" }));
    await purge();
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      expect(await work()).toHaveLength(attempt < 5 ? 1 : 0);
      await room.sqs.clock.advance(900_000);
    }
    const [letter] = await room.queue.deadLetters();
    expect(reasonIn(letter)).toMatchObject({ attempt: 5, what: expect.stringContaining("InternalServerError") });
  });

  test("is no name for anything else that an app has not", async () => {
    const id = newId();
    await room.queue.send({ MessageBody: '{"job_type":"tendril.other"}', MessageAttributes: idAttribute(id) });
    expect(await work()).toEqual([]);
    expect(reasonIn((await room.queue.deadLetters())[0])).toMatchObject({ code: "job_type_unknown" });
  });
});
