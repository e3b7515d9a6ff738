/** The API's bearer tokens: who has none gets nothing done, and is told nothing. */
import { type Api, type ApiOptions, createApi } from "@tendril/api/api";
import { tokenAccess } from "@tendril/api/bearer";
import { createSender } from "@tendril/client/sender";
import { newJobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import { IncrementJob } from "@tendril/jobs/increment-job";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jobOf, openTestSqs, type TestSqs } from "./open-queue.ts";

const first = "0123456789abcdef0123456789abcdef";
const second = "a-second-token/with+other=signs~";

let aws: TestSqs;
let queue: QueueLink;
let logged: string[];

beforeAll(async () => {
  aws = await openTestSqs();
  queue = await aws.createQueue("jobs");
});
afterAll(() => aws.close());
beforeEach(() => {
  logged = [];
});

function apiOf(secret: string, options: Partial<ApiOptions> = {}) {
  const log = (message: string, facts: object) => void logged.push(JSON.stringify([message, facts]));
  const queues = { jobs: queue };
  const sender = createSender({ sqs: aws.sqs, queues });
  return createApi({ name: "t", jobs: [IncrementJob], queues, sender, access: tokenAccess(secret), log, ...options });
}

const post = (authorization?: string): RequestInit => ({
  method: "POST",
  body: '{"data": "hello"}',
  headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
});

const path = "/job/post/IncrementJob";

test("a request with the token is taken", async () => {
  const response = await apiOf(first).request(path, post(`Bearer ${first}`));
  expect(response.status).toBe(202);
  expect((await aws.receive(queue)).map((message) => jobOf(message).input)).toEqual(["hello"]);
});

test.each([`${first} ${second}`, `${first},${second}`, `\n${second}\n${first}\n`])(
  "each of several tokens is good, so that one can be replaced: %j",
  async (secret) => {
    for (const token of [first, second]) {
      expect((await apiOf(secret).request(path, post(`bearer  ${token}`))).status).toBe(202);
    }
    expect(await aws.receive(queue)).toHaveLength(2);
    expect((await apiOf(secret).request(path, post(`Bearer ${secret.trim().replaceAll("\n", ",")}`))).status).toBe(401);
  },
);

describe("without a good token nothing is done", () => {
  test.each<[string, string | undefined]>([
    ["no header", undefined],
    ["an empty one", ""],
    ["no token", "Bearer "],
    ["another scheme", `Basic ${first}`],
    ["a token alone", first],
    ["another token", "Bearer 0123456789abcdef0123456789abcdee"],
    ["a part of the token", `Bearer ${first.slice(0, -1)}`],
    ["more than the token", `Bearer ${first}0`],
    ["the token in capitals", `Bearer ${first.toUpperCase()}`],
    ["two tokens", `Bearer ${first} ${first}`],
    ["a very long one", `Bearer ${"x".repeat(100_000)}`],
  ])("%s", async (_name, authorization) => {
    const response = await apiOf(`${first} ${second}`).request(path, post(authorization));
    const text = await response.text();
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(JSON.parse(text)).toMatchObject({ code: "unauthorized", status: 401, allowed: "Bearer TOKEN" });
    expect(await aws.receive(queue)).toEqual([]);
    for (const said of [text, ...logged]) {
      expect(said).not.toContain(first.slice(0, 16));
      expect(said).not.toContain("xxxx");
    }
  });

  test("whatever the header", async () => {
    const check = tokenAccess(first);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `Bearer ${text}`),
        ),
        (header) => {
          const credentials = { authorization: header, source: undefined, authorizer: undefined };
          expect(() => check(credentials)).toThrow("not authorised");
        },
      ),
    );
  });

  test.each<[string, RequestInit]>([
    ["/job/post/NoSuchJob", post()],
    ["/job/post/IncrementJob", { method: "GET" }],
    ["/nothing/here", { method: "GET" }],
    ["/health", { method: "POST" }],
    ["/health/", { method: "GET" }],
    ["/HEALTH", { method: "GET" }],
  ])("%s does not say whether it is there", async (url, request) => {
    expect((await apiOf(first).request(url, request)).status).toBe(401);
  });
});

