/** What the API tells of jobs, and does to them, over the local SQS, the ledger in PostgreSQL, and a worker. */
import { createHash } from "node:crypto";
import { PurgeQueueCommand } from "@aws-sdk/client-sqs";
import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { newJobId } from "@tendril/core/job-id";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { useApiBench } from "./support/api-bench.ts";
import { whileTimePasses } from "./support/operations.ts";
import { newId, useWorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({ type: "Note", input: z.string(), retry: { attempts: 2, backoff: { from: "1 second" } } });
const Bag = defineJob({ type: "Bag", input: z.unknown() });
const Loose = defineJob({ type: "Loose", input: z.string(), effects: "at-least-once" });
const jobs = [Note, Bag, Loose];

const room = useWorkerRoom(({ writeNote }) => [
  handle(Note, writeNote),
  handle(Bag, async (input) => input),
  handle(Loose, async () => undefined),
]);

const bench = useApiBench(room, jobs);
const { ask, get, post } = bench;
const postNote = async (input: string) => String((await post({ type: "Note", input })).body.job_id);

/** The time has come for what waits to be tried again. */
async function tryAgain(): Promise<void> {
  await room.sqs.clock.advance(60_000);
  await room.work();
}

/** A job that is dead, with a letter. */
async function deadJob(note: string): Promise<string> {
  room.failAlways(note, new Error(`${note} went wrong`));
  const id = await postNote(note);
  await room.work();
  await tryAgain();
  return id;
}

describe("a job that was enqueued", () => {
  test("is queued until it begins, and done with its result at the end", async () => {
    room.behaviours.set("hello", async () => ({ length: 5 }));
    const accepted = await post({ type: "Note", input: "hello" });
    const id = String(accepted.body.job_id);
    expect(accepted).toMatchObject({ status: 202, body: { job_type: "Note", queue: "jobs", state: "queued" } });
    expect(accepted.headers.get("location")).toBe(`/jobs/${id}`);

    const queued = await get(`/jobs/${id}`);
    expect(queued).toMatchObject({ status: 200, body: { job_id: id, job_type: "Note", queue: "jobs", attempts: 0 } });
    expect(queued.body.state).toBe("queued");
    expect(Math.abs(Date.parse(String(queued.body.enqueued_at)) - Date.now())).toBeLessThan(60_000);

    await room.work();
    const done = await get(`/jobs/${id.toUpperCase()}`);
    expect(done.body).toMatchObject({ job_id: id, state: "done", attempts: 1, result: { length: 5 } });
    for (const time of ["first_started_at", "started_at", "finished_at"]) {
      expect(done.body[time]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    expect(done.body).not.toHaveProperty("last_error");
  });

  test("that failed says why, until it is dead", async () => {
    room.failAlways("bad", new Error("the mailbox is full"));
    const id = await postNote("bad");
    await room.work();
    const failed = await get(`/jobs/${id}`);
    expect(failed.body).toMatchObject({ state: "retry", attempts: 1, last_error: "Error: the mailbox is full" });
    await tryAgain();
    expect((await get(`/jobs/${id}`)).body).toMatchObject({
      state: "dead",
      attempts: 2,
      failed_at: expect.any(String),
    });
  });

  test("enqueues without asking the database, and is found without it only when nothing is asked of it", async () => {
    room.calls();
    const id = await postNote("a");
    expect(room.calls().database).toEqual([]);
    await get(`/jobs/${id}`);
    expect(room.calls().database).not.toEqual([]);
  });

  test("of a type that the ledger never hears of is queued, and says that this is all that is known", async () => {
    const { body } = await post({ type: "Loose", input: "a" });
    await room.work();
    const answer = await get(`/jobs/${body.job_id}?wait=20s`);
    expect(answer).toMatchObject({ status: 200, body: { state: "queued", tracked: false } });
    expect(await ask("DELETE", `/jobs/${body.job_id}`)).toMatchObject({ status: 409, body: { code: "job_untracked" } });
  });
});

describe("an id that was never given", () => {
  test.each([
    ["a new one", () => newId()],
    [
      "one of another tier",
      () => newJobId(Date.now(), new Uint8Array(16), { type: "Other", queueUrl: room.queue.url }),
    ],
    ["one of a day to come", () => sealed(Date.now() + 86_400_000)],
    ["one that is older than the ledger's memory", () => sealed(Date.now() - 31 * 86_400_000)],
  ])("%s is 404", async (_name, id) => {
    const { status, body } = await get(`/jobs/${id()}`);
    expect([status, body.code]).toEqual([404, "job_unknown"]);
    expect(body.detail).toContain("has not begun");
  });

  const sealed = (atMs: number) =>
    newJobId(atMs, crypto.getRandomValues(new Uint8Array(16)), { type: "Note", queueUrl: room.queue.url });

  test.each(["1", "%00", "%ff", "..%2f..", "00000000-0000-0000-0000-00000000000g"])("%s is no id", async (id) => {
    for (const [method, path] of [
      ["GET", `/jobs/${id}`],
      ["DELETE", `/jobs/${id}`],
      ["POST", `/jobs/${id}/retry`],
    ] as const) {
      expect(await ask(method, path)).toMatchObject({ status: 400, body: { code: "job_id_invalid" } });
    }
  });
});

describe("GET /jobs/ID?wait", () => {
  test("answers as soon as the job has ended", async () => {
    const id = await postNote("slow");
    const pauses: number[] = [];
    bench.use({
      async sleep(ms) {
        pauses.push(ms);
        if (pauses.length === 3) await room.work();
      },
    });
    expect((await get(`/jobs/${id}?wait=20s`)).body.state).toBe("done");
    expect(pauses).toEqual([50, 75, 112.5]);
  });

  test.each([
    ["when the wait is over", "2s", undefined, 2000],
    ["when the function's time is short", "25 seconds", 5500, 4000],
  ])("answers as the job stands %s", async (_name, wait, remainingMs, waitedMs) => {
    const id = await postNote("waits");
    let nowMs = Date.now();
    bench.use({
      now: () => nowMs,
      async sleep(ms) {
        nowMs += ms;
      },
    });
    const startMs = nowMs;
    const lambdaContext = { getRemainingTimeInMillis: () => remainingMs };
    const response = await bench.api.request(`/jobs/${id}?wait=${encodeURIComponent(wait)}`, {}, { lambdaContext });
    expect([response.status, nowMs - startMs]).toEqual([200, waitedMs]);
    expect(await response.json()).toMatchObject({ state: "queued" });
  });

  test("ends when the caller is gone", async () => {
    const id = await postNote("nobody waits");
    const caller = new AbortController();
    let looks = 0;
    bench.use({
      async sleep() {
        looks += 1;
        caller.abort();
      },
    });
    await bench.api.request(new Request(`http://api.test/jobs/${id}?wait=25s`, { signal: caller.signal }));
    expect(looks).toBe(1);
  });

  test.each(["26s", "-1s", "1", "", "1m", "1e3s", "NaN", "20s&wait=20s", "20s&weight=1"])(
    "refuses wait=%s",
    async (wait) => {
      const { status, body } = await get(`/jobs/${newId()}?wait=${wait}`);
      expect([status, body.code]).toEqual([400, "query_invalid"]);
    },
  );
});

describe("DELETE /jobs/ID", () => {
  test("keeps a job from running, and may be repeated", async () => {
    const id = await postNote("unwanted");
    for (let time = 0; time < 2; time += 1) {
      expect(await ask("DELETE", `/jobs/${id}`)).toMatchObject({
        status: 200,
        body: { job_id: id, state: "cancelled" },
      });
    }
    await room.work();
    expect(await room.notesOf(id)).toEqual([]);
    expect((await get(`/jobs/${id}`)).body).toMatchObject({ state: "cancelled", attempts: 0 });
  });

  test("changes nothing about a job that has begun", async () => {
    const id = await postNote("wanted");
    await room.work();
    const { status, body } = await ask("DELETE", `/jobs/${id}`);
    expect([status, body.code, body.given]).toEqual([409, "job_begun", "a job that is done"]);
    expect((await get(`/jobs/${id}`)).body.state).toBe("done");
  });

  test("of an id that nobody knows is 404", async () => {
    expect((await ask("DELETE", `/jobs/${newId()}`)).body.code).toBe("job_unknown");
  });
});

describe("POST /jobs/ID/retry", () => {
  test("sends a dead job back to its queue, with its id", async () => {
    const id = await deadJob("second chance");
    room.behaviours.delete("second chance");
    expect(await ask("POST", `/jobs/${id}/retry`)).toMatchObject({ status: 202, body: { job_id: id, queue: "jobs" } });
    await room.work();
    expect((await get(`/jobs/${id}`)).body).toMatchObject({ state: "done", attempts: 1 });
  });

  test("of a job that is not dead is 409, of one whose letter is gone 404", async () => {
    const id = await postNote("alive");
    expect((await ask("POST", `/jobs/${id}/retry`)).body).toMatchObject({ status: 409, code: "job_not_dead" });
    const dead = await deadJob("forgotten");
    await bench.sqs.send(new PurgeQueueCommand({ QueueUrl: room.queue.deadLetterUrl }));
    expect((await ask("POST", `/jobs/${dead}/retry`)).body).toMatchObject({ status: 404, code: "dead_letter_missing" });
  });
});

test("dead letters that SQS's own clock, which is ahead, has dated go back to their queue", async () => {
  await room.sqs.clock.advance(3_600_000);
  const id = await deadJob("of another hour");
  room.behaviours.delete("of another hour");
  const { body } = await whileTimePasses(room.sqs.clock, ask("POST", "/queues/jobs/dead-letters/redrive", {}));
  expect(body).toEqual({ redriven: 1, failed: [], left: 0 });
  await room.work();
  expect((await get(`/jobs/${id}`)).body).toMatchObject({ state: "done" });
});

describe("an idempotency key", () => {
  test("with the same input is the same job, however that is written", async () => {
    const first = await post({ type: "Bag", key: "order-7", input: { a: 1, b: [true, { c: null, d: "x" }] } });
    const again = await post(
      { input: { b: [true, { d: "x", c: null }], a: 1.0 }, type: "Bag" },
      { "idempotency-key": "order-7" },
    );
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body.job_id).toBe(first.body.job_id);
    await room.work();
    await room.work();
    expect((await get(`/jobs/${first.body.job_id}`)).body).toMatchObject({ state: "done", attempts: 1 });
  });

  test("is noted: its job is queued before it begins", async () => {
    const { body } = await post({ type: "Bag", key: "known", input: 1 });
    expect((await get(`/jobs/${body.job_id}`)).body).toMatchObject({
      state: "queued",
      enqueued_at: expect.any(String),
    });
    const page = await get("/jobs?state=queued&type=Bag");
    expect(page.body.jobs).toContainEqual(expect.objectContaining({ job_id: body.job_id }));
  });

  test("with another input is refused, and nothing is queued", async () => {
    await post({ type: "Bag", key: "taken", input: 1 });
    expect(await room.queue.count()).toBe(1);
    for (const input of [2, "1", [1], { a: 1 }, null]) {
      const { status, body } = await post({ type: "Bag", key: "taken", input });
      expect([status, body.code]).toEqual([422, "key_conflict"]);
    }
    const elsewhere = await ask("POST", "/job/post/Bag", { data: 2 }, { "idempotency-key": "taken" });
    expect(elsewhere.body.code).toBe("key_conflict");
    expect(await room.queue.count()).toBe(1);
  });

  test("of a list is checked for each job, within the list too", async () => {
    await post({ type: "Bag", key: "k1", input: 1 });
    const list = [
      { type: "Bag", key: "k1", input: 2 },
      { type: "Bag", key: "k1", input: 1 },
      { type: "Bag", key: "k2", input: 1 },
      { type: "Bag", key: "k2", input: 1 },
      { type: "Bag", key: "k2", input: 2 },
      { type: "Note", key: "k2", input: "another type's" },
    ];
    const { status, body } = await post(list);
    expect([status, body.accepted, body.refused]).toEqual([207, 4, 2]);
    expect(statuses(body)).toEqual([422, 202, 202, 202, 422, 202]);
    expect(await room.queue.count()).toBe(4); // k1 twice, k2 of Bag, k2 of Note
  });

  test("that comes twice in a list with different inputs is refused without the database too", async () => {
    room.local.wire.decide(() => "lose the call");
    const { body } = await post([
      { type: "Bag", key: "k3", input: 1 },
      { type: "Bag", key: "k3", input: 2 },
      { type: "Bag", key: "k3", input: 1 },
    ]);
    expect(statuses(body)).toEqual([202, 422, 202]);
    expect(await room.queue.count()).toBe(1);
  });

  test.each(["", "a b", "ü", "x".repeat(256), "\u007f"])("cannot be %j", async (key) => {
    const { status, body } = await post({ type: "Bag", key, input: 1 });
    expect([status, body.code, body.where]).toEqual([422, "input_invalid", "key"]);
    expect(await room.queue.count()).toBe(0);
  });

  test("is no reason to wait for a database that does not answer", async () => {
    room.local.wire.decide(() => new Promise(() => {}));
    const { status, body } = await post({ type: "Bag", key: "patient", input: 1 });
    expect([status, await room.queue.count()]).toEqual([202, 1]);
    const told = bench.lines.find((line) => line.message === "keys not noted");
    expect(told?.facts.request_id).toBe(
      bench.lines.find((line) => line.facts.job_id === body.job_id)?.facts.request_id,
    );
  });
});

const statuses = (body: Record<string, unknown>): unknown[] =>
  (Array.isArray(body.jobs) ? body.jobs : []).map((each: { status: unknown }) => each.status);

describe("GET /jobs", () => {
  test("gives pages, the newest first, without results", async () => {
    room.behaviours.set("paged", async () => "a result");
    const ids = [];
    for (let index = 0; index < 5; index += 1) {
      ids.unshift(await postNote("paged"));
      await room.work();
    }
    const found: unknown[] = [];
    let path = "/jobs?type=Note&state=done&limit=2";
    for (let pages = 0; pages < 3; pages += 1) {
      const { body } = await get(path);
      const page: Record<string, unknown>[] = Array.isArray(body.jobs) ? body.jobs : [];
      expect(page.length).toBe(2);
      for (const job of page) expect(job).not.toHaveProperty("result");
      found.push(...page.map((job) => job.job_id));
      path = `/jobs?type=Note&state=done&limit=2&cursor=${encodeURIComponent(String(body.next))}`;
    }
    expect(found.slice(0, 5)).toEqual(ids);
  });

  test("ends where there is nothing more", async () => {
    for (const state of ["queued", "running", "dead"]) {
      const { body } = await get(`/jobs?state=${state}&since=2099-01-01T00:00:00Z`);
      expect(body).toEqual({ jobs: [] });
    }
  });

  test.each([
    "state=begun",
    "state=done&state=dead",
    "type=%00",
    "queue=Jobs",
    "since=yesterday",
    "since=2026-02-30T00:00:00Z",
    "until=2026-11-20T10:00:00",
    "limit=0",
    "limit=101",
    "limit=1e1",
    "cursor=",
    "cursor=%00",
    "cursor=bm90IG9uZQ",
    "unknown=1",
    "__proto__=1",
  ])("refuses ?%s", async (query) => {
    const { status, body } = await get(`/jobs?${query}`);
    expect([status, body.code]).toEqual([400, "query_invalid"]);
  });

  test.each(["since=2026-11-20T10:00:00Z", "until=2026-11-20T10:00:00.123%2B01:00", "queue=other", "limit=100"])(
    "takes ?%s",
    async (query) => {
      const { status, body } = await get(`/jobs?${query}`);
      expect([status, body.jobs]).toEqual([200, expect.any(Array)]);
    },
  );
});

describe("while the database is away", () => {
  beforeEach(() => room.local.wire.decide(() => "lose the call"));

  test.each([
    ["GET", `/jobs/${newId()}`],
    ["GET", "/jobs"],
    ["DELETE", `/jobs/${newId()}`],
  ])("%s %s is 503, to be tried again", async (method, path) => {
    const { status, body, headers } = await ask(method, path);
    expect([status, body.code, headers.get("retry-after")]).toEqual([503, "database_away", "5"]);
    expect(bench.lines).toEqual([
      { message: "request failed", facts: expect.objectContaining({ code: "database_away" }) },
    ]);
  });

  test("jobs are enqueued, and a deep look says what is away", async () => {
    expect((await post({ type: "Note", input: "a" })).status).toBe(202);
    const { status, body } = await get("/health?deep=true");
    expect(status).toBe(503);
    expect(body).toMatchObject({
      status: "failed",
      checks: [
        { name: "function", status: "ok" },
        { name: "queue jobs", status: "ok", says: expect.stringContaining("1 waiting, 0 dead letters") },
        { name: "database", status: "failed" },
      ],
    });
    expect((await get("/health")).status).toBe(200);
  });
});

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

describe("what AWS does not take", () => {
  test("of a list is told for each job, with its id", async () => {
    room.sqsWire.decide(({ action, body }) => {
      if (action !== "SendMessageBatch") return "pass";
      const { Entries }: { Entries: { Id: string; MessageBody: string }[] } = JSON.parse(body);
      const [bad, ...good] = Entries;
      const Successful = good.map(({ Id, MessageBody }) => ({ Id, MessageId: Id, MD5OfMessageBody: md5(MessageBody) }));
      const Failed = [{ Id: bad?.Id, SenderFault: true, Code: "InvalidMessageContents" }];
      return { status: 200, json: { Successful, Failed } };
    });
    const { status, body } = await post([
      { type: "Note", input: "a" },
      { type: "Note", input: "b" },
    ]);
    expect([status, statuses(body)]).toEqual([207, [502, 202]]);
    expect(body.jobs).toMatchObject([{ job_id: expect.any(String), problem: { code: "aws_call_failed" } }, {}]);
  });

  test("because it is called too often is 429", async () => {
    room.sqsWire.decide(() => ({ status: 400, error: "RequestThrottled" }));
    const { status, body, headers } = await post({ type: "Note", input: "a" });
    expect([status, body.code, headers.get("retry-after")]).toEqual([429, "rate_limited", "1"]);
    const list = await post([{ type: "Note", input: "a" }]);
    expect(statuses(list.body)).toEqual([429]);
  });
});

test("a name with a line break in it is a name all the same, on every route", async () => {
  const routes: [string, string, string][] = [
    ["POST", "/job/post/NAME", "job_type_unknown"],
    ["GET", "/jobs/NAME", "job_id_invalid"],
    ["DELETE", "/jobs/NAME", "job_id_invalid"],
    ["POST", "/jobs/NAME/retry", "job_id_invalid"],
    ["GET", "/queues/NAME", "queue_unknown"],
    ["GET", "/queues/NAME/dead-letters", "queue_unknown"],
    ["POST", "/queues/NAME/dead-letters/redrive", "queue_unknown"],
    ["POST", "/queues/NAME/pause", "queue_unknown"],
    ["POST", "/queues/NAME/resume", "queue_unknown"],
    ["POST", "/schedules/NAME/run", "schedule_unknown"],
    ["GET", "/schedules/NAME/run", "method_not_allowed"],
  ];
  for (const lineBreak of ["%0A", "%0D", "%0D%0A", "%E2%80%A8", "%E2%80%A9"]) {
    for (const [method, path, code] of routes) {
      for (const name of [lineBreak, `a${lineBreak}b`]) {
        const at = path.replace("NAME", name);
        const { body } = await bench.ask(method, at, method === "POST" ? {} : undefined);
        expect({ method, at, code: body.code }).toEqual({ method, at, code });
      }
    }
  }
});

test("no path, query or method is answered with a server error, and every answer can be found in the log", async () => {
  const odd = fc.constantFrom(
    "%00",
    "%ff",
    "%E0%A4%A",
    "%2F",
    "..",
    "",
    "a%0Ab",
    "%F0%9F%92%A9",
    "__proto__",
    "*",
    ":id",
  );
  const id = fc.oneof(odd, fc.uuid(), fc.constant("01980F3A-7C2E-7CC1-9D4B-3F0D2B1C8E77"));
  const target = fc.oneof(
    fc.constantFrom("/jobs", "/health", "/docs", "/openapi.json", "/queues", "/schedules", "//jobs", "/jobs/", "/"),
    id.map((each) => `/jobs/${each}`),
    id.map((each) => `/jobs/${each}/retry`),
    id.map((each) => `/job/post/${each}`),
    id.map((each) => `/schedules/${each}/run`),
  );
  const name = fc.oneof(
    fc.constantFrom("state", "type", "queue", "since", "until", "limit", "cursor", "wait", "deep"),
    odd,
  );
  const value = fc.oneof(odd, fc.string().map(encodeURIComponent), fc.constantFrom("done", "jobs", "1", "0s", "true"));
  const query = fc.array(fc.tuple(name, value), { maxLength: 3 });
  const method = fc.constantFrom("GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND");
  await fc.assert(
    fc.asyncProperty(method, target, query, async (verb, path, parts) => {
      bench.lines.length = 0;
      const search = parts.map(([key, text]) => `${key}=${text}`).join("&");
      const response = await bench.api.request(`${path}?${search}`, { method: verb });
      expect(response.status).toBeLessThan(500);
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(response.headers.get("cache-control")).toBe("no-store");
      const request_id = response.headers.get("x-request-id");
      expect(bench.lines).toEqual([{ message: expect.any(String), facts: expect.objectContaining({ request_id }) }]);
      if (response.status >= 400 && verb !== "HEAD") {
        expect(await response.json()).toMatchObject({ status: response.status, type: expect.stringMatching(/^urn:/) });
      }
    }),
    { numRuns: 300 },
  );
});
