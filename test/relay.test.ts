/** Jobs that an application enqueues with its own transaction: sent when that commits, by whoever is left to do it. */
import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  RDSDataClient,
  RollbackTransactionCommand,
} from "@aws-sdk/client-rds-data";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createOutbox, type OpenTransaction, type Outbox } from "@tendril/client/outbox";
import { relayJobType } from "@tendril/core/built-in";
import { TendrilError } from "@tendril/core/errors";
import { handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { isSealed, keyedJobId } from "@tendril/core/job-id";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { LocalQueue } from "./support/local-aws.ts";
import { useWorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({ type: "Note", input: z.string() });
const signal = new AbortController().signal;

const room = useWorkerRoom(({ writeNote }) => [handle(Note, writeNote)]);

const place = { resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:local", secretArn: "arn:local" };
let rdsData: RDSDataClient;
let sqs: SQSClient;
let database: string;
let outbox: Outbox;

beforeAll(async () => {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const config = { region: "us-east-1", credentials, maxAttempts: 1 };
  rdsData = new RDSDataClient({ ...config, endpoint: room.local.wire.url });
  sqs = new SQSClient({ ...config, endpoint: room.sqsWire.url, useQueueUrlAsEndpoint: false });
  const [row] = await room.query("select current_database() as name");
  database = String(row?.name);
});
beforeEach(() => openOutbox(room.queue));
afterAll(() => {
  rdsData.destroy();
  sqs.destroy();
});

function openOutbox(jobs: LocalQueue): void {
  const link = { clusterArn: place.resourceArn, secretArn: place.secretArn, database };
  outbox = createOutbox({ sqs, queues: { jobs }, rdsData, database: link });
}

async function begin(): Promise<OpenTransaction> {
  const { transactionId = "" } = await rdsData.send(new BeginTransactionCommand({ ...place, database }));
  return { transactionId };
}

const commit = (tx: OpenTransaction) => rdsData.send(new CommitTransactionCommand({ ...place, ...tx }));
const rollback = (tx: OpenTransaction) => rdsData.send(new RollbackTransactionCommand({ ...place, ...tx }));

async function owed(): Promise<unknown[]> {
  return (await room.query("select body from tendril.outbox")).map(({ body }) => JSON.parse(String(body)).data);
}

/** Lets time pass and the worker work until the queue is empty; gives how often it was called. */
async function workAll(): Promise<number> {
  for (let rounds = 0; ; rounds += 1) {
    if ((await room.queue.count()) === 0 && (await waiting()) === 0) return rounds;
    if (rounds === 50) throw new Error("the queue does not become empty");
    await room.sqs.clock.advance(60_000);
    await room.work();
  }
}

/** Messages that are delayed. */
async function waiting(): Promise<number> {
  const AttributeNames = ["ApproximateNumberOfMessagesDelayed" as const];
  const command = new GetQueueAttributesCommand({ QueueUrl: room.queue.url, AttributeNames });
  return Number((await room.sqs.client.send(command)).Attributes?.ApproximateNumberOfMessagesDelayed);
}

const relayLines = () =>
  room.bench.lines.filter((line) => line.job_type === relayJobType).map(({ message }) => message);

describe("a job that is enqueued in a transaction", () => {
  test("is in no queue before the commit; then its relay message has it sent, and it runs", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "with the order");
    expect(isSealed(id, { type: "Note", queueUrl: room.queue.url })).toBe(true);
    expect(await room.queue.count()).toBe(0);
    await commit(tx);
    expect(await owed()).toEqual(["with the order"]);
    await room.sqs.clock.advance(4_999);
    expect(await room.work()).toEqual([]);
    await room.sqs.clock.advance(1);
    expect(await room.work()).toEqual([]);
    expect(relayLines()).toEqual(["job done"]);
    expect(await owed()).toEqual([]);
    await room.work();
    expect(await room.notesOf(id)).toEqual(["with the order"]);
    expect(await workAll()).toBe(0);
  });

  test("is sent at once by relay, in its order with the others, and once", async () => {
    const tx = await begin();
    const ids = [];
    for (const note of ["first", "second", "third"]) ids.push(await outbox.enqueueIn(tx, Note, note));
    expect(await outbox.relay(tx)).toBe(0);
    await commit(tx);
    expect(await outbox.relay(tx)).toBe(3);
    expect(await owed()).toEqual([]);
    await room.work();
    for (const [index, id] of ids.entries())
      expect(await room.notesOf(id)).toEqual([["first", "second", "third"][index]]);
    await workAll();
    expect(relayLines()).toEqual(["job done"]);
  });

  test("goes with the transaction when that is rolled back", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "never");
    await rollback(tx);
    expect(await outbox.relay(tx)).toBe(0);
    await workAll();
    expect(relayLines()).toEqual(["job done"]);
    expect(await room.notesOf(id)).toEqual([]);
  });

  test("is checked before anything is written", async () => {
    const tx = await begin();
    // @ts-expect-error: the spec says what may be enqueued
    await expect(outbox.enqueueIn(tx, Note, 42)).rejects.toMatchObject({ code: "input_invalid" });
    await expect(outbox.enqueueIn(tx, Note, "x", { queue: "nowhere" })).rejects.toMatchObject({
      code: "queue_unknown",
    });
    await commit(tx);
    expect(await owed()).toEqual([]);
    expect(await waiting()).toBe(0);
  });

  test("with a key is one with those that are enqueued under it elsewhere", async () => {
    const [one, other] = [await begin(), await begin()];
    const id = await outbox.enqueueIn(one, Note, "keyed", { key: "order-7" });
    await commit(one);
    expect(await outbox.enqueueIn(other, Note, "keyed", { key: "order-7" })).toBe(id);
    await commit(other);
    expect(id).toBe(keyedJobId("Note", "order-7"));
    await workAll();
    expect(await room.notesOf(id)).toEqual(["keyed"]);
  });

  test("may wait, and go to a group, as any other", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "later", { delay: "14 minutes", group: "customer-7" });
    await commit(tx);
    await outbox.relay(tx);
    await room.sqs.clock.advance(13 * 60_000);
    await room.work();
    expect(await room.notesOf(id)).toEqual([]);
    await workAll();
    expect(await room.notesOf(id)).toEqual(["later"]);
  });
});

