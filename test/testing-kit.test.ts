// The testing kit, as its users have it: jobs of a tier that is made for this.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { followUpJobId, keyedJobId } from "@tendril/core/job-id";
import { Unrecoverable } from "@tendril/core/outcome";
import { defineTier } from "@tendril/core/tier";
import { createTestTier, type Fault, type TestTier, type TestTierOptions } from "@tendril/testing/test-tier";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";

const NoteJob = defineJob({ type: "NoteJob", input: z.string(), retry: { attempts: 3 } });
const ParentJob = defineJob({ type: "ParentJob", input: z.object({ name: z.string() }) });
const PingJob = defineJob({ type: "PingJob", input: z.null(), effects: "at-least-once" });
const OrderedJob = defineJob({ type: "OrderedJob", input: z.string(), queue: "ordered", retry: { attempts: 2 } });
const InboxJob = defineJob({ type: "InboxJob", input: z.string(), queue: "inbox" });
const EndlessJob = defineJob({ type: "EndlessJob", input: z.null() });
const ForgottenJob = defineJob({ type: "ForgottenJob", input: z.null() });
const StrangerJob = defineJob({ type: "StrangerJob", input: z.null() });

const boom = new Error("boom");
let pings = 0;

const handlers = [
  handle(NoteJob, async (text, job) => {
    await job.sql`insert into notes (text) values (${text})`;
    if (text === "bad" || (text === "bad once" && job.attempt === 1)) throw boom;
    if (text === "hopeless") throw new Unrecoverable("no use");
    return { length: text.length };
  }),
  handle(ParentJob, async ({ name }, job) => {
    job.log("on it", { name });
    await job.enqueue(NoteJob, `${name} now`);
    await job.enqueue(NoteJob, `${name} soon`, { delay: "10 minutes", group: "g" });
    await job.enqueue(NoteJob, `${name} late`, { delay: "2 days", key: name });
  }),
  handle(PingJob, async () => {
    pings += 1;
  }),
  handle(OrderedJob, async (text, job) => {
    await job.sql`insert into notes (text) values (${text})`;
    if (text === "stumbles" && job.attempt === 1) throw boom;
  }),
  handle(InboxJob, async (text) => text),
  handle(EndlessJob, async (_input, job) => void (await job.enqueue(EndlessJob, null))),
];

const tier = defineTier({
  name: "kit",
  queues: { jobs: {}, ordered: { fifo: true }, inbox: { sources: [{ from: "sns", job: InboxJob, topic: "orders" }] } },
  jobs: [NoteJob, ParentJob, PingJob, OrderedJob, InboxJob, EndlessJob, ForgottenJob],
  largeInputs: "s3",
});

const migration = `
create table notes (id bigint generated always as identity primary key, text text not null);
create table kinds (id serial primary key, name text not null, twice text generated always as (name || name) stored);
create table uses (kind int not null references kinds);
insert into kinds (name) values ('plain'), ('round');
insert into uses values (2);
create sequence numbers;
select nextval('numbers');
`;

let folder: string;
let options: TestTierOptions;
let t: TestTier;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tendril-kit-"));
  writeFileSync(join(folder, "0001_notes.sql"), migration);
  options = { tier, handlers, migrations: folder };
  t = await createTestTier(options);
});

beforeEach(async () => {
  await t.reset();
  pings = 0;
});

afterAll(async () => {
  await t?.close();
  rmSync(folder, { recursive: true, force: true });
});

const notes = async (of = t): Promise<unknown[]> =>
  (await of.sql`select text from notes order by id`).map(({ text }) => text);

