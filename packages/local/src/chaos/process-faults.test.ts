import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ExecuteStatementCommand } from "@aws-sdk/client-rds-data";
import {
  GetQueueAttributesCommand,
  type QueueAttributeName,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../clock.ts";
import { type BatchEvent, createEventSourceMapping } from "../lambda/event-source-mapping.ts";
import { answer, testLambda } from "../lambda/lambda.fixture.ts";
import type { Lambda } from "../lambda/lambda.ts";
import { arns } from "../rds-data/test-data-api.ts";
import { startChaosAws } from "./chaos.fixture.ts";
import type { CrashPoint } from "./faults.ts";

const { chaos, faults, aws, clients, queue, only, kinds } = startChaosAws(systemClock());

const sql = (text: string) => clients().rdsData.send(new ExecuteStatementCommand({ ...arns, sql: text }));

beforeAll(async () => {
  await sql("create table claims (id text)");
  await sql("create table effects (id text)");
});

/** A function that claims, has an effect, commits and sends, as a worker does. */
const job = `
import * as rds from "${import.meta.resolve("@aws-sdk/client-rds-data")}";
import * as sqs from "${import.meta.resolve("@aws-sdk/client-sqs")}";
const database = new rds.RDSDataClient({ maxAttempts: 1 });
const queues = new sqs.SQSClient({ maxAttempts: 1 });
const arns = ${JSON.stringify(arns)};
export const handler = async ({ id, QueueUrl }) => {
  const { transactionId } = await database.send(new rds.BeginTransactionCommand(arns));
  const insert = (table) =>
    database.send(new rds.ExecuteStatementCommand({ ...arns, transactionId, sql: \`insert into \${table} values ('\${id}')\` }));
  await insert("claims");
  await insert("effects");
  await database.send(new rds.CommitTransactionCommand({ ...arns, transactionId }));
  await queues.send(new sqs.SendMessageBatchCommand({ QueueUrl, Entries: [{ Id: "0", MessageBody: id }] }));
  return process.env.AWS_ACCESS_KEY_ID;
};`;

/** A function that writes "began" and "ended" to a file. */
const diary = `
import { appendFileSync } from "node:fs";
export const handler = async ({ file, workMs = 0 }) => {
  if (file) appendFileSync(file, "began ");
  await new Promise((resolve) => setTimeout(resolve, workMs));
  if (file) appendFileSync(file, "ended");
  return { pid: process.pid, batchItemFailures: [] };
};`;

async function startFunction(source: string) {
  const { lambda, project } = await testLambda(source, {
    config: { environment: { AWS_ENDPOINT_URL_SQS: aws().url, AWS_ENDPOINT_URL_RDS_DATA: aws().url } },
  });
  const struck = chaos.strike(lambda);
  const invoke = (event: object) => struck.invoke("worker", JSON.stringify(event));
  return { lambda: struck, invoke, file: join(project.root, "diary") };
}

const at = (name: string, when: "before" | "after", operation: string, statement?: RegExp): CrashPoint => {
  return { name, when, operation, rate: 1, ...(statement ? { statement } : {}) };
};

test("each environment signs with an access key of its own", async () => {
  const { invoke, lambda } = await startFunction(job);
  const QueueUrl = await queue("keys");
  const keys = (await Promise.all([invoke({ id: "k1", QueueUrl }), invoke({ id: "k2", QueueUrl })])).map(answer);
  expect(new Set(keys).size).toBe(2);
  expect(lambda.environments().map(({ accessKeyId }) => accessKeyId)).toEqual(expect.arrayContaining(keys));
});

test("a process is killed at a point of its calls: what was called before is done, and nothing after", async () => {
  const { invoke } = await startFunction(job);
  const QueueUrl = await queue("points");
  const points: [CrashPoint, { committed: boolean; sent: boolean }][] = [
    [at("before claim", "before", "ExecuteStatement", /insert into claims/), { committed: false, sent: false }],
    [at("after effects", "after", "ExecuteStatement", /insert into effects/), { committed: false, sent: false }],
    [at("after commit", "after", "CommitTransaction"), { committed: true, sent: false }],
    [at("after send", "after", "SendMessageBatch"), { committed: true, sent: true }],
  ];
  for (const [point, expected] of points) {
    chaos.setCrashPoints([point]);
    expect(await invoke({ id: point.name, QueueUrl })).toMatchObject({
      kind: "crashed",
      errorMessage: expect.stringContaining("signal: SIGKILL"),
    });
    const { records = [] } = await sql(
      `select (select count(*) from claims where id = '${point.name}'), (select count(*) from effects where id = '${point.name}')`,
    );
    const { Messages = [] } = await clients().sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    const count = { longValue: expected.committed ? 1 : 0 };
    expect([point.name, records[0]]).toEqual([point.name, [count, count]]);
    expect([point.name, Messages.map(({ Body }) => Body)]).toEqual([point.name, expected.sent ? [point.name] : []]);
  }
  expect(faults.map(({ kind, what }) => [kind, what])).toEqual(
    points.map(([{ name }]) => ["killed-at-point", `worker killed ${name}`]),
  );
});

test("a process is killed at any of its calls, and those of other callers are spared", async () => {
  const { invoke } = await startFunction(job);
  const QueueUrl = await queue("any");
  only({ "killed-before-call": 1, "killed-after-call": 1 });
  await sql("select 1");
  expect(await invoke({ id: "before", QueueUrl })).toMatchObject({ kind: "crashed" });
  only({ "killed-after-call": 1 });
  expect(await invoke({ id: "after", QueueUrl })).toMatchObject({ kind: "crashed" });
  expect(faults.map(({ kind, what }) => [kind, what])).toEqual([
    ["killed-before-call", "worker killed before BeginTransaction"],
    ["killed-after-call", "worker killed after BeginTransaction"],
  ]);
});

test("a process is killed before, at and after its work", async () => {
  const { invoke, file } = await startFunction(diary);
  answer(await invoke({}));
  const crash = async (kind: "killed-before-work" | "killed-at-work" | "killed-after-work", workMs: number) => {
    only({ [kind]: 1 });
    expect(await invoke({ file: `${file}-${kind}-${workMs}`, workMs })).toMatchObject({ kind: "crashed" });
    return existsSync(`${file}-${kind}-${workMs}`) ? readFileSync(`${file}-${kind}-${workMs}`, "utf8") : "";
  };
  expect(await crash("killed-before-work", 0)).toBe("");
  expect(await crash("killed-at-work", 60_000)).not.toContain("ended");
  expect(await crash("killed-after-work", 10)).toBe("began ended");
  only({});
  expect((await invoke({})).kind).toBe("succeeded");
});

test("a process that is to be killed at its work is killed at the latest when its handler has answered", async () => {
  const { lambda, file } = await startFunction(diary);
  const killed = await lambda.invoke("worker", JSON.stringify({ file }), { killAfterMs: 3_600_000 });
  expect(killed).toMatchObject({ kind: "crashed", errorType: "Runtime.ExitError" });
  expect(readFileSync(file, "utf8")).toBe("began ended");
});

test("an invocation is throttled", async () => {
  const { invoke } = await startFunction(diary);
  only({ "invocation-throttled": 1 });
  expect(await invoke({})).toEqual({ kind: "throttled" });
  expect(kinds()).toEqual(["invocation-throttled"]);
});

const names: QueueAttributeName[] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];

