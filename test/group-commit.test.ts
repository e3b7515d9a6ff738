/** Jobs that only write (`commit: "grouped"`): a batch of them is one Data API call, and each is as if it were alone. */
import { SQSClient } from "@aws-sdk/client-sqs";
import { createClient } from "@tendril/client/client";
import { type GroupedContext, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { followUpJobId, type JobId } from "@tendril/core/job-id";
import { Unrecoverable } from "@tendril/core/outcome";
import { collectWrites } from "@tendril/ledger/collected-writes";
import type { GroupedJob } from "@tendril/ledger/group-commit";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { lambdaContext, newId, useWorkerRoom } from "./support/worker-bench.ts";

const retry = { attempts: 3, backoff: { from: "4 seconds", to: "1 minute" } } as const;
const Note = defineJob({ type: "Note", input: z.string(), timeout: "20 seconds", retry, commit: "grouped" });
const Single = defineJob({ type: "Single", input: z.string() });

/** What a job does after it has collected the write of its note, by the note. */
const behaviours = new Map<string, (job: GroupedContext) => Promise<unknown>>();
const runs: string[] = [];
const { signal } = new AbortController();

const run = async (note: string, job: GroupedContext): Promise<unknown> => {
  runs.push(note);
  job.write`insert into effects values (${job.id}::uuid, ${note})`;
  return behaviours.get(note)?.(job);
};

const room = useWorkerRoom(({ writeNote }) => [handle(Note, run), handle(Single, writeNote)]);
const { messagesOf, notesOf, rowOf, send, work } = room;

afterEach(() => {
  behaviours.clear();
  runs.length = 0;
});

async function sendNotes(count: number, type = "Note"): Promise<JobId[]> {
  const ids: JobId[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await send(`note ${n}`, { type }));
  return ids;
}

async function laterWork(): Promise<string[]> {
  await room.sqs.clock.advance(300_000);
  return work();
}

async function expectDoneOnce(ids: readonly JobId[]): Promise<void> {
  const jobs = await room.query("select id from tendril.jobs where state = 'done' and id = any($1)", [ids]);
  expect(jobs).toHaveLength(ids.length);
  const effects = await room.query("select job from effects where job = any($1)", [ids]);
  expect(effects.map(({ job }) => job).sort()).toEqual([...ids].sort());
}

const isGroup = ({ body }: { body: string }): boolean => body.includes("tendril.commit_group");

describe("ten jobs of a batch", () => {
  test("are one call to enqueue and one to commit, with their results", async () => {
    const { region, credentials } = room.sqs.client.config;
    const sqs = new SQSClient({ endpoint: room.sqsWire.url, region, credentials, useQueueUrlAsEndpoint: false });
    const client = createClient({ sqs, queues: { jobs: room.queue } });
    const notes = Array.from({ length: 10 }, (_, n) => `note ${n}`);
    const ids = (await client.enqueueAll(Note, notes)).flatMap((sent) => (sent.kind === "enqueued" ? [sent.id] : []));
    expect(ids).toHaveLength(10);
    for (const [n] of ids.entries()) behaviours.set(`note ${n}`, async () => ({ n }));
    expect(await work()).toEqual([]);
    expect(room.calls()).toEqual({ database: ["Execute"], sqs: ["SendMessageBatch"] });
    sqs.destroy();
    await expectDoneOnce(ids);
    for (const [n, id] of ids.entries()) {
      expect(await rowOf(id)).toMatchObject({ attempts: 1, result: { n }, finished_at: expect.any(Date) });
      expect(messagesOf(id)).toEqual(["job started", "job done"]);
    }
  });

  test("and their follow-ups are two calls of the database and one of SQS", async () => {
    const ids = await sendNotes(10);
    for (const [n] of ids.entries()) behaviours.set(`note ${n}`, (job) => job.enqueue(Single, `child ${n}`));
    expect(await work()).toEqual([]);
    expect(room.calls()).toEqual({ database: ["Execute", "Execute"], sqs: ["SendMessageBatch"] });
    await expectDoneOnce(ids);
    expect(await room.query("select from tendril.outbox")).toEqual([]);
    expect(await work()).toEqual([]);
    await expectDoneOnce(ids.map((id) => followUpJobId(id, 0)));
  });

  test("are one call also when only three run at the same time, and when others are committed alone", async () => {
    room.use({ jobsAtOnce: 3 });
    const ids = [...(await sendNotes(8)), ...(await sendNotes(2, "Single"))];
    expect(await work()).toEqual([]);
    const single = ["BeginTransaction", "CommitTransaction", "Execute", "Execute"];
    expect(room.calls().database.sort()).toEqual([...single, ...single, "Execute"].sort());
    await expectDoneOnce(ids);
  });

  test("do not wait longer than a second for a handler that takes longer", async () => {
    const ids = await sendNotes(3);
    const { promise: committed, resolve } = Promise.withResolvers<void>();
    behaviours.set("note 0", () => committed);
    room.local.wire.decide((call) => {
      if (isGroup(call)) resolve();
      return "pass";
    });
    expect(await work()).toEqual([]);
    expect(room.calls().database).toEqual(["Execute", "Execute"]);
    await expectDoneOnce(ids);
  });
});

describe("a job that goes wrong is alone in it", () => {
  const nine = (ids: readonly JobId[]) => ids.filter((_, index) => index !== 4);

  async function expectNoneOf(id: JobId | undefined, row: object): Promise<void> {
    expect(await notesOf(id ?? "")).toEqual([]);
    expect(await rowOf(id ?? "")).toMatchObject(row);
  }

  test("when Postgres refuses its statement: its own other statements are undone, and it is tried again", async () => {
    const ids = await sendNotes(10);
    behaviours.set("note 4", async (job) => job.write`insert into nowhere values (1)`);
    expect(await work()).toHaveLength(1);
    await expectDoneOnce(nine(ids));
    const last_error = expect.stringContaining('relation "nowhere" does not exist');
    await expectNoneOf(ids[4], { state: "retry", attempts: 1, last_error });
    behaviours.clear();
    expect(await laterWork()).toEqual([]);
    await expectDoneOnce(ids);
    expect(await rowOf(ids[4] ?? "")).toMatchObject({ attempts: 2 });
  });

  test("when its handler fails, and when there is no help for it", async () => {
    const ids = await sendNotes(10);
    behaviours.set("note 4", () => Promise.reject(new Unrecoverable("no help")));
    expect(await work()).toEqual([]);
    await expectDoneOnce(nine(ids));
    await expectNoneOf(ids[4], { state: "dead", attempts: 1, last_error: expect.stringContaining("no help") });
    expect(await room.queue.deadLetters()).toHaveLength(1);
  });

  test.each([
    ["a character 0 in its text", async (job: GroupedContext) => job.write`select ${"\u0000"}`],
    ["a result that Postgres cannot keep", async () => "\u0000"],
    [
      "an error in the middle of a transaction's end",
      async (job: GroupedContext) => job.write`do $$ begin commit; end $$`,
    ],
  ])("with %s", async (_, behaviour) => {
    const ids = await sendNotes(10);
    behaviours.set("note 4", behaviour);
    expect(await work()).toHaveLength(1);
    await expectDoneOnce(nine(ids));
    await expectNoneOf(ids[4], { state: "retry", attempts: 1 });
  });

  test("when it breaks a constraint that is checked at the commit of all", async () => {
    await room.query("create table seats (number int unique deferrable initially deferred)");
    const ids = await sendNotes(10);
    for (const note of ["note 4", "note 7"]) {
      behaviours.set(note, async (job) => job.write`insert into seats values (${7})`);
    }
    expect(await work()).toHaveLength(1);
    const failed = await room.query("select id from tendril.jobs where state = 'retry' and id = any($1)", [ids]);
    await expectDoneOnce(ids.filter((id) => id !== failed[0]?.id));
    expect([ids[4], ids[7]]).toContain(failed[0]?.id);
  });

  test("in a transaction of its own it is not to blame for what another job of its group was in the way of", async () => {
    const ids = await sendNotes(10);
    for (const n of ids.keys()) {
      behaviours.set(`note ${n}`, async (job) => job.write`create temp table mine on commit drop as select 1`);
    }
    expect(await work()).toEqual([]);
    await expectDoneOnce(ids);
  });
});

test("a function that is declared with the setting it changes leaves none to the jobs after it in the group", async () => {
  await room.query("create table tenants (seen text)");
  await room.query(`create function as_tenant(tenant text) returns text language plpgsql set app.tenant = '' as
    $$ begin return set_config('app.tenant', tenant, true); end $$`);
  const ids = (await sendNotes(3)).sort();
  for (const n of ids.keys()) {
    behaviours.set(`note ${n}`, async (job) => {
      job.write`select as_tenant(${job.id})`;
      job.write`insert into tenants select 'tenant ' || coalesce(current_setting('app.tenant', true), '')`;
    });
  }
  expect(await work()).toEqual([]);
  await expectDoneOnce(ids);
  expect(await room.query("select seen, count(*)::int from tenants group by seen")).toEqual([
    { seen: "tenant ", count: 3 },
  ]);
  expect(ids.map(messagesOf)).toEqual(ids.map(() => ["job started", "job done"]));
});

describe("a job that changes the session is committed alone, and those after it see nothing of", () => {
  test.each<[string, (job: GroupedContext) => void]>([
    ["a search path", (job) => job.write`do $$ begin set local search_path = nowhere, public; end $$`],
    ["triggers that are off", (job) => job.write`do $$ begin set local session_replication_role = replica; end $$`],
    ["a table that stands before another", (job) => job.write`create temp table seen (state text) on commit drop`],
  ])("%s", async (_, change) => {
    await room.query("create table if not exists seen (state text)");
    const [first = newId(), ...others] = (await sendNotes(3)).sort();
    for (const n of [0, 1, 2]) {
      behaviours.set(`note ${n}`, async (job) => {
        if (job.id === first) change(job);
        else
          job.write`insert into seen select current_setting('search_path') || current_setting('session_replication_role')`;
      });
    }
    const [usual] = await room.query("select current_setting('search_path') || 'origin' as state");
    expect(await work()).toEqual([]);
    await expectDoneOnce([first, ...others]);
    expect(messagesOf(first)).toEqual(["job started", "job not committed with others", "job done"]);
    expect(await room.query("delete from seen returning state")).toEqual([usual, usual]);
    const [row] = await room.query(
      "select bool_and(finished_at is not null) as all from tendril.jobs where id = any($1)",
      [others],
    );
    expect(row).toEqual({ all: true });
  });
});

describe("a job that is not to run", () => {
  test("because it was done before takes effect no second time, though its handler runs", async () => {
    const id = await send("note 4");
    expect(await work()).toEqual([]);
    await send("note 4", { id });
    behaviours.set("note 4", () => Promise.reject(new Error("the second run fails")));
    const others = await sendNotes(3);
    expect(await work()).toEqual([]);
    expect(messagesOf(id)).toEqual(["job started", "job done", "job started", "job duplicate"]);
    await expectDoneOnce([id, ...others]);
    expect(await room.queue.count()).toBe(0);
  });

  test("because it is twice in the batch takes effect once", async () => {
    const id = newId();
    for (const note of ["first", "second", "third"]) await send(note, { id });
    expect(await work()).toEqual([]);
    await expectDoneOnce([id]);
    expect(room.bench.documents.at(-1)).toMatchObject({ JobsDone: 1, JobsDuplicate: 2 });
  });

  test("because it was cancelled takes no effect", async () => {
    const [cancelled = newId(), ...others] = await sendNotes(3);
    await room.query("select tendril.cancel($1, 'Note', 'jobs')", [cancelled]);
    expect(await work()).toEqual([]);
    await expectDoneOnce(others);
    expect(await notesOf(cancelled)).toEqual([]);
    expect(await rowOf(cancelled)).toMatchObject({ state: "cancelled" });
    expect(messagesOf(cancelled).at(-1)).toBe("job skipped");
  });

  test("because it is cancelled while its handler runs takes no effect", async () => {
    const [cancelled = newId(), other = newId()] = await sendNotes(2);
    const said: unknown[] = [];
    behaviours.set("note 0", async (job) => {
      said.push(...(await room.query("select tendril.cancel($1, 'Note', 'jobs') as state", [cancelled])));
      return job.enqueue(Single, "child");
    });
    expect(await work()).toEqual([]);
    expect(said).toEqual([{ state: "cancelled" }]);
    await expectDoneOnce([other]);
    expect(await notesOf(cancelled)).toEqual([]);
    expect(messagesOf(cancelled).at(-1)).toBe("job skipped");
    expect(await laterWork()).toEqual([]);
    expect(await notesOf(followUpJobId(cancelled, 0))).toEqual([]);
  });

  test("because another delivery is running it waits for that one, and holds the others up no longer", async () => {
    const ids = await sendNotes(10);
    const [held = newId()] = [...ids].sort();
    const job = { id: held, type: "Note", input: null };
    const claim = await room.ledger.claim({ job, queue: "jobs", messageId: "another" }, signal);
    if (claim.kind !== "claimed") throw new Error(claim.kind);
    const transactions: string[] = [];
    room.calls();
    room.local.wire.decide(async (call) => {
      transactions.push(call.action);
      if (call.action === "BeginTransaction") await claim.transaction.commit();
      return "pass" as const;
    });
    expect(await work()).toEqual([]);
    // The group, which waits; the nine others; the one alone.
    expect(transactions.filter((action) => action === "Execute").length).toBe(2 + 1);
    expect(messagesOf(held).at(-1)).toBe("job duplicate");
    await expectDoneOnce(ids.filter((id) => id !== held));
  });
});

describe("when the answer is lost", () => {
  test.each(["lose the answer", "lose the call"] as const)(
    "(%s) nothing is repeated: the next delivery knows",
    async (fate) => {
      const ids = await sendNotes(10);
      for (const n of ids.keys()) behaviours.set(`note ${n}`, (job) => job.enqueue(Single, `child ${n}`));
      room.local.wire.decide((call) => (isGroup(call) ? fate : "pass"));
      expect(await work()).toHaveLength(10);
      expect(room.calls().database).toEqual(["Execute"]);
      for (const id of ids) expect(room.bench.linesOf(id).at(-1)).toMatchObject({ message: "job retry", attempt: 0 });
      room.local.wire.decide(() => "pass");
      expect(await laterWork()).toEqual([]);
      const last = fate === "lose the answer" ? "job duplicate" : "job done";
      for (const id of ids) expect(messagesOf(id).at(-1)).toBe(last);
      await expectDoneOnce(ids);
      expect(await laterWork()).toEqual([]);
      await expectDoneOnce(ids.map((id) => followUpJobId(id, 0)));
    },
  );

  test("and when the process ends between the commit and the deletion, too", async () => {
    const ids = await sendNotes(10);
    for (const n of ids.keys()) behaviours.set(`note ${n}`, (job) => job.enqueue(Single, `child ${n}`));
    room.sqsWire.decide(({ action }) => (action === "SendMessageBatch" ? "lose the call" : "pass"));
    await room.bench.worker(await room.queue.receive(), lambdaContext());
    room.sqsWire.decide(() => "pass");
    runs.length = 0;
    expect(await laterWork()).toEqual([]);
    expect(runs).toEqual([]);
    for (const id of ids) expect(messagesOf(id).at(-1)).toBe("job duplicate");
    expect(await laterWork()).toEqual([]);
    await expectDoneOnce([...ids, ...ids.map((id) => followUpJobId(id, 0))]);
  });

  test("while the database is away no attempt is lost", async () => {
    const ids = await sendNotes(3);
    room.local.wire.decide(() => ({ status: 503, error: "ServiceUnavailableError" }));
    for (let time = 0; time < 4; time += 1) expect(await laterWork()).toHaveLength(3);
    room.local.wire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    await expectDoneOnce(ids);
    expect(await rowOf(ids[0] ?? "")).toMatchObject({ attempts: 1 });
  });
});

describe("what is larger than a call takes", () => {
  const megabyte = "x".repeat(1024 * 1024);

  test("goes in several", async () => {
    const ids = await sendNotes(3);
    for (const n of ids.keys()) behaviours.set(`note ${n}`, async (job) => job.write`select ${megabyte}, ${n}`);
    expect(await work()).toEqual([]);
    expect(room.calls().database).toEqual(["Execute", "Execute"]);
    await expectDoneOnce(ids);
  });

  test("in one job is committed alone, in as many calls as it needs", async () => {
    const ids = await sendNotes(3);
    behaviours.set("note 1", async (job) => {
      for (let n = 0; n < 5; n += 1) job.write`select ${megabyte}, ${n}`;
    });
    expect(await work()).toEqual([]);
    await expectDoneOnce(ids);
    expect(room.calls().database.filter((action) => action === "BeginTransaction")).toHaveLength(1);
  });
});

test("a job that comes again is claimed before its handler runs, and its attempts are the ledger's", async () => {
  const id = await send("note");
  const attempts: number[] = [];
  behaviours.set("note", async ({ attempt }) => {
    attempts.push(attempt);
    if (attempt < 3) throw new Error("not yet");
  });
  for (let time = 0; time < 2; time += 1) expect(await laterWork()).toHaveLength(1);
  room.calls();
  expect(await laterWork()).toEqual([]);
  expect(attempts).toEqual([1, 2, 3]);
  expect(room.calls().database).toEqual(["BeginTransaction", "Execute", "Execute", "Execute", "CommitTransaction"]);
  expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 3 });
});

