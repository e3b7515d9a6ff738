import { describe, expect, test } from "vitest";
import { type ApiOptions, planApiAccess } from "./api-plan.ts";
import type { Problem } from "./errors.ts";

function plan(api?: ApiOptions) {
  const problems: Problem[] = [];
  const access = planApiAccess(
    { name: "t", queues: {}, jobs: [], ...(api && { api }) },
    (problem) => void problems.push(problem),
  );
  return { access, problems };
}

test("without a word the API asks for IAM, is closed to other sites, and throttled", () => {
  expect(plan()).toEqual({
    access: { auth: { kind: "iam" }, origins: [], throttle: { rate: 100, burst: 200 }, docs: "read" },
    problems: [],
  });
});

const jwt = { kind: "jwt", issuer: "https://login.example.com/realm", audience: ["jobs"] } as const;

test.each<[string, ApiOptions]>([
  ["a token", { auth: { kind: "token" } }],
  ["a JWT", { auth: { ...jwt, scopes: ["enqueue"] } }],
  [
    "grants",
    { auth: { ...jwt, grants: { enqueue: ["jobs.write"], operate: ["jobs/admin", "https://jobs.example/all"] } } },
  ],
  ["open docs", { docs: "open" }],
  ["sites", { cors: { origins: ["https://app.example.com", "http://localhost:5173"] } }],
  ["other limits", { throttle: { rate: 10_000, burst: 5000 } }],
])("takes %s", (_name, api) => {
  expect(plan(api).problems).toEqual([]);
  expect(plan(api).access).toMatchObject({
    ...(api.auth && { auth: api.auth }),
    ...(api.throttle && { throttle: api.throttle }),
    docs: api.docs ?? "read",
  });
});

describe("is refused, with the place", () => {
  // @ts-expect-error: what a tier in JavaScript could say
  const open: ApiOptions = { auth: { kind: "none" } };
  // @ts-expect-error
  const anything: ApiOptions = { docs: "anyone" };
  // @ts-expect-error
  const misspelt: ApiOptions = { auth: { ...jwt, grants: { enqeue: ["a"] } } };
  test.each<[string, ApiOptions, string]>([
    ["no authorisation", open, "api.auth.kind"],
    ["every site", { cors: { origins: ["*"] } }, "api.cors.origins"],
    ["a site with a path", { cors: { origins: ["https://app.example.com/"] } }, "api.cors.origins"],
    ["an issuer without TLS", { auth: { ...jwt, issuer: "http://login.example.com" } }, "api.auth.issuer"],
    ["no audience", { auth: { ...jwt, audience: [] } }, "api.auth.audience"],
    ["an empty audience", { auth: { ...jwt, audience: ["jobs", ""] } }, "api.auth.audience"],
    ["a grant of a scope that is none", misspelt, "api.auth.grants.enqeue"],
    ["a grant to two scopes in one text", { auth: { ...jwt, grants: { read: ["a b"] } } }, "api.auth.grants.read"],
    ["docs for somebody else", anything, "api.docs"],
    ["no requests", { throttle: { rate: 0 } }, "api.throttle.rate"],
    ["more at once than API Gateway takes", { throttle: { burst: 5001 } }, "api.throttle.burst"],
  ])("%s", (_name, api, where) => {
    expect(plan(api).problems.map((problem) => problem.where)).toEqual([where]);
  });
});
