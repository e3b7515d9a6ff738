/** POST /jobs: one job or a list of them, with all that a job may say of when, where and in which order it runs. */
import { type Api, createApi } from "@tendril/api/api";
import { createSender } from "@tendril/client/sender";
import { defineJob } from "@tendril/core/job";
import type { QueueLink } from "@tendril/core/link";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { jobOf, openTestSqs, type TestSqs } from "./open-queue.ts";

const Mail = defineJob({ type: "Mail", input: z.object({ to: z.string() }) });
const Order = defineJob({ type: "Order", input: z.number(), queue: "orders" });
const Bag = defineJob({ type: "Bag", input: z.unknown() });
const Broken = defineJob({
  type: "Broken",
  input: z.string().transform(() => {
    throw new RangeError("a schema that chokes");
  }),
});

let aws: TestSqs;
let queues: { jobs: QueueLink; orders: QueueLink };
let api: Api;
let number = 0;
let lines: { message: string; facts: Readonly<Record<string, unknown>> }[];

beforeAll(async () => {
  aws = await openTestSqs();
});
afterAll(() => aws.close());
beforeEach(async () => {
  number += 1;
  lines = [];
  queues = {
    jobs: await aws.createQueue(`jobs-${number}`),
    orders: await aws.createQueue(`orders-${number}.fifo`, { FifoQueue: "true" }),
  };
  api = createApi({
    name: "t",
    jobs: [Mail, Order, Bag, Broken],
    queues,
    sender: createSender({ sqs: aws.sqs, queues, later: aws.later, scheduler: async () => aws.scheduler }),
    now: () => aws.clock.now(),
    log: (message, facts) => void lines.push({ message, facts }),
  });
});

const queued = async (): Promise<number> => (await aws.count(queues.jobs)) + (await aws.count(queues.orders));

async function send(body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const json = { "content-type": "application/json", ...headers };
  const response = await api.request("/jobs", { method: "POST", body: text, headers: json });
  const answer: Record<string, unknown> = JSON.parse(await response.text());
  return { status: response.status, answer };
}

const jobsOf = (answer: Record<string, unknown>): Record<string, unknown>[] =>
  Array.isArray(answer.jobs) ? answer.jobs : [];

describe("a job", () => {
  test("goes to its type's queue, in its group", async () => {
    const { answer } = await send({ type: "Order", input: 7, group: "customer-1" });
    const [message] = await aws.receive(queues.orders);
    expect(answer).toEqual({ job_id: jobOf(message).id, job_type: "Order", queue: "orders", state: "queued" });
    expect(jobOf(message)).toMatchObject({ type: "Order", input: 7 });
    expect(message?.Attributes?.MessageGroupId).toBe("customer-1");
  });

  test("goes to the queue that it names", async () => {
    expect((await send({ type: "Bag", input: 1, queue: "orders" })).answer).toMatchObject({ queue: "orders" });
    expect(await aws.receive(queues.orders)).toHaveLength(1);
  });

  test.each([
    ["delay", { delay: "10 minutes" }],
    ["at", { at: new Date(Date.now() + 600_000).toISOString() }],
  ])("with %s waits for its time", async (_name, when) => {
    const { status } = await send({ type: "Bag", input: 1, ...when });
    expect([status, await aws.count(queues.jobs), await aws.receive(queues.jobs)]).toEqual([202, 1, []]);
    await aws.clock.advance(601_000);
    expect(await aws.receive(queues.jobs)).toHaveLength(1);
  });

  test("that waits longer than SQS can delay it is a schedule", async () => {
    expect((await send({ type: "Bag", input: 1, delay: "2 days" })).status).toBe(202);
    expect(await queued()).toBe(0);
    await aws.clock.advance(2 * 86_400_000 + 120_000);
    expect(await aws.receive(queues.jobs)).toHaveLength(1);
  });
});

