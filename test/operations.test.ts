// Queues, dead letters and schedules through the API's routes.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { lazyPlan } from "@tendril/api/operations-plan";
import { createMappings } from "@tendril/client/operations/mappings";
import type { ApiScope } from "@tendril/core/api-plan";
import { parseJobId } from "@tendril/core/job-id";
import { mappingUuid } from "@tendril/local/lambda/control-plane";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { newId, openOperationsRoom, tier } from "./support/operations.ts";

const room = await openOperationsRoom();
const { clock, sqs, lambda, plane, deployed, dir, operations, makeOperations, openSqsClient, switched } = room;
const { ask, drain, letter, passing, queueOf } = room;

afterAll(() => room.close());

afterEach(async () => {
  for (const { name } of deployed) await passing(operations.drop(name, {}));
  for (const { url } of deployed) await drain(url);
  switched.length = 0;
});

describe("queues", () => {
  test("are listed with what lies in them", async () => {
    await letter("Mail");
    const { url } = queueOf("jobs");
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{"job_type":"Mail"}' }));
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{"job_type":"Mail"}', DelaySeconds: 900 }));
    await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, VisibilityTimeout: 60 }));
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{"job_type":"Mail"}' }));
    const jobs = { name: "jobs", fifo: false, waiting: 1, delayed: 1, in_flight: 1, dead_letters: 1, paused: false };
    const bills = { name: "bills", fifo: true, waiting: 0, delayed: 0, in_flight: 0, dead_letters: 0, paused: false };
    expect(await ask("GET", "/queues")).toMatchObject({ status: 200, body: { queues: [jobs, bills] } });
    expect((await ask("GET", "/queues/jobs")).body).toEqual(jobs);
    await clock.advance(1_000_000);
  });

  test("are paused and resumed, which the list says", async () => {
    expect(await ask("POST", "/queues/jobs/pause")).toMatchObject({
      status: 200,
      body: { name: "jobs", paused: true },
      told: [["queue paused", { queue: "jobs" }]],
    });
    const { queues } = (await ask("GET", "/queues")).body;
    expect(queues.map(({ paused }: { paused: unknown }) => paused)).toEqual([true, false]);
    expect((await ask("POST", "/queues/jobs/pause")).body).toEqual({ name: "jobs", paused: true });
    expect((await ask("POST", "/queues/jobs/resume")).body).toEqual({ name: "jobs", paused: false });
    expect((await ask("GET", "/queues/jobs")).body.paused).toBe(false);
    expect(switched).toEqual(["pause jobs", "start jobs"]);
  });
});

test("a queue is paused when Lambda has ended the change that is under way", async () => {
  const held = Promise.withResolvers<void>();
  const slow = { start() {}, resume() {}, stop: async () => {}, pause: () => held.promise };
  const numbers = { batchSize: 1, windowSeconds: 0, maximumConcurrency: 2 };
  const config = { ...numbers, eventSourceArn: "arn:aws:sqs:us-east-1:000000000000:slow", functionName: "slow" };
  const attached = plane.attach(config, slow);
  const waits: number[] = [];
  const mappings = createMappings({
    mappings: { slow: mappingUuid(config.eventSourceArn, "slow") },
    lambda: () => lambda,
    sleep: async (milliseconds) => {
      waits.push(milliseconds);
      if (waits.length === 2) held.resolve();
    },
  });
  await mappings.setPaused("slow", true);
  expect(await mappings.paused("slow")).toBe(true);
  await mappings.setPaused("slow", false);
  expect(waits.slice(0, 2)).toEqual([500, 500]);
  expect(await mappings.paused("slow")).toBe(false);
  await attached.stop();
});

