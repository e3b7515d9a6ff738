/** The API's entry point as it is deployed, with its tokens' scopes, behind the local HTTP API: a caller's whole day. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DevTier, startDev } from "./support/dev-tier.ts";
import { copyProject, type Project } from "./support/project.ts";

let project: Project;
let dev: DevTier;

beforeAll(async () => {
  project = await copyProject();
  await project.write(
    "packages/jobs/src/tier.ts",
    `import { defineTier } from "@tendril/core/tier";
    import { CronJob } from "./cron-job.ts";
    import { IncrementJob } from "./increment-job.ts";
    export const tier = defineTier({
      name: "day",
      queues: { jobs: {} },
      jobs: [IncrementJob, CronJob],
      cron: "packages/jobs/cron.yaml",
      api: { auth: { kind: "token" }, docs: "open", throttle: { rate: 1000, burst: 1000 } },
    });`,
  );
  dev = await startDev(project.root);
}, 120_000);

afterAll(async () => {
  await dev?.stop();
  await project?.remove();
});

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const [, token = ""] = /-H 'authorization: (Bearer \S+)'/.exec(dev.output()) ?? [];
  const response = await fetch(`${dev.apiUrl}${path}`, {
    method,
    headers: {
      authorization: token,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const value: unknown = response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body: value };
}

test("enqueues, waits for the end, and finds the job in the list", async () => {
  const accepted = await ask("POST", "/jobs", { type: "IncrementJob", input: "over HTTP", key: "first" });
  expect(accepted).toMatchObject({ status: 202, body: { job_type: "IncrementJob", state: "queued" } });
  const path = accepted.headers.get("location") ?? "";
  expect(await ask("GET", `${path}?wait=20s`)).toMatchObject({ status: 200, body: { state: "done", attempts: 1 } });
  const list = await ask("GET", "/jobs?type=IncrementJob&state=done");
  expect(list.body).toMatchObject({ jobs: [{ job_id: path.slice("/jobs/".length) }] });
  const other = await ask("POST", "/jobs", { type: "IncrementJob", input: "something else", key: "first" });
  expect(other).toMatchObject({ status: 422, body: { code: "key_conflict" } });
});

test("cancels a job that waits", async () => {
  const { headers } = await ask("POST", "/jobs", { type: "IncrementJob", input: "never", delay: "10 minutes" });
  const path = headers.get("location") ?? "";
  expect(await ask("DELETE", path)).toMatchObject({ status: 200, body: { state: "cancelled" } });
  expect(await ask("GET", path)).toMatchObject({ status: 200, body: { state: "cancelled" } });
});

test("takes a list of a thousand jobs, and says what it refuses", async () => {
  const list = Array.from({ length: 1000 }, (_, index) =>
    index === 500 ? { type: "Nope" } : { type: "IncrementJob", input: `job ${index}`, delay: "15 minutes" },
  );
  const { status, body } = await ask("POST", "/jobs", list);
  expect([status, body]).toMatchObject([207, { accepted: 999, refused: 1 }]);
});

test("shows queues and schedules, and says that all is well", async () => {
  expect((await ask("GET", "/queues")).body).toMatchObject({ queues: [{ name: "jobs", paused: false }] });
  expect((await ask("GET", "/schedules")).status).toBe(200);
  expect((await ask("GET", "/health?deep=true")).body).toMatchObject({ status: "ok" });
});

test("has a reference for everybody, which loads nothing", async () => {
  const page = await fetch(`${dev.apiUrl}/docs`);
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(await page.text()).toContain("IncrementJob");
  const document: unknown = await (await fetch(`${dev.apiUrl}/openapi.json`)).json();
  expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
  expect((await fetch(`${dev.apiUrl}/jobs`)).status).toBe(401);
});

test("answers a GET that has a body, and HEAD", async () => {
  const { request } = await import("node:http");
  const status = await new Promise((resolve, reject) => {
    const sent = request(`${dev.apiUrl}/health`, { method: "GET", headers: { "content-length": "2" } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject);
    sent.end("{}");
  });
  expect(status).toBe(200);
  expect((await fetch(`${dev.apiUrl}/health`, { method: "HEAD" })).status).toBe(200);
});