/** Sends one message to a queue that a mapping reads, and resolves with how its batches ended; after the first no fault strikes. */
async function runMapping(name: string, lambda: Lambda, isOver: (events: BatchEvent[]) => boolean) {
  const QueueUrl = await queue(name, { VisibilityTimeout: "1" });
  const events: BatchEvent[] = [];
  const over = Promise.withResolvers<void>();
  const mapping = createEventSourceMapping({
    clock: systemClock(),
    source: aws().sqs.source(name),
    lambda,
    functionName: "worker",
    batchSize: 10,
    windowMs: 0,
    maximumConcurrency: 2,
    region: "us-east-1",
    onBatch(event) {
      if (event.kind !== "finished") return;
      chaos.onBatch("worker", event);
      only({});
      events.push(event);
      if (isOver(events)) over.resolve();
    },
  });
  onTestFinished(() => mapping.stop());
  await clients().sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "one" }));
  mapping.start();
  await over.promise;
  return events.map((event) => (event.kind === "finished" ? event.invocation : undefined));
}

test("the messages of a process that was killed after its work come back", async () => {
  const { lambda } = await startFunction(diary);
  only({ "killed-after-work": 1 });
  const invocations = await runMapping("killed", lambda, (events) => events.length === 2);
  expect(invocations.map((each) => each?.kind)).toEqual(["crashed", "succeeded"]);
});

test("messages that the mapping cannot delete come back", async () => {
  const { lambda } = await startFunction(diary);
  only({ "delete-refused": 1 });
  const invocations = await runMapping("undeleted", lambda, (events) => events.length === 2);
  expect(invocations.map((each) => each?.kind)).toEqual(["succeeded", "succeeded"]);
  expect(kinds()).toEqual(["delete-refused"]);
});

test("a process is killed after its messages were deleted, and they are gone", async () => {
  const { lambda, invoke } = await startFunction(diary);
  const { pid } = answer(await invoke({})) as { pid: number };
  only({ "killed-after-delete": 1 });
  await runMapping("deleted", lambda, (events) => events.length === 1);
  expect(kinds()).toEqual(["killed-after-delete"]);
  expect(answer(await invoke({}))).not.toMatchObject({ pid });
  const { Attributes } = await clients().sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: await queue("deleted", { VisibilityTimeout: "1" }),
      AttributeNames: names,
    }),
  );
  expect(Attributes).toEqual({ ApproximateNumberOfMessages: "0", ApproximateNumberOfMessagesNotVisible: "0" });
});