describe("no job is lost, and none made, when", () => {
  test("SQS does not take the relay message: enqueueIn rejects, and the transaction can be rolled back", async () => {
    const tx = await begin();
    room.sqsWire.decide(() => "lose the call");
    await expect(outbox.enqueueIn(tx, Note, "never")).rejects.toMatchObject({ code: "aws_call_failed" });
    await rollback(tx);
    expect(await owed()).toEqual([]);
    expect(await waiting()).toBe(0);
  });

  test("SQS takes the relay message only with the transaction's next job", async () => {
    const tx = await begin();
    room.sqsWire.decide(() => "lose the call");
    const lost: unknown = await outbox.enqueueIn(tx, Note, "unrelayed").catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(TendrilError);
    room.sqsWire.decide(() => "pass");
    await outbox.enqueueIn(tx, Note, "relayed");
    await commit(tx);
    await workAll();
    expect(await room.query("select note from effects where note like '%relayed' order by note")).toEqual([
      { note: "relayed" },
      { note: "unrelayed" },
    ]);
  });

  test("the answer to the relay message is lost, and the application rolls back", async () => {
    const tx = await begin();
    room.sqsWire.decide(() => "lose the answer");
    await expect(outbox.enqueueIn(tx, Note, "never")).rejects.toMatchObject({ code: "aws_call_failed" });
    await rollback(tx);
    room.sqsWire.decide(() => "pass");
    await workAll();
    expect(relayLines()).toEqual(["job done"]);
  });

  test("the application dies between sending and clearing: the relay message sends again, the job runs once", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "once");
    await commit(tx);
    room.local.wire.decide(({ body }) => (body.includes("delete from tendril.outbox") ? "lose the call" : "pass"));
    await expect(outbox.relay(tx)).rejects.toThrow();
    room.local.wire.decide(() => "pass");
    expect(await owed()).toEqual(["once"]);
    await workAll();
    expect(await room.notesOf(id)).toEqual(["once"]);
    expect(room.messagesOf(id)).toContain("job duplicate");
    expect(await owed()).toEqual([]);
  });

  test("the worker cannot clear what it has sent: the relay message comes back, the job runs once", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "once");
    await commit(tx);
    room.local.wire.decide(({ body }) => (body.includes("delete from tendril.outbox") ? "lose the call" : "pass"));
    await room.sqs.clock.advance(5_000);
    expect(await room.work()).toHaveLength(1);
    room.local.wire.decide(() => "pass");
    await workAll();
    expect(await room.notesOf(id)).toEqual(["once"]);
    expect(await owed()).toEqual([]);
  });

  test("the worker cannot send: the relay message comes back", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "at last");
    await commit(tx);
    await room.sqs.clock.advance(5_000);
    room.sqsWire.decide(({ action }) =>
      action === "SendMessageBatch" ? { status: 400, error: "AccessDenied" } : "pass",
    );
    expect(await room.work()).toHaveLength(1);
    expect(await owed()).toEqual(["at last"]);
    room.sqsWire.decide(() => "pass");
    await workAll();
    expect(await room.notesOf(id)).toEqual(["at last"]);
  });

  test("the relay message comes before the commit: it asks again", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "late commit");
    await room.sqs.clock.advance(5_000);
    expect(await room.work()).toHaveLength(1);
    expect(relayLines()).toEqual(["job retry"]);
    await commit(tx);
    await workAll();
    expect(await room.notesOf(id)).toEqual(["late commit"]);
  });

  test("the transaction is open for longer than a message has receipts: a new relay message takes its place", async () => {
    room.use({ maxReceiveCount: 4 });
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "the next day");
    for (let minute = 0; minute < 20; minute += 1) {
      await room.sqs.clock.advance(60_000);
      await room.work();
    }
    expect(relayLines().filter((message) => message === "job done").length).toBeGreaterThan(3);
    expect(await room.queue.deadLetters()).toEqual([]);
    await commit(tx);
    await workAll();
    expect(await room.notesOf(id)).toEqual(["the next day"]);
  });

  test("one object is used for one transaction after the other: each has its own relay message", async () => {
    const tx = { ...(await begin()) };
    const first = await outbox.enqueueIn(tx, Note, "first");
    await commit(tx);
    await workAll();
    Object.assign(tx, await begin());
    const second = await outbox.enqueueIn(tx, Note, "second");
    await commit(tx);
    await workAll();
    expect([await room.notesOf(first), await room.notesOf(second)]).toEqual([["first"], ["second"]]);
    expect(await owed()).toEqual([]);
  });

  test("the database is away when the relay message comes", async () => {
    const tx = await begin();
    const id = await outbox.enqueueIn(tx, Note, "patient");
    await commit(tx);
    room.local.wire.decide(({ body }) => (body.includes("pg_xact_status") ? "lose the call" : "pass"));
    await room.sqs.clock.advance(5_000);
    expect(await room.work()).toHaveLength(1);
    room.local.wire.decide(() => "pass");
    await workAll();
    expect(await room.notesOf(id)).toEqual(["patient"]);
  });
});

