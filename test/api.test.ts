/** The API over the local SQS: what it takes is queued, what it refuses is not, and it says why. */
import { SQSClient } from "@aws-sdk/client-sqs";
import { createApi } from "@tendril/api/api";
import { createSender } from "@tendril/client/sender";
import { defineJob } from "@tendril/core/job";
import type { QueueLink } from "@tendril/core/link";
import { CronJob } from "@tendril/jobs/cron-job";
import { IncrementJob } from "@tendril/jobs/increment-job";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jobOf, openTestSqs, type TestSqs } from "./open-queue.ts";

let aws: TestSqs;
let queue: QueueLink;
let queueNumber = 0;
let lines: { message: string; facts: Readonly<Record<string, unknown>> }[];

beforeAll(async () => {
  aws = await openTestSqs();
});
afterAll(() => aws.close());
beforeEach(async () => {
  queueNumber += 1;
  queue = await aws.createQueue(`jobs-${queueNumber}`);
  lines = [];
});

/** A job type whose schema has a fault of its own. */
const brokenJob = defineJob({
  type: "BrokenJob",
  input: {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value: unknown) => {
        throw new RangeError(`a schema that chokes on ${JSON.stringify(value)}`);
      },
    },
  },
});

function apiOf(sqs = aws.sqs) {
  const log = (message: string, facts: Readonly<Record<string, unknown>>) => void lines.push({ message, facts });
  const queues = { jobs: queue };
  return createApi({
    name: "t",
    jobs: [IncrementJob, CronJob, brokenJob],
    queues,
    sender: createSender({ sqs, queues }),
    log,
  });
}

async function readJson(response: Response): Promise<Record<string, unknown>> {
  const value: Record<string, unknown> = JSON.parse(await response.text());
  return value;
}

const json = { "content-type": "application/json" };
const path = "/job/post/IncrementJob";
const post = (body: string | Uint8Array<ArrayBuffer> | ReadableStream, headers: Record<string, string> = json) => ({
  method: "POST",
  body,
  headers,
});

describe("POST /job/post/JOB_TYPE", () => {
  test("enqueues the job and answers 202 with its id", async () => {
    const response = await apiOf().request(path, post('{"data": "hello"}'));
    const answer = await readJson(response);
    expect(response.status).toBe(202);
    expect(response.headers.get("content-type")).toBe("application/json");
    const [message] = await aws.receive(queue);
    const { id } = jobOf(message);
    expect(answer).toEqual({ job_id: id, job_type: "IncrementJob", queue: "jobs" });
    expect(jobOf(message)).toEqual({ id, type: "IncrementJob", input: "hello" });
  });

  test("logs the job, and never its input", async () => {
    await apiOf().request(path, post('{"data": "my secret"}', { ...json, "x-request-id": "request-7" }));
    const [message] = await aws.receive(queue);
    const job = { job_id: jobOf(message).id, job_type: "IncrementJob", queue: "jobs" };
    const facts = { ...job, request_id: "request-7", caller: "source unknown" };
    expect(lines).toEqual([{ message: "job enqueued", facts }]);
  });

  test.each([
    ["a body that names the path's job type too", '{"job_type": "IncrementJob", "data": "a"}', json],
    ["a charset of UTF-8", '{"data": "a"}', { "content-type": "Application/JSON; charset=UTF-8" }],
    ["a quoted charset", '{"data": "a"}', { "content-type": 'application/json;charset="utf-8"' }],
    ["a byte order mark", '\ufeff{"data": "a"}', json],
    ["white space", ' \n\t{"data":\r\n"a"} ', json],
  ])("takes %s", async (_name, body, headers) => {
    expect((await apiOf().request(path, post(body, headers))).status).toBe(202);
    expect((await aws.receive(queue)).map((message) => jobOf(message).input)).toEqual(["a"]);
  });

  test("takes a body without data where the job type wants none", async () => {
    expect((await apiOf().request("/job/post/CronJob", post("{}"))).status).toBe(202);
    expect((await aws.receive(queue)).map((message) => jobOf(message).input)).toEqual([undefined]);
  });
});