test("two groups that stand in each other's way lose one job to a transaction of its own, and nothing else", async () => {
  await room.query("create table counters (id int primary key, count int)");
  await room.query("insert into counters values (1, 0), (2, 0)");
  const count = (id: number): GroupedJob => {
    const { write, close } = collectWrites(signal);
    write`update counters set count = count + 1 where id = ${id}`;
    write`select pg_sleep(0.3)`;
    const job = { id: newId(), type: "Note", input: null };
    return { jobId: job.id, delivery: { job, queue: "jobs", messageId: job.id }, writes: close(), followUps: [] };
  };
  const groups = [
    [count(1), count(2)],
    [count(2), count(1)],
  ];
  const ends = await Promise.all(groups.map((jobs) => room.ledger.commitGroup(jobs, signal)));
  const kinds = ends.flat().map(({ kind }) => kind);
  expect(kinds.sort()).toEqual(["alone", "done", "done", "done"]);
  expect(ends.flat()).toContainEqual({ kind: "alone", reason: expect.stringContaining("40P01: deadlock detected") });
  expect(await room.query("select sum(count)::int from counters")).toEqual([{ sum: 3 }]);
});

test("job.sql and job.rdsData are refused, and job.write after the handler's end", async () => {
  const id = await send("note");
  const codes: unknown[] = [];
  const late: GroupedContext[] = [];
  behaviours.set("note", async (job) => {
    late.push(job);
    for (const name of ["sql", "rdsData"]) {
      try {
        Reflect.get(job, name)();
      } catch (error) {
        codes.push(error);
      }
    }
  });
  handle(Note, async (_, job) => {
    // @ts-expect-error: the compiler knows it, too
    await job.sql`select 1`;
  });
  expect(await work()).toEqual([]);
  await expectDoneOnce([id]);
  expect(codes).toEqual([1, 2].map(() => expect.objectContaining({ code: "sql_not_allowed" })));
  for (const { write } of late) {
    expect(() => write`select 1`).toThrow(expect.objectContaining({ code: "transaction_ended" }));
  }
  expect(late).toHaveLength(1);
});