test("whatever happens in which order, a job runs once when its transaction commits, and never when not", async () => {
  const step = fc.constantFrom("work", "relay", "no clearing", "no sending", "no database", "crash");
  const story = fc.record({
    before: fc.array(step, { maxLength: 3 }),
    commits: fc.boolean(),
    after: fc.array(step, { maxLength: 4 }),
  });
  const ignored = () => {};
  const take: Record<string, (tx: OpenTransaction) => Promise<unknown>> = {
    work: () => room.work(),
    relay: (tx) => outbox.relay(tx),
    "no clearing": async () =>
      room.local.wire.decide(({ body }) => (body.includes("delete from") ? "lose the answer" : "pass")),
    "no sending": async () => room.sqsWire.decide(() => "lose the answer"),
    "no database": async () => room.local.wire.decide(() => "lose the call"),
    // A process that has the messages dies: they are there again after the visibility timeout.
    crash: async () => {
      await room.queue.receive();
      await room.sqs.clock.advance(240_000);
    },
  };
  const play = async (steps: readonly string[], tx: OpenTransaction) => {
    for (const each of steps) {
      await take[each]?.(tx).catch(ignored);
      await room.sqs.clock.advance(5_000);
    }
    room.local.wire.decide(() => "pass");
    room.sqsWire.decide(() => "pass");
  };
  await fc.assert(
    fc.asyncProperty(story, async ({ before, commits, after }) => {
      const tx = await begin();
      const id = await outbox.enqueueIn(tx, Note, "told");
      await play(before, tx);
      await (commits ? commit(tx) : rollback(tx));
      await play(after, tx);
      await workAll();
      expect(await room.notesOf(id)).toEqual(commits ? ["told"] : []);
      expect(await owed()).toEqual([]);
    }),
    { numRuns: 12 },
  );
});

test("a relay message that is none is a dead letter, with the reason", async () => {
  await room.queue.send({ MessageBody: JSON.stringify({ job_type: relayJobType, data: { parent: "x" } }) });
  expect(await room.work()).toEqual([]);
  expect(await room.queue.deadLetters()).toHaveLength(1);
});

test("a transaction's end is what Postgres says; of an old one it says nothing", async () => {
  const tx = await begin();
  const sql = "select pg_current_xact_id()::text";
  const { records } = await rdsData.send(new ExecuteStatementCommand({ ...place, ...tx, database, sql }));
  const xid = records?.[0]?.[0]?.stringValue ?? "";
  expect(await room.ledger.transactionState(xid, signal)).toBe("in progress");
  await rollback(tx);
  expect(await room.ledger.transactionState(xid, signal)).toBe("aborted");
  expect(await room.ledger.transactionState("4", signal)).toBe("forgotten");
});

test("on a FIFO queue the relay message has a group of its own, and jobs keep their order", async () => {
  room.use({ queue: await room.sqs.freshQueue({ fifo: true }) });
  openOutbox(room.queue);
  const tx = await begin();
  const ids = [await outbox.enqueueIn(tx, Note, "a"), await outbox.enqueueIn(tx, Note, "b")];
  expect(await room.work()).toHaveLength(1);
  await commit(tx);
  await workAll();
  expect(await Promise.all(ids.map((id) => room.notesOf(id)))).toEqual([["a"], ["b"]]);
  expect(relayLines()).toEqual(["job retry", "job done"]);
});
