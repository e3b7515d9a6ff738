// A queue that was paused when `tendril dev` was killed, and the same through the API of the tier that runs then.
import { join } from "node:path";
import { LambdaClient, UpdateEventSourceMappingCommand } from "@aws-sdk/client-lambda";
import { systemClock } from "@tendril/local/clock";
import { mappingUuid, openLambdaControlPlane } from "@tendril/local/lambda/control-plane";
import { listen } from "@tendril/local/wire/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DevTier, startDev } from "./support/dev-tier.ts";
import { copyProject, type Project } from "./support/project.ts";

let project: Project;
let dev: DevTier;

beforeAll(async () => {
  project = await copyProject();
  await leavePaused(join(project.root, ".tendril/lambda"));
  dev = await startDev(project.root);
});

afterAll(async () => {
  await dev?.stop();
  await project?.remove();
});

/** What a tier leaves behind that was killed while its queue was paused: what is kept is written when it is paused. */
async function leavePaused(dir: string): Promise<void> {
  const place = { region: "us-east-1", accountId: "000000000000" };
  const plane = await openLambdaControlPlane({ ...place, clock: systemClock(), dir });
  const eventSourceArn = `arn:aws:sqs:${place.region}:${place.accountId}:jobs`;
  const idle = { start() {}, resume() {}, pause: async () => {}, stop: async () => {} };
  const numbers = { batchSize: 10, windowSeconds: 0, maximumConcurrency: 10 };
  plane.attach({ ...numbers, eventSourceArn, functionName: "jobs-worker" }, idle);
  const server = await listen([plane.service], { port: 0 });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const lambda = new LambdaClient({ endpoint: server.url, region: place.region, credentials });
  const UUID = mappingUuid(eventSourceArn, "jobs-worker");
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
  lambda.destroy();
  await server.close();
  await plane.close();
}

async function ask(method: string, path: string, body?: unknown) {
  const headers = { "content-type": "application/json" };
  const content = body === undefined ? {} : { body: JSON.stringify(body), headers };
  const response = await fetch(`${dev.apiUrl}${path}`, { method, ...content });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const rows = () => dev.query("select data from job_server_data order by data");

test("a paused queue takes jobs and runs none, also after a new start; resumed, it runs them; then it is paused again", async () => {
  await dev.printed(/queue jobs paused/);
  expect((await ask("GET", "/queues")).body).toMatchObject({ queues: [{ name: "jobs", paused: true, in_flight: 0 }] });
  expect((await ask("POST", "/job/post/IncrementJob", { data: "one" })).status).toBe(202);
  const run = (await ask("POST", "/schedules/tendril-purge/run")).body;
  expect(run).toEqual({ job_id: expect.any(String), job_type: "tendril.purge", queue: "jobs" });
  expect((await ask("GET", "/queues/jobs")).body.waiting).toBeGreaterThanOrEqual(2);
  expect(await rows()).toEqual([]);

  expect((await ask("POST", "/queues/jobs/resume")).body).toEqual({ name: "jobs", paused: false });
  await dev.printed(/queue jobs resumed/);
  await dev.printed(/done +IncrementJob/);
  await dev.printed(new RegExp(`done +tendril\\.purge +${run.job_id}`));
  expect(await rows()).toEqual([{ data: "one" }]);

  expect((await ask("POST", "/queues/jobs/pause")).body).toEqual({ name: "jobs", paused: true });
  await dev.printed(/queue jobs paused[\s\S]*queue jobs paused/);
  expect((await ask("POST", "/queues/other/pause")).status).toBe(404);
});
