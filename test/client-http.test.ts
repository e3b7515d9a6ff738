/** The client over HTTP: what it asks an API for, and what it makes of the answers. */
import { createHttpClient, type HttpClientOptions } from "@tendril/client/http";
import { errorCatalogue, TendrilError } from "@tendril/core/errors";
import { defineJob } from "@tendril/core/job";
import { newJobId, parseJobId } from "@tendril/core/job-id";
import { build } from "esbuild";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { problemOf, useScriptedApi } from "./support/scripted-api.ts";

const Note = defineJob({ type: "Note", input: z.string() });
const Loose = defineJob({ type: "Loose", input: z.unknown(), effects: "at-least-once" });
const id = newJobId(1, new Uint8Array(16));
const queued = { job_id: id, job_type: "Note", queue: "jobs", state: "queued" };

const api = useScriptedApi();

const clientOf = (options: Partial<HttpClientOptions> = {}) =>
  createHttpClient({ url: api.url, token: "a-secret-token", sleep: async () => {}, ...options });

/** Time that a pause moves. */
function fastClock() {
  let nowMs = 0;
  const sleep = async (ms: number) => {
    nowMs += ms;
  };
  return { now: () => nowMs, sleep };
}

async function refusal(work: Promise<unknown>): Promise<TendrilError> {
  const thrown: unknown = await work.then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );
  if (thrown instanceof TendrilError) return thrown;
  throw thrown;
}