describe("a refused request is answered with problem details, and nothing is queued", () => {
  const megabyte = "x".repeat(1_048_576);
  test.each<[string, string, RequestInit, number, string, Record<string, unknown>]>([
    [
      "unknown job type",
      "/job/post/Nope",
      post('{"data": 1}'),
      404,
      "job_type_unknown",
      { given: "Nope", allowed: "IncrementJob, CronJob, BrokenJob" },
    ],
    ["a job type of Object's", "/job/post/constructor", post('{"data": 1}'), 404, "job_type_unknown", {}],
    [
      "a job type that cannot be one",
      "/job/post/%3Cscript%3E",
      post("{}"),
      404,
      "job_type_unknown",
      { given: "8 characters that name no job type" },
    ],
    ["a path that is no text", "/job/post/%ff%fe", post("{}"), 404, "job_type_unknown", {}],
    ["no job type", "/job/post/", post("{}"), 404, "route_unknown", {}],
    ["a path that goes on", `${path}/1`, post("{}"), 404, "route_unknown", {}],
    ["another route", "/job/run", post("{}"), 404, "route_unknown", {}],
    ["GET", path, {}, 405, "method_not_allowed", { given: "GET", allowed: "POST" }],
    [
      "PUT",
      path,
      { ...post('{"data": "a"}'), method: "PUT" },
      405,
      "method_not_allowed",
      { given: "PUT", allowed: "POST" },
    ],
    ["OPTIONS", path, { method: "OPTIONS" }, 405, "method_not_allowed", { allowed: "POST" }],
    [
      "no content type",
      path,
      { method: "POST", body: new TextEncoder().encode('{"data": "a"}') },
      415,
      "content_type_unsupported",
      { given: "none", where: "content-type" },
    ],
    [
      "a form",
      path,
      post("data=a", { "content-type": "application/x-www-form-urlencoded" }),
      415,
      "content_type_unsupported",
      {},
    ],
    ["text", path, post('{"data": "a"}', { "content-type": "text/plain" }), 415, "content_type_unsupported", {}],
    [
      "JSON of another kind",
      path,
      post('{"data": "a"}', { "content-type": "application/json-seq" }),
      415,
      "content_type_unsupported",
      {},
    ],
    [
      "another charset",
      path,
      post('{"data": "a"}', { "content-type": "application/json; charset=latin1" }),
      415,
      "content_type_unsupported",
      {},
    ],
    ["an empty body", path, post(""), 400, "body_not_json", { given: "nothing" }],
    ["no body", path, { method: "POST", headers: json }, 400, "body_not_json", { given: "nothing" }],
    ["half a body", path, post('{"data": "a'), 400, "body_not_json", {}],
    ["two bodies", path, post('{"data": "a"}{"data": "b"}'), 400, "body_not_json", {}],
    ["Python's idea of JSON", path, post("{'data': u'a'}"), 400, "body_not_json", {}],
    [
      "bytes that are not UTF-8",
      path,
      post(new Uint8Array([0x7b, 0xff, 0x7d])),
      400,
      "body_not_json",
      { given: "3 bytes that are not UTF-8" },
    ],
    ["a list", path, post('[{"data": "a"}]'), 400, "body_not_object", { given: "a list" }],
    ["null", path, post("null"), 400, "body_not_object", { given: "null" }],
    ["a text", path, post('"a"'), 400, "body_not_object", { given: "a string" }],
    ["missing data", path, post("{}"), 422, "input_invalid", { where: "data" }],
    ["data of another kind", path, post('{"data": {"secret": 1}}'), 422, "input_invalid", { where: "data" }],
    ["data that is null", path, post('{"data": null}'), 422, "input_invalid", { where: "data" }],
    [
      "unknown keys",
      path,
      post('{"data": "a", "delay": 5, "id": 1}'),
      422,
      "input_invalid",
      { where: "body", given: '"delay", "id" beside data' },
    ],
    [
      "the input without data",
      path,
      post('{"__proto__": {"data": "a"}}'),
      422,
      "input_invalid",
      { given: '"__proto__" beside data' },
    ],
    [
      "another job type in the body",
      path,
      post('{"job_type": "CronJob", "data": "a"}'),
      422,
      "input_invalid",
      { where: "job_type" },
    ],
    [
      "a job type that is no text",
      path,
      post('{"job_type": null, "data": "a"}'),
      422,
      "input_invalid",
      { where: "job_type", given: "null" },
    ],
    [
      "data nested too deeply",
      "/job/post/CronJob",
      post(`{"data": ${"[".repeat(300_000)}${"]".repeat(300_000)}}`),
      422,
      "input_invalid",
      { given: "a value nested too deeply" },
    ],
    ["a body of more than 1 MiB", path, post(`{"data": "${megabyte}"}`), 413, "body_too_large", { where: "body" }],
    [
      "a long body that announces itself",
      path,
      post("{}", { ...json, "content-length": "20000000" }),
      413,
      "body_too_large",
      { given: "20000000 bytes" },
    ],
    [
      "a message of more than 1 MiB",
      "/job/post/CronJob",
      post(`{"data":"${megabyte.slice(20)}"}`),
      413,
      "body_too_large",
      { where: "data" },
    ],
  ])("%s", async (_name, target, init, status, code, facts) => {
    const response = await apiOf().request(target, init);
    const problem = await readJson(response);
    expect(problem).toMatchObject({
      status,
      code,
      type: `urn:tendril:error:${code}`,
      title: expect.any(String),
      ...facts,
    });
    expect(problem.detail).toContain(problem.title);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("x-request-id")).toMatch(/^[\w-]{36}$/);
    expect(response.headers.get("allow")).toBe(status === 405 ? "POST" : null);
    expect(await aws.count(queue)).toBe(0);
    const request_id = response.headers.get("x-request-id");
    expect(lines).toEqual([
      { message: "request refused", facts: expect.objectContaining({ request_id, status, code }) },
    ]);
    expect(JSON.stringify([problem, lines])).not.toMatch(/secret|stack|node_modules/);
  });

  test("reads no more of an endless body than a message may have", async () => {
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const request = new Request(`http://api.test${path}`, { ...post(body), duplex: "half" });
    expect((await apiOf().fetch(request)).status).toBe(413);
    expect(pulled).toBeLessThan(1_048_576 + 4 * 65_536);
  });

  test("HEAD has the headers of the answer and no body", async () => {
    const response = await apiOf().request(path, { method: "HEAD" });
    expect([response.status, response.headers.get("allow"), await response.text()]).toEqual([405, "POST", ""]);
  });
});