describe("dead letters", () => {
  test("are listed with why they died, and without what they were given", async () => {
    const first = await letter("Mail", { what: "Error: out of paper" });
    await sqs.send(new SendMessageCommand({ QueueUrl: queueOf("jobs").deadLetterUrl, MessageBody: "secret" }));
    const { status, body } = await ask("GET", "/queues/jobs/dead-letters");
    expect([status, body.total]).toEqual([200, 2]);
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(body.dead_letters).toHaveLength(2);
    expect(body.dead_letters).toContainEqual({
      message_id: first.messageId,
      job_id: first.id,
      job_type: "Mail",
      error: "Error: out of paper",
      attempt: 5,
      died_at: "2026-11-20T09:59:00.000Z",
      sent_at: expect.stringMatching(/^2026-11-\d\dT/),
      receives: 1,
    });
    expect((await ask("GET", "/queues/jobs/dead-letters?limit=1")).body).toMatchObject({
      dead_letters: [{ receives: 2 }],
      total: 2,
    });
  });

  test("of a FIFO queue say their group", async () => {
    await letter("Bill", { queue: "bills", group: "customer-7" });
    const { body } = await ask("GET", "/queues/bills/dead-letters");
    expect(body).toMatchObject({ dead_letters: [{ job_type: "Bill", group: "customer-7" }], total: 1 });
  });

  test("go back to their queue as the same jobs, all or those that are named", async () => {
    const [one, two, three] = [await letter("Mail"), await letter("Mail"), await letter("Report")];
    const gone = newId();
    const { body, told } = await ask("POST", "/queues/jobs/dead-letters/redrive", { job_ids: [one.id, gone] });
    expect(body).toEqual({
      redriven: 1,
      failed: [{ job_id: gone, why: "no dead letter of it was found" }],
      left: 0,
    });
    expect(told).toEqual([["dead letters redriven", { queue: "jobs", job_ids: 2, redriven: 1, failed: 1 }]]);
    expect(await drain(queueOf("jobs").url)).toEqual([{ id: one.id, type: "Mail", input: "secret" }]);
    const ofType = await ask("POST", "/queues/jobs/dead-letters/redrive", { job_type: "Report" });
    expect(ofType.body).toEqual({ redriven: 1, failed: [], left: 0 });
    expect((await drain(queueOf("jobs").url)).map(({ id }) => id)).toEqual([three.id]);
    expect((await ask("POST", "/queues/jobs/dead-letters/redrive", {})).body).toMatchObject({ redriven: 1, left: 0 });
    expect((await drain(queueOf("jobs").url)).map(({ id }) => id)).toEqual([two.id]);
  });

  test("go back up to a limit, and what is left is said", async () => {
    for (let index = 0; index < 13; index += 1) await letter("Mail");
    const { body } = await ask("POST", "/queues/jobs/dead-letters/redrive", { limit: 4 });
    expect(body).toEqual({ redriven: 4, failed: [], left: 9 });
    expect(await drain(queueOf("jobs").url)).toHaveLength(4);
    expect((await ask("GET", "/queues/jobs")).body.dead_letters).toBe(9);
  });

  test("that come while others go back stay where they are", async () => {
    await letter("Mail");
    let comes = false;
    const asking = openSqsClient();
    asking.middlewareStack.add((next, { commandName }) => async (args) => {
      if (commandName === "SendMessageBatchCommand" && !comes) {
        comes = true;
        await clock.advance(5000);
        await letter("Mail");
      }
      return next(args);
    });
    const slowly = makeOperations({ sqs: asking });
    expect((await passing(slowly.redrive("jobs", {}))).done).toBe(1);
    expect((await ask("GET", "/queues/jobs")).body).toMatchObject({ waiting: 1, dead_letters: 1 });
    asking.destroy();
  });

  test("of a job that has two go back once, and are dropped both", async () => {
    const { id } = await letter("Mail");
    await letter("Mail", { id });
    expect((await ask("POST", "/queues/jobs/dead-letters/redrive", { job_ids: [id] })).body.redriven).toBe(1);
    await letter("Mail", { id });
    expect((await ask("POST", "/queues/jobs/dead-letters/drop", { job_ids: [id] })).body).toEqual({
      dropped: 2,
      failed: [],
      left: 0,
    });
  });

  test("are dropped for good", async () => {
    await letter("Mail");
    const kept = await letter("Report");
    const { body } = await ask("POST", "/queues/jobs/dead-letters/drop", { job_type: "Mail" });
    expect(body).toEqual({ dropped: 1, failed: [], left: 0 });
    expect((await ask("GET", "/queues/jobs/dead-letters")).body.dead_letters).toMatchObject([{ job_id: kept.id }]);
    expect((await ask("POST", "/queues/jobs/dead-letters/drop", { all: true })).body).toMatchObject({ dropped: 1 });
    expect(await drain(queueOf("jobs").url)).toEqual([]);
  });

  test("are left when the time is over, and nothing of them is lost", async () => {
    const ids = [];
    for (let index = 0; index < 12; index += 1) ids.push((await letter("Mail")).id);
    const hasty = makeOperations({ budgetMs: 0 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { done, left, failed } = await passing(hasty.redrive("jobs", {}));
    expect([done + left, failed]).toEqual([12, []]);
    const one = await passing(hasty.redrive("jobs", { jobIds: [newId()] }));
    expect([one.done, one.left + one.failed.length]).toEqual([0, 1]);
    await passing(operations.redrive("jobs", {}));
    expect((await drain(queueOf("jobs").url)).map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  test("of one job are found by its id for a retry, and missed when there are none", async () => {
    const { id } = await letter("Bill", { queue: "bills" });
    await passing(operations.retryDead("bills", id));
    expect((await drain(queueOf("bills").url)).map((job) => job.id)).toEqual([id]);
    await expect(passing(operations.retryDead("bills", parseJobId(id)))).rejects.toMatchObject({
      code: "dead_letter_missing",
    });
  });
});

test("a dead letter that its FIFO group hides is not said to be gone", async () => {
  const ids = [];
  for (let index = 0; index < 12; index += 1) ids.push((await letter("Bill", { queue: "bills" })).id);
  const last = ids.at(-1) ?? newId();
  await expect(passing(operations.retryDead("bills", last))).rejects.toMatchObject({
    code: "dead_letter_missing",
    message: expect.stringContaining("SQS shows ten"),
  });
  const named = await ask("POST", "/queues/bills/dead-letters/redrive", { job_ids: [last] });
  expect(named.body).toEqual({ redriven: 0, failed: [], left: 1 });
  expect((await ask("POST", "/queues/bills/dead-letters/redrive", {})).body).toEqual({
    redriven: 12,
    failed: [],
    left: 0,
  });
  expect((await drain(queueOf("bills").url)).map(({ id }) => id)).toEqual(ids);
});

describe("schedules", () => {
  test("are listed with their next runs, the built-in ones too", async () => {
    const { status, body } = await ask("GET", "/schedules");
    expect([status, body.schedules.length]).toEqual([200, 3]);
    expect(body.schedules[0]).toEqual({
      name: "nightly report",
      job_type: "Report",
      queue: "jobs",
      expression: "0 3 * * *",
      timezone: "Europe/Berlin",
      enabled: true,
      built_in: false,
      description: "What was sold",
      next_runs: expect.arrayContaining([expect.stringMatching(/^2026-11-\d\dT02:00:00\.000Z$/)]),
    });
    // The 13th, and every Friday: two schedules on AWS, one here.
    expect(body.schedules[1]).toMatchObject({ name: "billing", enabled: false, next_runs: expect.any(Array) });
    expect(body.schedules[1].next_runs).toHaveLength(5);
    expect(body.schedules[2]).toMatchObject({ name: "tendril-purge", built_in: true, job_type: "tendril.purge" });
  });

  test("are run now by the message that Scheduler would send, enabled or not", async () => {
    const { status, body, told } = await ask("POST", "/schedules/nightly%20report/run");
    expect([status, body]).toEqual([202, { job_id: expect.any(String), job_type: "Report", queue: "jobs" }]);
    expect(told).toEqual([["schedule run", { schedule: "nightly report", ...body }]]);
    const [run] = await drain(queueOf("jobs").url);
    expect(run).toMatchObject({ id: body.job_id, type: "Report", input: "all", schedule: { name: "nightly report" } });
    expect(Math.abs((run?.schedule?.scheduledAt.getTime() ?? 0) - clock.now())).toBeLessThan(2000);
    const bill = await ask("POST", "/schedules/billing/run");
    expect((await drain(queueOf("bills").url)).map(({ id }) => id)).toEqual([bill.body.job_id]);
  });

  test("are read again when cron.yaml was not there, or cannot be read, the first time", async () => {
    const file = join(dir, "later.yaml");
    const plan = lazyPlan({ ...tier, cron: "later.yaml" }, dir);
    await expect(plan()).rejects.toMatchObject({ code: "cron_yaml_invalid" });
    await writeFile(file, "version: 1\ncron: [{ name: a }]");
    await expect(plan()).rejects.toMatchObject({ code: "cron_yaml_invalid" });
    await writeFile(file, 'version: 1\ncron: [{ name: a, url: /job/post/Mail, schedule: "@daily" }]');
    expect((await plan()).schedules.map(({ task }) => task)).toEqual(["a", "tendril-purge"]);
  });

  test("of a tier without cron.yaml are the built-in ones alone", async () => {
    const { cron: _cron, ...cronless } = tier;
    const { schedules } = await lazyPlan(cronless, dir)();
    expect(schedules.map(({ task, builtIn }) => [task, builtIn])).toEqual([["tendril-purge", true]]);
  });
});

describe("is refused:", () => {
  const redrive = "/queues/jobs/dead-letters/redrive";
  const drop = "/queues/jobs/dead-letters/drop";
  test.each<[string, string, unknown, number, string]>([
    ["GET", "/queues/other", undefined, 404, "queue_unknown"],
    ["GET", "/queues/constructor", undefined, 404, "queue_unknown"],
    ["GET", "/queues/other/dead-letters", undefined, 404, "queue_unknown"],
    ["POST", "/queues/other/pause", undefined, 404, "queue_unknown"],
    ["POST", "/queues/other/dead-letters/drop", { all: true }, 404, "queue_unknown"],
    ["GET", "/queues/jobs/dead-letters?limit=0", undefined, 400, "query_invalid"],
    ["GET", "/queues/jobs/dead-letters?limit=101", undefined, 400, "query_invalid"],
    ["GET", "/queues?wat=1", undefined, 400, "query_invalid"],
    ["POST", redrive, { job_type: "Mail", limit: 1 }, 422, "input_invalid"],
    ["POST", redrive, { all: true }, 422, "input_invalid"],
    ["POST", redrive, { limit: 1.5 }, 422, "input_invalid"],
    ["POST", redrive, { job_ids: [] }, 422, "input_invalid"],
    ["POST", redrive, { job_ids: ["x"] }, 400, "job_id_invalid"],
    ["POST", redrive, { job_ids: [7] }, 422, "input_invalid"],
    ["POST", redrive, undefined, 415, "content_type_unsupported"],
    ["POST", drop, {}, 422, "input_invalid"],
    ["POST", drop, { all: false }, 422, "input_invalid"],
    ["POST", drop, { limit: 1 }, 422, "input_invalid"],
    ["POST", drop, { job_type: "not a type" }, 422, "input_invalid"],
    ["POST", "/schedules/other/run", undefined, 404, "schedule_unknown"],
  ])("%s %s %j", async (method, path, given, status, code) => {
    await letter("Mail");
    expect(await ask(method, path, given)).toMatchObject({ status, body: { code }, told: [] });
    expect((await ask("GET", "/queues/jobs")).body).toMatchObject({ dead_letters: 1, paused: false });
    expect(await drain(queueOf("jobs").url)).toEqual([]);
  });

  test("whatever the caller's scopes do not allow", async () => {
    const reads: [string, string][] = [
      ["GET", "/queues"],
      ["GET", "/queues/jobs"],
      ["GET", "/queues/jobs/dead-letters"],
      ["GET", "/schedules"],
    ];
    const changes: [string, string][] = [
      ["POST", redrive],
      ["POST", drop],
      ["POST", "/queues/jobs/pause"],
      ["POST", "/queues/jobs/resume"],
      ["POST", "/schedules/billing/run"],
    ];
    await letter("Mail");
    const statuses = async (asked: [string, string][], scopes: ApiScope[]) => {
      const found = [];
      for (const [method, path] of asked) found.push((await ask(method, path, { all: true }, new Set(scopes))).status);
      return new Set(found);
    };
    expect(await statuses(changes, ["enqueue", "read"])).toEqual(new Set([403]));
    const withoutBody = async (scopes: ApiScope[]) => {
      const found = [];
      for (const [method, path] of reads) found.push((await ask(method, path, undefined, new Set(scopes))).status);
      return new Set(found);
    };
    expect(await withoutBody(["enqueue", "operate"])).toEqual(new Set([403]));
    expect(await withoutBody(["read"])).toEqual(new Set([200]));
    expect(switched).toEqual([]);
    expect((await ask("GET", "/queues/jobs")).body.dead_letters).toBe(1);
  });
});