describe("a job that is run", () => {
  test("tells its outcome, its result, its log and what it has enqueued", async () => {
    const run = await t.run(ParentJob, { name: "Ada" });
    expect(run).toMatchObject({ type: "ParentJob", queue: "jobs", outcome: "done", attempt: 1 });
    expect(run.logs).toEqual([{ message: "on it", facts: { name: "Ada" } }]);
    expect(run.followUps).toMatchObject([
      { id: followUpJobId(run.id, 0), type: "NoteJob", input: "Ada now", delayMs: 0, receives: 0 },
      { id: followUpJobId(run.id, 1), input: "Ada soon", delayMs: 600_000, group: "g" },
      { id: keyedJobId("NoteJob", "Ada"), input: "Ada late", delayMs: 172_800_000, key: "Ada" },
    ]);
    expect(await t.enqueued(NoteJob)).toEqual(run.followUps);
    expect(await t.enqueued(ParentJob)).toEqual([]);
    expect(run).not.toHaveProperty("result");
    expect(await t.run(NoteJob, "four")).toMatchObject({ result: { length: 4 } });
  });

  test("has an input that is too large for a message, too, after a reset as well", async () => {
    for (const letter of ["a", "b"]) {
      const text = letter.repeat(1_100_000);
      const id = await t.enqueue(NoteJob, text);
      expect(await t.enqueued(NoteJob)).toMatchObject([{ id, input: text }]);
      expect(await t.drain()).toMatchObject([{ id, outcome: "done" }]);
      expect((await notes()).at(-1) === text).toBe(true);
      await t.reset();
    }
  });

  test("hands over the very error that it threw, with the time of its next attempt", async () => {
    const run = await t.run(NoteJob, "bad once");
    expect(run).toMatchObject({ outcome: "retry", attempt: 1, retryMs: 2000 });
    expect(run.error).toBe(boom);
    expect(await notes()).toEqual([]);
    expect(await t.enqueued(NoteJob)).toMatchObject([{ id: run.id, delayMs: 2000, receives: 1 }]);
    expect(await t.job(run.id)).toMatchObject({ state: "retry", attempts: 1, lastError: "Error: boom" });
  });

  test("goes through all its attempts when it is told to", async () => {
    const healed = await t.run(NoteJob, "bad once", { attempts: "all" });
    expect(healed).toMatchObject({
      outcome: "done",
      attempt: 2,
      deliveries: [{ outcome: "retry" }, { outcome: "done" }],
    });
    const lost = await t.run(NoteJob, "bad", { attempts: "all" });
    expect(lost.deliveries.map(({ outcome }) => outcome)).toEqual(["retry", "retry", "dead"]);
    const hopeless = await t.run(NoteJob, "hopeless", { attempts: "all" });
    expect(hopeless).toMatchObject({ outcome: "dead", attempt: 1, error: new Unrecoverable("no use") });
    expect(t.deadLetters()).toEqual([
      { id: lost.id, type: "NoteJob", queue: "jobs", input: "bad", error: "Error: boom", attempt: 3 },
      {
        id: hopeless.id,
        type: "NoteJob",
        queue: "jobs",
        input: "hopeless",
        error: "Unrecoverable: no use",
        attempt: 1,
      },
    ]);
  });

  test("waits for its time by itself, and lets those before it run first", async () => {
    await t.enqueue(NoteJob, "first");
    const before = t.clock.now();
    await t.run(NoteJob, "in an hour", { delay: "1 hour" });
    expect(t.clock.now() - before).toBe(3_600_000);
    expect(await notes()).toEqual(["first", "in an hour"]);
  });

  test("runs beside others that are run at the same time", async () => {
    const names = Array.from({ length: 25 }, (_, index) => `note ${index}`);
    const runs = await Promise.all(names.map((name) => t.run(NoteJob, name)));
    expect(new Set(runs.map(({ outcome }) => outcome))).toEqual(new Set(["done"]));
    expect((await notes()).sort()).toEqual(names.sort());
  });

  test("on a FIFO queue keeps its group's order, behind one that failed", async () => {
    await t.enqueue(OrderedJob, "stumbles", { group: "a" });
    const run = await t.run(OrderedJob, "follows", { group: "a" });
    expect(run.deliveries.map(({ outcome }) => outcome)).toEqual(["returned", "done"]);
    expect(await notes()).toEqual(["stumbles", "follows"]);
  });
});

describe("a drain", () => {
  test("runs what is visible, follow-ups too, and leaves what waits", async () => {
    const id = await t.enqueue(ParentJob, { name: "Bo" });
    const deliveries = await t.drain();
    expect(deliveries.map(({ type, outcome }) => `${type} ${outcome}`)).toEqual(["ParentJob done", "NoteJob done"]);
    expect(deliveries[0]?.id).toBe(id);
    expect(await notes()).toEqual(["Bo now"]);
    await t.clock.advance("10 minutes");
    await t.drain();
    expect(await notes()).toEqual(["Bo now", "Bo soon"]);
  });

  test("until idle goes through delays, one-time schedules and retries", async () => {
    const before = t.clock.now();
    await t.enqueue(ParentJob, { name: "Cy" });
    await t.enqueue(NoteJob, "bad once");
    const deliveries = await t.drain({ until: "idle" });
    expect(deliveries.filter(({ outcome }) => outcome === "retry")).toHaveLength(1);
    expect(await notes()).toEqual(expect.arrayContaining(["Cy now", "Cy soon", "Cy late", "bad once"]));
    expect(t.clock.now() - before).toBe(172_800_000);
    expect(await t.enqueued()).toEqual([]);
  });

  test("of jobs without an end gives up", async () => {
    await t.enqueue(EndlessJob, null);
    await expect(t.drain({ most: 20 })).rejects.toMatchObject({ code: "jobs_endless" });
  });
});