describe("enqueue", () => {
  test("posts the job with its token, and answers with the id", async () => {
    api.answer({ status: 202, json: queued });
    expect(await clientOf().enqueue(Note, "héllo \u{1f331}")).toBe(id);
    expect(api.asked).toMatchObject([
      { method: "POST", url: "/jobs", json: { type: "Note", input: "héllo \u{1f331}" } },
    ]);
    expect(api.asked[0]?.json).toEqual({ type: "Note", input: "héllo \u{1f331}" });
    expect(api.asked[0]?.headers).toMatchObject({
      authorization: "Bearer a-secret-token",
      "content-type": "application/json",
    });
  });

  test("passes on when, where, and under which key", async () => {
    api.answer({ status: 202, json: queued });
    const at = new Date(Date.now() + 86_400_000);
    await clientOf().enqueue(Note, "a", { delay: "10 minutes", key: "order-7", group: "g", queue: "mail" });
    await clientOf().enqueue(Note, "a", { delay: "10 minutes", at });
    const job = { type: "Note", input: "a" };
    expect(api.asked.map(({ json }) => json)).toEqual([
      { ...job, delay: "10 minutes", key: "order-7", group: "g", queue: "mail" },
      { ...job, at: at.toISOString() },
    ]);
  });

  test("keeps the path of its address, and takes headers that are made for each call", async () => {
    api.answer({ status: 202, json: queued });
    const signed = ["one", "two"].values();
    const headers = async () => ({ "x-signed": signed.next().value ?? "no more" });
    const client = clientOf({ url: `${api.url}/tier/`, headers });
    await client.enqueue(Note, "a");
    await client.enqueue(Note, "b");
    expect(api.asked.map((each) => [each.url, each.headers["x-signed"]])).toEqual([
      ["/tier/jobs", "one"],
      ["/tier/jobs", "two"],
    ]);
  });

  test.each([
    ["an input that the schema refuses", { input: 7 }, "input_invalid"],
    ["what JSON cannot carry", { input: Number.NaN }, "input_invalid"],
    ["an input of more than 6 MB", { input: "x".repeat(6_291_456) }, "body_too_large"],
    ["a delay that is none", { input: "a", options: { delay: "soon" } }, "duration_invalid"],
    ["a time that is none", { input: "a", options: { at: new Date("soon") } }, "duration_invalid"],
    ["an id, which the API makes", { input: "a", options: { id } }, "input_invalid"],
  ])("refuses %s before it is sent", async (_, { input, options }: { input: unknown; options?: object }, code) => {
    // @ts-expect-error: the spec says what may be enqueued
    expect((await refusal(clientOf().enqueue(Note, input, options))).code).toBe(code);
    expect(api.asked).toEqual([]);
  });

  test("tells of a refusal as the API does: the same code, the same facts", async () => {
    const facts = { where: "data.email", given: "nothing", allowed: "an address", fix: "Give one." };
    api.answer({ status: 422, json: problemOf("input_invalid", facts) });
    const error = await refusal(clientOf().enqueue(Note, "a"));
    expect(error.code).toBe("input_invalid");
    expect(error.facts).toEqual(facts);
    expect(api.asked).toHaveLength(1);
  });

  test("every code of the catalogue comes through, and any other is request_failed", async () => {
    for (const code of Object.keys(errorCatalogue) as (keyof typeof errorCatalogue)[]) {
      api.answer({ status: errorCatalogue[code].status, json: problemOf(code) });
      expect((await refusal(clientOf().enqueue(Note, "a"))).code).toBe(code);
    }
    api.answer({ status: 418, json: { code: "teapot", detail: "short and stout" } });
    const error = await refusal(clientOf().enqueue(Note, "a"));
    expect(error.code).toBe("request_failed");
    expect(error.message).toContain("418, teapot");
  });

  test.each([
    [401, "Unauthorized", "unauthorized"],
    [403, "Forbidden", "forbidden"],
    [404, "Not Found", "route_unknown"],
    [413, "Request Too Long", "body_too_large"],
    [429, "Too Many Requests", "rate_limited"],
  ])("a gateway's own %i is known", async (status, message, code) => {
    api.answer({ status, json: { message } });
    const error = await refusal(clientOf().enqueue(Note, "a"));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  test("answers that are no answers of the API are refused, whatever they are", async () => {
    const json = fc.oneof(fc.jsonValue(), fc.record({ job_id: fc.jsonValue() }));
    await fc.assert(
      fc.asyncProperty(json, fc.constantFrom(200, 202, 400, 500), async (body, status) => {
        api.answer({ status, json: body });
        const error = await refusal(clientOf().enqueue(Note, "a"));
        expect(error.message).not.toContain("a-secret-token");
      }),
      { numRuns: 60 },
    );
  });
});

describe("job and result", () => {
  const job = { job_id: id, job_type: "Note", queue: "jobs", attempts: 1, enqueued_at: "2026-01-02T03:04:05.000Z" };
  const done = { ...job, state: "done", result: { n: 1 }, finished_at: "2026-01-02T03:04:06.000Z" };

  test("job reads what the API says", async () => {
    api.answer({
      status: 200,
      json: { ...done, schedule: { name: "nightly", scheduled_at: "2026-01-02T03:00:00.000Z" } },
    });
    expect(await clientOf().job(id)).toEqual({
      id,
      type: "Note",
      queue: "jobs",
      state: "done",
      attempts: 1,
      enqueuedAt: new Date("2026-01-02T03:04:05Z"),
      finishedAt: new Date("2026-01-02T03:04:06Z"),
      result: { n: 1 },
      schedule: { name: "nightly", scheduledAt: new Date("2026-01-02T03:00:00Z") },
    });
    expect(api.asked[0]).toMatchObject({ method: "GET", url: `/jobs/${id}` });
  });

  test("job of an id that was never given is job_unknown", async () => {
    api.answer({ status: 404, json: problemOf("job_unknown") });
    expect((await refusal(clientOf().job(parseJobId("01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77")))).code).toBe(
      "job_unknown",
    );
  });

  test("result lets the API wait, and asks until the job is done", async () => {
    const clock = fastClock();
    const [unknown, running] = [problemOf("job_unknown"), { ...job, state: "running" }];
    api.answer({ status: 404, json: unknown }, { status: 200, json: running }, "lost", { status: 200, json: done });
    expect(await clientOf(clock).result(Note, id, { timeoutMs: 60_000 })).toEqual({ n: 1 });
    expect(api.asked.map((each) => each.url)).toEqual(Array.from({ length: 4 }, () => `/jobs/${id}?wait=20s`));
  });

  test.each(["dead", "cancelled", "skipped"])(
    "result of a job that ends %s says so, with its last error",
    async (state) => {
      api.answer({ status: 200, json: { ...job, state, attempts: 3, last_error: "Error: no such customer" } });
      const error = await refusal(clientOf().result(Note, id));
      expect(error.code).toBe("job_failed");
      expect(error.message).toContain(`${state} after 3 attempts (Error: no such customer)`);
    },
  );

  test("result ends when its time is over", async () => {
    const clock = fastClock();
    api.answer({ status: 200, json: { ...job, state: "queued" } });
    expect((await refusal(clientOf(clock).result(undefined, id, { timeoutMs: 2_000 }))).code).toBe("wait_timed_out");
    expect(api.asked.length).toBeGreaterThan(3);
    expect(api.asked.length).toBeLessThan(20);
    api.answer({ status: 404, json: problemOf("job_unknown") });
    expect((await refusal(clientOf(clock).result(Note, id, { timeoutMs: 100 }))).code).toBe("job_unknown");
  });

  test("result of a job type of which nothing is kept is refused at once", async () => {
    expect((await refusal(clientOf().result(Loose, id))).code).toBe("query_invalid");
    expect(api.asked).toEqual([]);
  });

  test("a signal ends the wait with its own reason", async () => {
    api.answer({ status: 200, json: { ...job, state: "queued" } });
    const controller = new AbortController();
    const sleep = async () => controller.abort(new Error("no more"));
    await expect(clientOf({ sleep }).result(Note, id, { signal: controller.signal })).rejects.toThrow("no more");
    expect(api.asked).toHaveLength(1);
  });
});

test("a browser's bundle of it holds nothing of AWS and nothing of Node, and is small", async () => {
  const { metafile, outputFiles } = await build({
    entryPoints: ["packages/client/src/http.ts"],
    bundle: true,
    platform: "browser",
    format: "esm",
    target: "ES2024",
    minify: true,
    metafile: true,
    write: false,
    outdir: "out",
    logLevel: "silent",
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((path) => /@aws-sdk|@smithy|^node:|packages\/(?!client|core)/.test(path))).toEqual([]);
  const [output] = outputFiles;
  expect(output?.text).not.toMatch(/\bBuffer\b|\bprocess\.|require\(/);
  expect(output?.contents.length).toBeLessThan(24_000);
});
