/** The client over HTTP in trouble: what it sends again, and what it never does twice. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createHttpClient, type HttpClientOptions } from "@tendril/client/http";
import { TendrilError } from "@tendril/core/errors";
import { defineJob } from "@tendril/core/job";
import { keyedJobId, newJobId } from "@tendril/core/job-id";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Answer, type Asked, problemOf, useScriptedApi } from "./support/scripted-api.ts";

const Note = defineJob({ type: "Note", input: z.string() });
const id = newJobId(1, new Uint8Array(16));
const queued = { job_id: id, job_type: "Note", queue: "jobs", state: "queued" };

const api = useScriptedApi();
let pauses: number[];
beforeEach(() => {
  pauses = [];
});

const clientOf = (options: Partial<HttpClientOptions> = {}) => {
  const sleep = async (ms: number) => void pauses.push(ms);
  return createHttpClient({ url: api.url, token: "a-secret-token", random: () => 0.5, sleep, ...options });
};

async function refusal(work: Promise<unknown>): Promise<TendrilError> {
  const thrown: unknown = await work.then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );
  if (thrown instanceof TendrilError) return thrown;
  throw thrown;
}

describe("a call that failed", () => {
  test("is made again after 429, as late as the API says, for it took nothing", async () => {
    const refused = { status: 429, json: problemOf("rate_limited"), headers: { "retry-after": "7" } };
    api.answer(refused, { status: 429 }, { status: 202, json: queued });
    expect(await clientOf().enqueue(Note, "a")).toBe(id);
    expect(pauses).toEqual([7_000, 200]);
  });

  test("is made four times, with longer pauses", async () => {
    api.answer({ status: 429, json: problemOf("rate_limited") });
    expect((await refusal(clientOf().enqueue(Note, "a"))).code).toBe("rate_limited");
    expect(api.asked).toHaveLength(4);
    expect(pauses).toEqual([100, 200, 400]);
  });

  test("is not made again when the API asks for more than 30 seconds", async () => {
    api.answer({ status: 429, json: problemOf("rate_limited"), headers: { "retry-after": "31" } });
    expect((await refusal(clientOf().enqueue(Note, "a"))).code).toBe("rate_limited");
    expect(api.asked).toHaveLength(1);
  });

  const failures: [string, Answer][] = [
    ["its answer is lost", "lost"],
    ["502", { status: 502, json: problemOf("aws_call_failed") }],
    ["503, which is a function's timeout too", { status: 503, json: { message: "Service Unavailable" } }],
    ["504", { status: 504 }],
  ];
  test.each(failures)("is never made again without a key when it may be taken: %s", async (_, failure) => {
    api.answer(failure, { status: 202, json: queued });
    const error = await refusal(clientOf().enqueue(Note, "a"));
    expect(error.message).toContain("may have been taken");
    expect(api.asked).toHaveLength(1);
  });

  test.each(failures)("is made again with a key: %s", async (_, failure) => {
    api.answer(failure, failure, { status: 202, json: queued });
    expect(await clientOf().enqueue(Note, "a", { key: "order-7" })).toBe(id);
    expect(api.asked).toHaveLength(3);
  });

  test("is made again without a key when nobody was there to take it", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const tried: string[] = [];
    const counted = (to: string, init: RequestInit) => {
      tried.push(to);
      return fetch(to, init);
    };
    const error = await refusal(clientOf({ url: `http://127.0.0.1:${port}`, fetch: counted }).enqueue(Note, "a"));
    expect(error.code).toBe("request_failed");
    expect(error.message).toContain("ECONNREFUSED");
    expect(error.message).not.toContain("may have been taken");
    expect(tried).toHaveLength(4);
  });

  test("says under which request id the API's log has it", async () => {
    api.answer({ status: 500, json: problemOf("request_failed"), headers: { "x-request-id": "r-1" } });
    expect((await refusal(clientOf().enqueue(Note, "a"))).message).toContain("x-request-id r-1");
  });

  test("a redirect is not followed: the job would go elsewhere", async () => {
    api.answer({ status: 307, headers: { location: "/elsewhere" } });
    expect((await refusal(clientOf().enqueue(Note, "a"))).code).toBe("request_failed");
    expect(api.asked.map((each) => each.url)).toEqual(["/jobs"]);
  });
});

describe("enqueueAll", () => {
  /** Answers 202 for each job, under the id that its key makes. */
  const takeAll = ({ json }: Asked): Answer => {
    const jobs = entriesOf(json).map(({ key = "" }) => ({ ...queued, status: 202, job_id: keyedJobId("Note", key) }));
    return { status: 202, json: { accepted: jobs.length, refused: 0, jobs } };
  };
  const entriesOf = (json: unknown) => json as { readonly key?: string; readonly input: string }[];

  test("sends 1,000 a call, and answers in the order of the inputs", async () => {
    api.answer(takeAll);
    const inputs = Array.from({ length: 2_001 }, (_, index) => `${index}`);
    const results = await clientOf().enqueueAll(Note, inputs, { key: (input) => input });
    expect(results).toEqual(inputs.map((key) => ({ kind: "enqueued", id: keyedJobId("Note", key) })));
    expect(api.asked.map(({ json }) => entriesOf(json).length)).toEqual([1000, 1000, 1]);
  });

  test("sends at most 5 MB a call", async () => {
    api.answer(takeAll);
    const inputs = Array.from({ length: 11 }, () => "x".repeat(1_000_000));
    const results = await clientOf().enqueueAll(Note, inputs);
    expect(results.every(({ kind }) => kind === "enqueued")).toBe(true);
    expect(api.asked.map(({ json }) => entriesOf(json).length)).toEqual([4, 4, 3]);
  });

  test("sends nothing for no inputs", async () => {
    expect(await clientOf().enqueueAll(Note, [])).toEqual([]);
    expect(api.asked).toEqual([]);
  });

  test("a refused input, here or there, keeps none of the others back", async () => {
    const accepted = { ...queued, status: 202 };
    api.answer({ status: 207, json: { jobs: [accepted, { status: 422, problem: problemOf("key_conflict") }] } });
    // @ts-expect-error: the spec says what may be enqueued
    const results = await clientOf().enqueueAll(Note, ["a", 7, "c"]);
    expect(results).toMatchObject([
      { kind: "enqueued", id },
      { kind: "refused", error: { code: "input_invalid" } },
      { kind: "refused", error: { code: "key_conflict" } },
    ]);
  });

  test("sends again what was not taken, and of what may be taken only what has a key", async () => {
    const [busy, broken] = [
      { status: 429, problem: problemOf("rate_limited") },
      { status: 502, problem: problemOf("aws_call_failed") },
    ];
    api.answer(
      { status: 207, json: { jobs: [{ ...queued, status: 202 }, busy, broken] } },
      { status: 202, json: { jobs: [{ ...queued, status: 202 }] } },
    );
    const results = await clientOf().enqueueAll(Note, ["a", "b", "c"]);
    expect(results.map(({ kind }) => kind)).toEqual(["enqueued", "enqueued", "refused"]);
    expect(results[2]).toMatchObject({ error: { code: "aws_call_failed" } });
    expect(String(results[2]?.kind === "refused" && results[2].error)).toContain("may have been taken");
    expect(api.asked.map(({ json }) => entriesOf(json).map(({ input }) => input))).toEqual([["a", "b", "c"], ["b"]]);
    api.asked.length = 0;
    api.answer({ status: 207, json: { jobs: [broken, { ...queued, status: 202 }] } }, takeAll);
    const keyed = await clientOf().enqueueAll(Note, ["d", "e"], { key: (input) => input });
    expect(keyed.map(({ kind }) => kind)).toEqual(["enqueued", "enqueued"]);
    expect(api.asked.map(({ json }) => entriesOf(json).map(({ input }) => input))).toEqual([["d", "e"], ["d"]]);
  });

  test("after a call that failed as a whole the later ones are not sent, and every input has its answer", async () => {
    api.answer(takeAll, { status: 403, json: problemOf("forbidden") });
    const inputs = Array.from({ length: 3_000 }, (_, index) => `${index}`);
    const results = await clientOf().enqueueAll(Note, inputs, { key: (input) => input });
    expect(api.asked).toHaveLength(2);
    expect(results.map(({ kind }) => kind)).toEqual(inputs.map((_, index) => (index < 1000 ? "enqueued" : "refused")));
    expect(results[2_999]).toMatchObject({ id: keyedJobId("Note", "2999"), error: { code: "forbidden" } });
    expect(String(results[2_999]?.kind === "refused" && results[2_999].error)).toContain("It was not sent");
  });
});