describe("a list", () => {
  test("is taken whole, across types and queues", async () => {
    const list = Array.from({ length: 25 }, (_, index) =>
      index % 2 === 0 ? { type: "Bag", input: index } : { type: "Order", input: index },
    );
    const { status, answer } = await send(list);
    expect([status, answer.accepted, answer.refused]).toEqual([202, 25, 0]);
    const received = [...(await aws.receive(queues.jobs)), ...(await aws.receive(queues.orders))].map(jobOf);
    const ids = new Map(received.map(({ id, input }) => [input, id]));
    expect(jobsOf(answer)).toEqual(
      list.map(({ type, input }) => ({
        status: 202,
        job_id: ids.get(input),
        job_type: type,
        queue: type === "Bag" ? "jobs" : "orders",
      })),
    );
    expect(lines).toMatchObject([{ message: "jobs enqueued", facts: { accepted: 25, refused: 0 } }]);
  });

  test("is answered job by job, and what is refused keeps nothing else back", async () => {
    const { status, answer } = await send([
      { type: "Mail", input: { to: "ada" } },
      { type: "Mail", input: { to: 7 } },
      { type: "Nope", input: 1 },
      { input: 1 },
      "Mail",
      null,
      { type: "Bag", input: 1, when: "now" },
      { type: "Bag", input: 1, delay: "soon" },
      { type: "Bag", input: 1, at: "2026-11-20" },
      { type: "Bag", input: 1, queue: "nowhere" },
      { type: "Bag", input: "x".repeat(1_048_576) },
      { type: "Order", input: 1, group: "" },
      { type: "Broken", input: "my secret" },
      { type: "Bag", input: 2 },
    ]);
    expect([status, answer.accepted, answer.refused]).toEqual([207, 2, 12]);
    const told = jobsOf(answer).map(({ status: each, problem }) => {
      const { code, where }: Record<string, unknown> = Object(problem);
      return [each, code, where];
    });
    expect(told).toEqual([
      [202, undefined, undefined],
      [422, "input_invalid", "input.to"],
      [404, "job_type_unknown", "type"],
      [400, "job_type_missing", "type"],
      [400, "body_not_object", "job"],
      [400, "body_not_object", "job"],
      [422, "input_invalid", "body"],
      [422, "duration_invalid", "delay"],
      [422, "duration_invalid", "at"],
      [404, "queue_unknown", "queue"],
      [413, "body_too_large", "input"],
      [422, "input_invalid", "group"],
      [500, "request_failed", undefined],
      [202, undefined, undefined],
    ]);
    expect(await queued()).toBe(2);
    expect(JSON.stringify([answer, lines])).not.toContain("secret");
    expect(lines.map(({ message }) => message)).toEqual(["1 of 14 jobs not enqueued", "jobs enqueued"]);
  });
});

describe("is refused whole, and nothing is queued", () => {
  const many = (count: number) => Array.from({ length: count }, () => ({ type: "Bag", input: 1 }));
  test.each<[string, unknown, number, string, Record<string, string>?]>([
    ["an empty list", [], 422, "input_invalid"],
    ["1,001 jobs", many(1001), 422, "input_invalid"],
    ["a list with a key for all", many(2), 422, "input_invalid", { "idempotency-key": "k" }],
    ["a list and more", '[{"type":"Bag"}],{"type":"Bag"}', 400, "body_not_json"],
    ["a list that does not end", '[{"type":"Bag"}', 400, "body_not_json"],
    ["a number", 7, 400, "body_not_object"],
    ["more than 6 MiB", `[${" ".repeat(6_291_456)}]`, 413, "body_too_large"],
    ["one job of more than 1 MiB", `{"type":"Bag","input":"${"x".repeat(1_048_576)}"}`, 413, "body_too_large"],
    ["white space of more than 1 MiB", " ".repeat(1_048_577), 413, "body_too_large"],
    ["no type", { input: 1 }, 400, "job_type_missing"],
    ["a type of Object's", { type: "constructor", input: 1 }, 404, "job_type_unknown"],
    ["delay and at", { type: "Bag", delay: "1 second", at: "2026-11-20T10:00:00Z" }, 422, "input_invalid"],
    ["a delay that is a number", { type: "Bag", delay: 60 }, 422, "duration_invalid"],
    ["a delay of more than 366 days", { type: "Bag", delay: "367 days" }, 422, "duration_invalid"],
    ["a huge delay", { type: "Bag", delay: `${"9".repeat(30)} days` }, 422, "duration_invalid"],
    ["a day that is none", { type: "Bag", at: "2026-02-30T10:00:00Z" }, 422, "duration_invalid"],
    ["a time without a zone", { type: "Bag", at: "2026-11-20T10:00:00" }, 422, "duration_invalid"],
    ["a time in words", { type: "Bag", at: "tomorrow" }, 422, "duration_invalid"],
    ["a queue of Object's", { type: "Bag", queue: "constructor" }, 404, "queue_unknown"],
    ["a queue that is no text", { type: "Bag", queue: ["jobs"] }, 422, "input_invalid"],
    ["a group with spaces", { type: "Bag", group: "a b" }, 422, "input_invalid"],
    ["an id of the caller's", { type: "Bag", id: "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77" }, 422, "input_invalid"],
    ["two keys", { type: "Bag", key: "a" }, 422, "input_invalid", { "idempotency-key": "b" }],
    ["a key of spaces", { type: "Bag" }, 422, "input_invalid", { "idempotency-key": "a b" }],
    ["a number too large for JSON's readers", '{"type":"Bag","input":1e999}', 422, "input_invalid"],
    ["members of __proto__", '{"type":"Bag","__proto__":{"input":1}}', 422, "input_invalid"],
    ["a deep input", `{"type":"Bag","input":${"[".repeat(101)}${"]".repeat(101)}}`, 422, "input_invalid"],
  ])("%s", async (_name, body, status, code, headers) => {
    const given = await send(body, headers);
    expect([given.status, given.answer.code]).toEqual([status, code]);
    expect(await queued()).toBe(0);
  });

  test("an endless list, of which no more is read than may be sent", async () => {
    let pulled = 0;
    const chunk = new TextEncoder().encode(`[${'{"type":"Bag"},'.repeat(10_000)}`);
    const body = new ReadableStream({
      pull(controller) {
        pulled += chunk.length;
        controller.enqueue(chunk);
      },
    });
    const headers = { "content-type": "application/json" };
    const request = new Request("http://api.test/jobs", { method: "POST", body, headers, duplex: "half" });
    expect((await api.fetch(request)).status).toBe(413);
    expect(pulled).toBeLessThan(6_291_456 + 4 * chunk.length);
  });
});