describe("what is not the caller's fault", () => {
  test("SQS away is 502, and the log says what happened", async () => {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const away = new SQSClient({ region: "us-east-1", endpoint: "http://127.0.0.1:1", credentials, maxAttempts: 1 });
    const response = await apiOf(away).request(path, post('{"data": "my secret"}'));
    const problem = await readJson(response);
    expect(response.status).toBe(502);
    expect(problem).toMatchObject({ code: "aws_call_failed", type: "urn:tendril:error:aws_call_failed" });
    expect(problem.detail).toContain("x-request-id");
    const request_id = response.headers.get("x-request-id");
    expect(lines).toEqual([{ message: "request failed", facts: expect.objectContaining({ request_id }) }]);
    expect(JSON.stringify(lines)).toContain("ECONNREFUSED");
    expect(JSON.stringify([lines, problem])).not.toContain("secret");
  });

  test("a fault is 500 without its text, which may hold the payload; the log has its name and place", async () => {
    const response = await apiOf().request("/job/post/BrokenJob", post('{"data": "my secret"}'));
    const problem = await readJson(response);
    expect(response.status).toBe(500);
    expect(response.headers.get("x-request-id")).toBe(lines[0]?.facts.request_id);
    expect(problem).toEqual({
      type: "urn:tendril:error:request_failed",
      title: "The request failed",
      status: 500,
      detail: expect.stringContaining("try it again"),
      code: "request_failed",
    });
    expect(lines[0]?.facts).toMatchObject({
      error: "RangeError",
      at: [
        expect.stringContaining("api.test.ts"),
        expect.anything(),
        expect.anything(),
        expect.anything(),
        expect.anything(),
      ],
    });
    expect(JSON.stringify([lines, problem])).not.toContain("secret");
  });
});

test("GET /health says what it checked", async () => {
  const response = await apiOf().request("/health");
  expect(response.status).toBe(200);
  const check = { name: "function", status: "ok", says: "it answers; nothing else was asked" };
  expect(await readJson(response)).toEqual({ status: "ok", checks: [check] });
  expect((await apiOf().request("/health", { method: "POST" })).headers.get("allow")).toBe("GET, HEAD");
});

test("a request id that could break a log line is not taken over", async () => {
  const response = await apiOf().request("/health", { headers: { "x-request-id": "a b" } });
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
});

function mostly(usual: string, others: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, others);
}

/** Anything that a caller could send. */
const requests = fc.record({
  method: mostly("POST", fc.constantFrom("GET", "PUT", "DELETE", "PATCH")),
  type: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("IncrementJob", "CronJob") },
    fc.constantFrom("Nope", "%00", "%E0%A4%A", "..", "a%2Fb"),
  ),
  contentType: mostly("application/json", fc.stringMatching(/^[ -~]{1,30}$/)),
  extra: fc.dictionary(
    fc.constantFrom("content-length", "content-encoding", "transfer-encoding", "x-request-id", "accept", "expect"),
    fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
  ),
  body: fc.oneof(
    fc.json(),
    fc.string({ unit: "binary" }),
    fc.uint8Array(),
    fc.anything().map((data) => JSON.stringify({ data: typeof data === "bigint" ? 1 : data }, safely) ?? ""),
    fc.record({ data: fc.string({ unit: "binary" }) }).map((body) => JSON.stringify(body)),
    fc
      .record({ data: fc.jsonValue({ depthSize: "large" }), job_type: fc.string() }, { requiredKeys: [] })
      .map((body) => JSON.stringify(body)),
  ),
});

const safely = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

test("no request is answered with a server error, and what is queued is what was accepted", async () => {
  const api = apiOf();
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, type, contentType, extra, body }) => {
      const headers = { ...extra, "content-type": contentType };
      const response = await api.request(`/job/post/${type}`, {
        method,
        headers,
        ...(method === "GET" ? {} : { body }),
      });
      expect(response.status).toBeLessThan(500);
      expect(response.headers.get("x-request-id")).toBeTruthy();
      if (response.status === 202) accepted += 1;
      else expect((await readJson(response)).type).toMatch(/^urn:tendril:error:[a-z_]+$/);
    }),
    { numRuns: 500 },
  );
  expect(accepted).toBeGreaterThan(20);
  expect(await aws.count(queue)).toBe(accepted);
  expect(lines.filter((line) => line.message === "job enqueued")).toHaveLength(accepted);
  expect(lines.filter((line) => line.message !== "request refused")).toHaveLength(accepted);
});