/** Sends a message as any program does. */
async function sendByHand(queue: string, MessageBody: string): Promise<string> {
  const client = new SQSClient(t.aws.config);
  const QueueUrl = t.aws.queues[queue]?.url;
  const { MessageId = "" } = await client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  client.destroy();
  return MessageId;
}

describe("a message that no client of the tier has sent", () => {
  test("runs as a job when it is one", async () => {
    const id = await sendByHand("jobs", JSON.stringify({ job_type: "NoteJob", data: "from outside" }));
    expect(await t.drain()).toMatchObject([{ id, outcome: "done" }]);
    expect(await notes()).toEqual(["from outside"]);
  });

  test("runs as the job of its source", async () => {
    const envelope = {
      Type: "Notification",
      MessageId: "m-1",
      TopicArn: "arn:aws:sns:us-east-1:1:orders",
      Message: '"hi"',
    };
    await sendByHand("inbox", JSON.stringify(envelope));
    const [waiting] = await t.enqueued(InboxJob);
    expect(waiting).toMatchObject({ queue: "inbox", input: "hi" });
    expect(await t.drain()).toMatchObject([{ id: waiting?.id, type: "InboxJob", outcome: "done" }]);
  });

  test("is dead, with the reason, when it is none", async () => {
    const id = await sendByHand("jobs", "what is this?");
    expect(await t.enqueued()).toMatchObject([{ id, type: "unknown" }]);
    expect(await t.drain()).toMatchObject([{ id, type: "unknown", outcome: "dead" }]);
    expect(t.deadLetters()).toMatchObject([{ queue: "jobs", error: expect.stringContaining("not JSON") }]);
  });
});

describe("a fault", () => {
  test("delivers a job twice: its effects happen once, but for those that are promised at least once", async () => {
    const once = await t.run(NoteJob, "once", { fault: "delivered twice" });
    expect(once.deliveries.map(({ outcome }) => outcome)).toEqual(["done", "duplicate"]);
    expect(once).toMatchObject({ outcome: "done", result: { length: 4 } });
    expect(await notes()).toEqual(["once"]);
    const twice = await t.run(PingJob, null, { fault: "delivered twice" });
    expect(twice.deliveries.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    expect(pings).toBe(2);
  });

  test("ends the process after the commit: what it owed is sent by the next delivery", async () => {
    const run = await t.run(ParentJob, { name: "Di" }, { fault: "crash after commit" });
    expect(run.deliveries.map(({ outcome }) => outcome)).toEqual(["crashed", "duplicate"]);
    expect(run.followUps.map(({ input }) => input)).toEqual(["Di now", "Di soon", "Di late"]);
  });

  test("hits every job of a drain, once each", async () => {
    for (const text of ["a", "b", "c"]) await t.enqueue(NoteJob, text);
    const deliveries = await t.drain({ until: "idle", fault: "crash after commit" });
    expect(deliveries.filter(({ outcome }) => outcome === "crashed")).toHaveLength(3);
    expect((await notes()).sort()).toEqual(["a", "b", "c"]);
    expect(await t.enqueued()).toEqual([]);
  });
});

test("whatever goes wrong with whichever jobs, each takes effect once", async () => {
  const job = fc.record({ note: fc.constantFrom("plain", "bad once"), delaySeconds: fc.constantFrom(0, 0, 30, 3600) });
  const fault = fc.constantFrom<Fault[]>("delivered twice", "crash after commit");
  const rule = async (jobs: readonly { note: string; delaySeconds: number }[], fault: Fault) => {
    await t.reset();
    const ids = new Set<string>();
    for (const { note, delaySeconds } of jobs)
      ids.add(await t.enqueue(NoteJob, note, { delay: `${delaySeconds} seconds` }));
    const deliveries = await t.drain({ until: "idle", fault });
    expect(new Set(deliveries.map(({ id }) => id))).toEqual(ids);
    expect((await notes()).sort()).toEqual(jobs.map(({ note }) => note).sort());
    expect(await t.sql`select state from tendril.jobs where state <> 'done'`).toEqual([]);
  };
  await fc.assert(fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 6 }), fault, rule), { numRuns: 10 });
});