test("odd inputs arrive as they were sent", async () => {
  const inputs = ["\u0000", "\ud800 alone", "\uffff", { "": "" }, -0.5, 1e-300, true, null, "👩‍🚀"];
  const odd = '{"__proto__":{"a":1},"constructor":2,"toString":null}';
  const { answer } = await send(`[${inputs.map((input) => `{"type":"Bag","input":${JSON.stringify(input)}}`).join(",")},
    {"type":"Bag","input":${odd}}]`);
  expect(answer.refused).toBe(0);
  const received = (await aws.receive(queues.jobs)).map(jobOf).map(({ input }) => JSON.stringify(input));
  expect(received.sort()).toEqual([...inputs.map((input) => JSON.stringify(input)), odd].sort());
});

test("whatever a list holds, what is accepted is queued and nothing else is, and nothing fails", async () => {
  const mostly = (usual: unknown) =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constant(undefined) },
      { weight: 4, arbitrary: fc.constant(usual) },
      { weight: 1, arbitrary: fc.jsonValue() },
    );
  const job = fc.record({
    type: fc.constantFrom<unknown>("Mail", "Order", "Bag", "Bag", "Nope", 1),
    input: fc.oneof(fc.jsonValue({ noUnicodeString: false }), fc.record({ to: fc.string() }), fc.integer()),
    delay: mostly("1 minute"),
    at: mostly("2026-11-20T10:00:00Z"),
    key: mostly("a key"),
    group: mostly("a-group"),
    queue: mostly("orders"),
    extra: fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, fc.jsonValue()),
  });
  let accepted = 0;
  const ids = new Set<unknown>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 9, arbitrary: job }, fc.jsonValue()), { maxLength: 8 }),
      async (list) => {
        const { status, answer } = await send(list);
        expect(status).toBeLessThan(500);
        if (list.length === 0) return;
        const jobs = jobsOf(answer);
        expect(jobs).toHaveLength(list.length);
        for (const each of jobs) {
          expect(each.status).toBeLessThan(500);
          if (each.status !== 202) continue;
          accepted += 1;
          ids.add(each.job_id);
        }
      },
    ),
    { numRuns: 100 },
  );
  expect(accepted).toBeGreaterThan(50);
  await aws.clock.advance(3_600_000);
  const received = [...(await aws.receive(queues.jobs)), ...(await aws.receive(queues.orders))].map(jobOf);
  expect(new Set(received.map(({ id }) => id))).toEqual(ids);
});
