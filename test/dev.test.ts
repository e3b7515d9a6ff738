// `tendril dev` as a new user runs it: a process of its own, on a copy of this repository's app.
import { ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DevTier, startDev } from "./support/dev-tier.ts";
import { descendants, isRunning } from "./support/processes.ts";
import { copyProject, type Project } from "./support/project.ts";
import { waitUntil } from "./support/wait-until.ts";

let project: Project;
let dev: DevTier;
/** What CronJob's first run logs, of each tier that was started. */
const firstRuns: Promise<RegExpExecArray>[] = [];

async function start(): Promise<void> {
  dev = await startDev(project.root);
  const run = dev.printed(/it is time {2}scheduled_at=(\S+)/);
  run.catch(() => {}); // a tier may be killed before its first minute
  firstRuns.push(run);
}

/** A handler that keeps its input behind a prefix, and fails on "fail". */
const moodyHandler = (prefix: string): string => `
import { handle } from "@tendril/core/handler";
import { MoodyJob } from "./moody-job.ts";
export const moody = handle(MoodyJob, async (data, job) => {
  await job.sql\`insert into job_server_data (data) values (\${"${prefix}" + data})\`;
  if (data === "fail") throw new Error("out of sorts");
});
`;

beforeAll(async () => {
  project = await copyProject();
  await project.write(
    "packages/jobs/src/moody-job.ts",
    `
import { defineJob } from "@tendril/core/job";
import * as z from "zod";
export const MoodyJob = defineJob({
  type: "MoodyJob",
  input: z.string(),
  retry: { attempts: 3, backoff: { from: "1 second", to: "2 seconds" } },
});
`,
  );
  await project.write("packages/jobs/src/moody-job.handler.ts", moodyHandler(""));
  await project.write(
    "packages/jobs/src/handlers.ts",
    `
import type { Handler } from "@tendril/core/handler";
import { cron } from "./cron-job.handler.ts";
import { increment } from "./increment-job.handler.ts";
import { moody } from "./moody-job.handler.ts";
export const handlers: readonly Handler[] = [increment, cron, moody];
`,
  );
  await project.write(
    "packages/jobs/src/tier.ts",
    `
import { defineTier } from "@tendril/core/tier";
import { CronJob } from "./cron-job.ts";
import { IncrementJob } from "./increment-job.ts";
import { MoodyJob } from "./moody-job.ts";
export const tier = defineTier({
  name: "tendril",
  queues: { jobs: {} },
  jobs: [IncrementJob, CronJob, MoodyJob],
  cron: "packages/jobs/cron.yaml",
});
`,
  );
  await start();
}, 120_000);

afterAll(async () => {
  await dev?.stop();
  await project?.remove();
});

const queueUrl = (name = "jobs"): string => `${dev.awsUrl}/000000000000/${name}`;

async function rowsOf(data: string): Promise<number> {
  const [row] = await dev.query(`select count(*)::int as rows from job_server_data where data like '${data}'`);
  return Number(row?.rows);
}

test("says what runs and where, with a request to paste", () => {
  const text = dev.output();
  for (const name of ["enqueue", "SQS", "RDS Data API", "Scheduler"]) {
    expect(text).toMatch(new RegExp(`^  ${name} +http://127\\.0\\.0\\.1:\\d+$`, "m"));
  }
  expect(text).toMatch(/^ {2}database +postgres:\/\/postgres@127\.0\.0\.1:\d+\/tendril$/m);
  expect(text).toMatch(/^ {2}schedule cron-job +\* \* \* \* \* {2}→ {2}CronJob, next \d{4}-.*Z \(in \d+ /m);
  expect(text).toContain(`curl -X POST ${dev.apiUrl}/job/post/IncrementJob`);
});

test("a posted job is accepted with its id, and its row is there", async () => {
  const response = await fetch(`${dev.apiUrl}/job/post/IncrementJob`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"data":"sendin some sweet data yo"}',
  });
  expect(response.status).toBe(202);
  const { job_id: id } = (await response.json()) as { job_id: string };
  await dev.printed(new RegExp(`done +IncrementJob +${id} +\\d+ ms`));
  expect(await rowsOf("sendin some sweet data yo")).toBe(1);
  const lines = dev
    .output()
    .split("\n")
    .filter((line) => line.includes(id));
  expect(lines.map((line) => line.split(/ +/)[1])).toEqual(["enqueued", "started", "done"]);
});

test("the same message sent straight to the queue runs as well, under its message id", async () => {
  const { MessageId } = await dev.sqs.send(
    new SendMessageCommand({ QueueUrl: queueUrl(), MessageBody: '{"job_type":"IncrementJob","data":"straight"}' }),
  );
  await dev.printed(new RegExp(`done +IncrementJob +${MessageId}`));
  expect(await rowsOf("straight")).toBe(1);
});