describe("a reset", () => {
  test("leaves what the migrations have left, and nothing else", async () => {
    const started = t.clock.now();
    await t.run(NoteJob, "hopeless");
    await t.enqueue(NoteJob, "waits", { delay: "2 days" });
    await t.sql`insert into kinds (name) values ('third')`;
    await t.sql`delete from uses`;
    await t.sql`select nextval('numbers')`;
    await t.clock.advance("3 days");
    await t.reset();
    expect(await t.enqueued()).toEqual([]);
    expect(t.deadLetters()).toEqual([]);
    expect(Math.abs(t.clock.now() - started)).toBeLessThan(60_000);
    expect(await t.sql`select * from kinds order by id`).toEqual([
      { id: 1, name: "plain", twice: "plainplain" },
      { id: 2, name: "round", twice: "roundround" },
    ]);
    expect(await t.sql`select * from uses`).toEqual([{ kind: 2 }]);
    expect(
      await t.sql`insert into kinds (name) values ('new') returning id, nextval('numbers')::int as number`,
    ).toEqual([{ id: 3, number: 2 }]);
    expect(await t.sql`select * from tendril.jobs`).toEqual([]);
  });

  test("makes a keyed job new", async () => {
    const { id } = await t.run(NoteJob, "keyed", { key: "k" });
    expect(await t.run(NoteJob, "keyed", { key: "k" })).toMatchObject({ id, outcome: "duplicate" });
    await t.reset();
    expect(await t.run(NoteJob, "keyed", { key: "k" })).toMatchObject({ id, outcome: "done" });
  });
});

describe("another tier", () => {
  test("has messages, tables and time of its own", async () => {
    await using other = await createTestTier({ ...options, now: new Date("2030-01-01T00:00:00Z") });
    await other.run(NoteJob, "there");
    await t.enqueue(NoteJob, "here");
    expect(await other.drain()).toEqual([]);
    expect(await notes(other)).toEqual(["there"]);
    expect(await notes()).toEqual([]);
    expect(other.clock.now()).toBe(Date.UTC(2030));
  });

  test("does not find what a test before it has done to the tables", async () => {
    const first = await createTestTier(options);
    await first.sql`alter table notes add column extra text`;
    await first.sql`insert into notes (text) values ('left')`;
    await first.close();
    await using second = await createTestTier(options);
    expect(await second.sql`select * from notes`).toEqual([]);
    expect(await second.run(NoteJob, "x")).toMatchObject({ outcome: "done" });
    expect(await second.sql`select * from notes`).toEqual([{ id: "1", text: "x" }]);
  });

  test("may be on a PostgreSQL that is given", async () => {
    await using other = await createTestTier({ ...options, databaseUrl: new URL("/postgres", t.aws.databaseUrl).href });
    expect(await other.run(NoteJob, "given")).toMatchObject({ outcome: "done" });
  });
});

describe("what is asked for wrongly", () => {
  test("is told", async () => {
    await expect(t.enqueue(NoteJob, "x", { queue: "nowhere" })).rejects.toMatchObject({ code: "queue_unknown" });
    await expect(t.enqueue(StrangerJob, null)).rejects.toMatchObject({ code: "job_type_unknown" });
    await expect(t.run(ForgottenJob, null)).rejects.toMatchObject({ code: "handler_missing" });
    await expect(t.job("no id")).rejects.toMatchObject({ code: "job_id_invalid" });
    await expect(t.job(keyedJobId("NoteJob", "never"))).rejects.toMatchObject({ code: "job_unknown" });
    expect(await t.enqueued()).toEqual([]);
  });

  test.each<[string, Partial<TestTierOptions>, string]>([
    ["a folder that is not there", { migrations: "no/such/folder" }, "project_missing"],
    ["a cron.yaml that is not there", { cron: "no/cron.yaml" }, "project_missing"],
    ["a database that does not answer", { databaseUrl: "postgres://x:secret@127.0.0.1:1/x" }, "postgres_unavailable"],
    ["a tier that cannot be", { tier: { ...tier, queues: {} } }, "tier_refused"],
  ])("%s does not start", async (_what, wrong, code) => {
    const error: unknown = await createTestTier({ ...options, ...wrong }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain("secret");
  });

  test("a user who may not create databases is told so", async () => {
    const role = `limited_${process.pid}`;
    const own = new pg.Client({ connectionString: t.aws.databaseUrl });
    await own.connect();
    await own.query(`create role ${role} login`);
    const databaseUrl = Object.assign(new URL("/postgres", t.aws.databaseUrl), { username: role }).href;
    const start = createTestTier({ tier, handlers, databaseUrl });
    await expect(start).rejects.toMatchObject({ code: "postgres_unavailable" });
    await own.query(`drop role ${role}`);
    await own.end();
  });

  test("a migration that fails is told with its statement", async () => {
    const broken = mkdtempSync(join(tmpdir(), "tendril-kit-"));
    writeFileSync(join(broken, "0001_bad.sql"), "create table a (b int);\ncreate table c (d nothing);");
    await expect(createTestTier({ ...options, migrations: broken })).rejects.toThrow(/0001_bad.sql, statement 2/);
    rmSync(broken, { recursive: true });
  });
});