test("GET /health needs no token, and tells nothing", async () => {
  const response = await apiOf(first).request("/health");
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ status: "ok", checks: [{ name: "function" }] });
});

describe("a token after its scopes may do no more than these say", () => {
  const mailer = "token-of-the-mailer";
  const clerk = "token-of-the-clerk";
  const secret = `enqueue:${mailer} enqueue+read:${clerk} operate:${second} ${first}`;
  const id = newJobId(0, new Uint8Array(16));

  test.each<[method: string, path: string, scope: string, allowed: readonly string[]]>([
    ["POST", "/job/post/IncrementJob", "enqueue", [mailer, clerk, first]],
    ["POST", "/jobs", "enqueue", [mailer, clerk, first]],
    ["GET", "/jobs", "read", [clerk, first]],
    ["GET", `/jobs/${id}`, "read", [clerk, first]],
    ["GET", "/openapi.json", "read", [clerk, first]],
    ["GET", "/docs", "read", [clerk, first]],
    ["GET", "/health?deep=true", "read", [clerk, first]],
    ["GET", "/queues", "read", [clerk, first]],
    ["GET", "/queues/jobs", "read", [clerk, first]],
    ["GET", "/queues/jobs/dead-letters", "read", [clerk, first]],
    ["GET", "/schedules", "read", [clerk, first]],
    ["DELETE", `/jobs/${id}`, "operate", [second, first]],
    ["POST", `/jobs/${id}/retry`, "operate", [second, first]],
    ["POST", "/queues/jobs/dead-letters/redrive", "operate", [second, first]],
    ["POST", "/queues/jobs/dead-letters/drop", "operate", [second, first]],
    ["POST", "/queues/jobs/pause", "operate", [second, first]],
    ["POST", "/queues/jobs/resume", "operate", [second, first]],
    ["POST", "/schedules/cron-job/run", "operate", [second, first]],
  ])("%s %s needs %s", async (method, url, scope, allowed) => {
    const api = apiOf(secret, { operations: () => Promise.reject(new Error("none here")) });
    for (const token of [mailer, clerk, second, first]) {
      const response = await api.request(url, { method, headers: { authorization: `Bearer ${token}` } });
      if (allowed.includes(token)) expect([401, 403]).not.toContain(response.status);
      else {
        expect(response.status).toBe(403);
        expect(await response.json()).toMatchObject({ code: "forbidden", allowed: `a caller with ${scope}` });
      }
    }
    expect((await api.request(url, { method })).status).toBe(401);
  });

  test("the same token twice has the scopes of both", async () => {
    const api = apiOf(`enqueue:${mailer} read:${mailer}`);
    const ask = (method: string) => api.request("/jobs", { method, headers: { authorization: `Bearer ${mailer}` } });
    expect([(await ask("GET")).status, (await ask("POST")).status]).not.toContain(403);
  });

  test.each(["Enqueue:", "enqueue+:", "read+write:", ":", "enqueue,", "all:", "enqueue+read"])(
    "%s is no scopes: what follows is never taken for a token that may do everything",
    async (words) => {
      let status = 0;
      try {
        const headers = { authorization: `Bearer ${mailer}` };
        status = (await apiOf(`${words}${mailer}`).request("/jobs", { method: "POST", headers })).status;
      } catch (error) {
        expect(String(error)).not.toContain(mailer);
        return;
      }
      // A comma parts two tokens.
      expect(status).toBe(words === "enqueue," ? 415 : 401);
    },
  );
});

