// An input of 3 MB over HTTP, through a whole tier that is killed while the job waits, and through a dead letter.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DevTier, startDev } from "./support/dev-tier.ts";
import { copyProject, type Project } from "./support/project.ts";

let project: Project;
let dev: DevTier;

const tier = `import { defineTier } from "@tendril/core/tier";
import { IncrementJob } from "./increment-job.ts";

export const tier = defineTier({ name: "tendril", queues: { jobs: {} }, jobs: [IncrementJob], largeInputs: "s3" });
`;

const spec = `import { defineJob } from "@tendril/core/job";
import * as z from "zod";

export const IncrementJob = defineJob({ type: "IncrementJob", input: z.string() });
`;

const handler = `import { handle } from "@tendril/core/handler";
import { Unrecoverable } from "@tendril/core/outcome";
import { IncrementJob } from "./increment-job.ts";

export const increment = handle(IncrementJob, async (data, job) => {
  const [go] = await job.sql\`select 1 as go from job_server_data where data = 'go'\`;
  if (data.startsWith("wait") && go === undefined) throw new Unrecoverable("not yet");
  await job.sql\`insert into job_server_data (data) values (\${\`\${data.slice(0, 4)} \${data.length}\`})\`;
});
`;

beforeAll(async () => {
  project = await copyProject();
  await project.write("packages/jobs/src/tier.ts", tier);
  await project.write("packages/jobs/src/increment-job.ts", spec);
  await project.write("packages/jobs/src/increment-job.handler.ts", handler);
  dev = await startDev(project.root);
});

afterAll(async () => {
  await dev?.stop();
  await project?.remove();
});

async function ask(method: string, path: string, body?: unknown) {
  const headers = { "content-type": "application/json" };
  const content = body === undefined ? {} : { body: JSON.stringify(body), headers };
  const response = await fetch(`${dev.apiUrl}${path}`, { method, ...content });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const input = (begin: string): string => begin.padEnd(3_000_000, "x");

const rows = async () => (await dev.query("select data from job_server_data order by data")).map(({ data }) => data);

test("waits in S3 while the tier is killed, and is the job's when it runs", async () => {
  expect((await ask("POST", "/queues/jobs/pause")).status).toBe(200);
  const one = await ask("POST", "/job/post/IncrementJob", { data: input("one") });
  expect(one).toMatchObject({ status: 202, body: { job_type: "IncrementJob" } });
  const list = [0, 1].map((number) => ({ type: "IncrementJob", input: input(`lot${number}`).slice(0, 2_000_000) }));
  expect(await ask("POST", "/jobs", list)).toMatchObject({ status: 202, body: { accepted: 2 } });
  dev.process.kill("SIGKILL");
  dev = await startDev(project.root);
  expect((await ask("POST", "/queues/jobs/resume")).status).toBe(200);
  await dev.printed(new RegExp(`done +IncrementJob +${one.body.job_id}`));
  await dev.printed(/(?:done +IncrementJob[\s\S]*){3}/);
  expect(await rows()).toEqual(["lot0 2000000", "lot1 2000000", "onex 3000000"]);
});

test("comes back with a dead letter that is sent back", async () => {
  const { body } = await ask("POST", "/jobs", { type: "IncrementJob", input: input("wait") });
  await dev.printed(new RegExp(`dead +IncrementJob +${body.job_id}`));
  await dev.query("insert into job_server_data (data) values ('go')");
  expect(await ask("POST", `/jobs/${body.job_id}/retry`)).toMatchObject({ status: 202 });
  await dev.printed(new RegExp(`done +IncrementJob +${body.job_id}`));
  expect(await rows()).toContain("wait 3000000");
});

test("of more than Lambda takes is refused, and is nowhere", async () => {
  const before = await rows();
  expect((await ask("POST", "/jobs", { type: "IncrementJob", input: "x".repeat(6_500_000) })).status).toBe(413);
  expect((await ask("GET", "/queues/jobs")).body).toMatchObject({ waiting: 0, in_flight: 0, dead_letters: 0 });
  expect(await rows()).toEqual(before);
});
