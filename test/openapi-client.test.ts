/** A client that a public generator makes of the document compiles, has the job types' types, and enqueues. */
import { serve } from "@hono/node-server";
import { createApi } from "@tendril/api/api";
import { openApiDocument } from "@tendril/api/openapi/document";
import { createSender } from "@tendril/client/sender";
import { CronJob } from "@tendril/jobs/cron-job";
import { IncrementJob } from "@tendril/jobs/increment-job";
import { expect, onTestFinished, test } from "vitest";
import { jobOf, openTestSqs } from "./open-queue.ts";
import { type GeneratedClient, generateClient } from "./support/api-fuzz/generated-client.ts";
import { exactJobs, looseJobs, richQueues } from "./support/api-fuzz/rich-tier.ts";

async function clientOf(...[document]: Parameters<typeof generateClient>): Promise<GeneratedClient> {
  const client = await generateClient(document);
  onTestFinished(() => client.remove());
  return client;
}

/** Serves an API over a local queue. */
async function serveApi() {
  const aws = await openTestSqs();
  onTestFinished(() => aws.close());
  const queues = { jobs: await aws.createQueue("jobs") };
  const sender = createSender({ sqs: aws.sqs, queues, later: aws.later, scheduler: async () => aws.scheduler });
  const api = createApi({ name: "test", jobs: [IncrementJob, CronJob], queues, sender, log: () => {} });
  const server = serve({ fetch: api.fetch, port: 0, hostname: "127.0.0.1" });
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, aws, queue: queues.jobs };
}

const program = `
import { ok } from "@oazapfts/runtime";
import { defaults, enqueueJob, postIncrementJob } from "./client.ts";

defaults.baseUrl = process.env.TENDRIL_URL ?? "";

const one = await ok(enqueueJob({ type: "IncrementJob", input: "one" }));
const list = await ok(enqueueJob([{ type: "IncrementJob", input: "two" }, { type: "CronJob", input: { any: ["thing"] } }]));
const posted = await ok(postIncrementJob({ data: "three" }, { idempotencyKey: "order-1" }));
const refused = await enqueueJob({ type: "IncrementJob", input: "four", queue: "jobs", delay: "10 fortnights" });
const code = refused.status === 422 ? refused.data.code : undefined;
const accepted: number | undefined = "accepted" in list ? list.accepted : undefined;
console.log(JSON.stringify({ one, accepted, posted, code }));

export function notToBeCalled(): void {
  // @ts-expect-error an input of another kind
  void enqueueJob({ type: "IncrementJob", input: 5 });
  // @ts-expect-error no input
  void enqueueJob({ type: "IncrementJob" });
  // @ts-expect-error a job type that is not there
  void enqueueJob({ type: "NoJob", input: "x" });
  // @ts-expect-error a queue that is not there
  void enqueueJob({ type: "CronJob", queue: "nowhere" });
  // @ts-expect-error data of another kind
  void postIncrementJob({ data: 5 });
}
`;

test("a generated client compiles, enqueues, and reads a refusal's code", async () => {
  const { url, aws, queue } = await serveApi();
  const response = await fetch(`${url}/openapi.json`);
  const client = await clientOf(JSON.parse(await response.text()));
  await client.compile(program);
  const printed: Record<string, Record<string, unknown>> = JSON.parse(await client.run({ TENDRIL_URL: url }));
  const jobs = (await aws.receive(queue)).map(jobOf);
  expect(jobs.map(({ type, input }) => `${type} ${JSON.stringify(input)}`).sort()).toEqual([
    'CronJob {"any":["thing"]}',
    'IncrementJob "one"',
    'IncrementJob "three"',
    'IncrementJob "two"',
  ]);
  const idOf = (text: string) => jobs.find(({ input }) => input === text)?.id;
  expect(printed).toEqual({
    one: { job_id: idOf("one"), job_type: "IncrementJob", queue: "jobs", state: "queued" },
    accepted: 2,
    posted: { job_id: idOf("three"), job_type: "IncrementJob", queue: "jobs" },
    code: "duration_invalid",
  });
});

test("a generated client has the types of inputs of every kind", async () => {
  const jobs = [...exactJobs, ...looseJobs];
  const client = await clientOf(openApiDocument({ name: "rich", jobs, queues: richQueues, auth: "jwt" }));
  await client.compile(`
import { enqueueJob, postShapeJob, postShapeJob2, postTreeJob } from "./client.ts";

export function notToBeCalled(): void {
  void postTreeJob({ data: { name: "root", children: [{ name: "leaf", children: [] }] } });
  void postShapeJob({ data: { kind: "circle", radius: 1 } });
  void postShapeJob2({ data: [true] });
  void enqueueJob({ type: "DateJob", input: { at: 5, exact: "2026-11-20T10:00:00Z", text: "x" }, queue: "ordered" });
  // @ts-expect-error a leaf without a name
  void postTreeJob({ data: { name: "root", children: [{ children: [] }] } });
  // @ts-expect-error a circle with sides
  void postShapeJob({ data: { kind: "circle", sides: [1, 2] } });
  // @ts-expect-error what is of no kind
  void postShapeJob2({ data: { a: 1 } });
}
`);
});