describe("a caller that asks too often", () => {
  const throttle = { rate: 10, burst: 3 };
  const health = (api: Api, source: string) =>
    api.request("/health", {}, { event: { requestContext: { http: { sourceIp: source } } } });

  test("is told to wait, and no other caller with it", async () => {
    let nowMs = 0;
    const api = apiOf(`${first} ${second}`, { throttle, now: () => nowMs });
    const ask = async (token: string) => api.request(path, post(`Bearer ${token}`));
    const responses = [await ask(first), await ask(first), await ask(first), await ask(first)];
    expect(responses.map(({ status }) => status)).toEqual([202, 202, 202, 429]);
    expect(responses[3]?.headers.get("retry-after")).toBe("1");
    expect(await responses[3]?.json()).toMatchObject({ code: "rate_limited", allowed: "10 a second, 3 at once" });
    expect((await ask(second)).status).toBe(202);
    nowMs += 100;
    expect([(await ask(first)).status, (await ask(first)).status]).toEqual([202, 429]);
    expect(await aws.receive(queue)).toHaveLength(5);
  });

  test("and has no token is one with all of its address", async () => {
    const api = apiOf(first, { throttle, now: () => 0 });
    expect((await health(api, "192.0.2.1")).status).toBe(200);
    const env = { event: { requestContext: { http: { sourceIp: "192.0.2.1" } } } };
    const guess = async () => (await api.request(path, post("Bearer wrong-wrong-wrong-wrong"), env)).status;
    expect([await guess(), await guess(), await guess()]).toEqual([401, 401, 429]);
    expect((await health(api, "192.0.2.1")).status).toBe(429);
    expect((await health(api, "192.0.2.2")).status).toBe(200);
  });
});

test("no token is ever said again, in an answer or in the log", async () => {
  // Odd ones: what stands in paths, queries, JSON and regular expressions, and looks like scopes, ids and schemes.
  const tokens = [
    "/jobs/../../etc/passwd?",
    "$&$1\\(.*)+%00%ff{}[]",
    "Bearer-Bearer-Bearer",
    "X:enqueue:read:operate",
    '"};{"token":"yes"}',
    "0".repeat(2000),
    "__proto__.constructor",
    "0198ffff-7c2e-7cc1-9d4b-3f0d2b1c8e77",
  ];
  const api = apiOf(`enqueue:${tokens[0]} ${tokens.slice(1).join("\n")}`);
  const said: string[] = [];
  for (const token of tokens) {
    for (const authorization of [`Bearer ${token}`, `Bearer ${token}x`, `bearer\t${token}`, `Basic ${token}`, token]) {
      for (const [method, url] of [
        ["POST", path],
        ["POST", "/jobs"],
        ["GET", "/jobs"],
        ["GET", "/jobs/1"],
        ["PUT", "/health"],
        ["GET", "/nothing"],
      ] as const) {
        const response = await api.request(url, {
          ...(method === "POST" ? post() : {}),
          method,
          headers: { "content-type": "application/json", authorization },
        });
        said.push(await response.text(), JSON.stringify([...response.headers]));
      }
    }
  }
  said.push(...logged);
  expect(said.length).toBe(3 * tokens.length * 5 * 6);
  for (const token of tokens) {
    const written = JSON.stringify(token).slice(1, -1);
    for (const form of [token, written, encodeURIComponent(token), token.slice(0, 16)]) {
      expect(said.filter((text) => text.includes(form))).toEqual([]);
    }
  }
});

describe("an API with a bad secret does not start", () => {
  test.each([
    ["nothing", ""],
    ["white space", " ,\n"],
    ["a short token", "short"],
    ["a short one beside a good one", `${first} short`],
    ["letters that no header carries", `${first}ü`],
    ["scopes without a token", "enqueue:"],
    ["scopes with a short token", "enqueue:short"],
    ["a scope that is none", `enqeue:${first}`],
  ])("%s", (_name, secret) => {
    expect(() => tokenAccess(secret)).toThrow("openssl rand -hex 32");
    if (secret.trim().length > 1) expect(() => tokenAccess(secret)).not.toThrow(secret.replace(/^[a-z]+:(?=.)/, ""));
  });
});
