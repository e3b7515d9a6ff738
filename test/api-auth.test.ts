/** The API's bearer tokens: who has none gets nothing done, and is told nothing. */
import { createApi } from "@tendril/api/api";
import { bearerCheck } from "@tendril/api/bearer";
import { createClient } from "@tendril/client/client";
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

function apiOf(secret: string) {
  const log = (message: string, facts: object) => void logged.push(JSON.stringify([message, facts]));
  const client = createClient({ sqs: aws.sqs, queues: { jobs: queue } });
  return createApi({ jobs: [IncrementJob], client, checkBearer: bearerCheck(secret), log });
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
    const check = bearerCheck(first);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `Bearer ${text}`),
        ),
        (header) => {
          expect(() => check(header)).toThrow("not authorised");
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
  expect(await response.json()).toEqual({ status: "ok", checked: "that this function answers, nothing else" });
});

describe("an API with a bad secret does not start", () => {
  test.each([
    ["nothing", ""],
    ["white space", " ,\n"],
    ["a short token", "short"],
    ["a short one beside a good one", `${first} short`],
    ["letters that no header carries", `${first}ü`],
  ])("%s", (_name, secret) => {
    expect(() => bearerCheck(secret)).toThrow("openssl rand -hex 32");
    if (secret.trim().length > 1) expect(() => bearerCheck(secret)).not.toThrow(secret);
  });
});