test("a refused request says why and queues nothing", async () => {
  const before = dev.output().match(/enqueued/g)?.length;
  const response = await fetch(`${dev.apiUrl}/job/post/IncrementJob`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"data":7}',
  });
  expect(response.status).toBe(422);
  expect(response.headers.get("content-type")).toContain("application/problem+json");
  expect(await response.json()).toMatchObject({ code: "input_invalid", where: "data" });
  expect(dev.output().match(/enqueued/g)?.length).toBe(before);
});

test("one job of ten that fails is tried again, then lies dead with its reason; the other nine are done once", async () => {
  const inputs = Array.from({ length: 10 }, (_, index) => (index === 4 ? "fail" : `of ten ${index}`));
  await dev.sqs.send(
    new SendMessageBatchCommand({
      QueueUrl: queueUrl(),
      Entries: inputs.map((data, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify({ job_type: "MoodyJob", data }),
        MessageAttributes: { origin: { DataType: "String", StringValue: "a test" } },
      })),
    }),
  );
  await dev.printed(/retry +MoodyJob +\S+ +attempt 1, again in .*out of sorts/);
  await dev.printed(/retry +MoodyJob +\S+ +attempt 2, again in .*out of sorts/);
  await dev.printed(/dead +MoodyJob +\S+ .*out of sorts/);
  const letter = await waitUntil("a dead letter", 10_000, async () => {
    const { Messages } = await dev.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl("jobs-dead"), MessageAttributeNames: ["All"] }),
    );
    return Messages?.[0];
  });
  expect(letter.Body).toBe('{"job_type":"MoodyJob","data":"fail"}');
  expect(letter.MessageAttributes?.origin?.StringValue).toBe("a test");
  expect(letter.MessageAttributes?.["tendril.error"]?.StringValue).toContain("out of sorts");
  expect(await rowsOf("of ten %")).toBe(9);
  expect(await rowsOf("fail")).toBe(0);
});

test("a handler that is saved is live at the next job; a broken one is shown once, and its queue waits", async () => {
  const send = (data: string) =>
    dev.sqs.send(
      new SendMessageCommand({ QueueUrl: queueUrl(), MessageBody: JSON.stringify({ job_type: "MoodyJob", data }) }),
    );
  await project.write("packages/jobs/src/moody-job.handler.ts", moodyHandler("better "));
  await dev.printed(/reloaded: jobs\/src\/moody-job\.handler\.ts/);
  await send("one");
  await waitUntil("the new handler's row", 10_000, async () => ((await rowsOf("better one")) === 1 ? true : undefined));

  await project.write("packages/jobs/src/moody-job.handler.ts", "export const moody = handle(;\n");
  await dev.printed(/packages\/jobs\/src\/moody-job\.handler\.ts:1:29\n[\s\S]*waits until/);
  await send("two");
  await send("three");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(dev.output().match(/moody-job\.handler\.ts:1/g)).toHaveLength(1);
  expect(await rowsOf("%two")).toBe(0);

  await project.write("packages/jobs/src/moody-job.handler.ts", moodyHandler("mended "));
  await waitUntil("the jobs that waited", 10_000, async () => ((await rowsOf("mended t%")) === 2 ? true : undefined));
});

describe("a stop", () => {
  test("killed with SIGKILL in the middle of 1,000 jobs and started again, it does each exactly once", {
    timeout: 180_000,
  }, async () => {
    for (let first = 0; first < 1000; first += 10) {
      const Entries = Array.from({ length: 10 }, (_, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify({ job_type: "IncrementJob", data: `of many ${first + index}` }),
      }));
      await dev.sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl(), Entries }));
    }
    await waitUntil("some of the jobs", 60_000, async () => ((await rowsOf("of many %")) > 100 ? true : undefined));
    const children = descendants(dev.process.pid ?? 0);
    dev.process.kill("SIGKILL");
    await waitUntil("its children's end", 10_000, async () => (children.some(isRunning) ? undefined : true));

    await start();
    const before = await rowsOf("of many %");
    expect(before).toBeLessThan(1000);
    await waitUntil("all jobs", 120_000, async () => ((await rowsOf("of many %")) >= 1000 ? true : undefined));
    const doubled = await dev.query(
      "select data from job_server_data where data like 'of many %' group by data having count(*) <> 1",
    );
    expect(doubled).toEqual([]);
    expect(await rowsOf("of many %")).toBe(1000);
  });

  // All tests before this one have been waiting for the minute, too.
  test("comes after CronJob ran on the minute and logged the time that it was scheduled for", async () => {
    const [, time = ""] = await Promise.any(firstRuns);
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00(\.000)?Z$/);
  }, 90_000);

  test("by Ctrl-C ends every process, and says so", async () => {
    const children = descendants(dev.process.pid ?? 0);
    expect(children.length).toBeGreaterThan(1);
    expect(await dev.stop()).toBe(0);
    expect(dev.output()).toMatch(/stopping.*\n[\s\S]*stopped\n$/);
    expect(children.filter(isRunning)).toEqual([]);
  });
});
