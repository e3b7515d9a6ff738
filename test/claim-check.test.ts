/** Inputs that are too large for a message: they lie in S3, and go through client, queue and worker like any other. */
import { BeginTransactionCommand, CommitTransactionCommand, RDSDataClient } from "@aws-sdk/client-rds-data";
import { type Claims, createClaims } from "@tendril/client/claims";
import { type Client, createClient } from "@tendril/client/client";
import { createOutbox } from "@tendril/client/outbox";
import { S3Client } from "@tendril/client/s3-client";
import { claimCheckOf, longestClaimBytes } from "@tendril/core/claim-check";
import type { TendrilError } from "@tendril/core/errors";
import { type Handler, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { followUpJobId, type JobId } from "@tendril/core/job-id";
import { openS3, type S3 } from "@tendril/local/s3/service";
import { listen, type WireServer } from "@tendril/local/wire/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type FaultyWire, openFaultyWire } from "./support/faulty-wire.ts";
import { idAttribute, newId, reasonIn, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Note = defineJob({
  type: "Note",
  input: z.string(),
  timeout: "20 seconds",
  retry: { attempts: 2, backoff: { from: "4 seconds", to: "1 minute" } },
});
const Other = defineJob({ type: "Other", input: z.string() });
const Loose = defineJob({ type: "Loose", input: z.string(), effects: "at-least-once" });

/** What `Loose` was run with. */
const seen: string[] = [];

const makeHandlers = ({ writeNote }: WorkerRoom): Handler[] => [
  handle(Note, writeNote),
  handle(Other, writeNote),
  handle(Loose, async (note) => void seen.push(note)),
];
const room = useWorkerRoom(makeHandlers);
const { behaviours, notesOf, rowOf, work } = room;

const bucket = "tier-claims";
const expiryDays = 44;
const dayMs = 86_400_000;
const large = (letter = "x"): string => letter.repeat(1_100_000);

let s3: S3;
let server: WireServer;
let wire: FaultyWire;
let sdk: S3Client;
let claims: Claims;
let client: Client;

beforeAll(async () => {
  s3 = openS3({ clock: room.sqs.clock });
  await s3.keepBucket(bucket, expiryDays);
  server = await listen([s3.service], { port: 0 });
  wire = await openFaultyWire(server.url);
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  sdk = new S3Client({ endpoint: wire.url, region: "us-east-1", credentials, forcePathStyle: true, maxAttempts: 1 });
  claims = createClaims({ link: { bucket }, s3: async () => sdk });
});

afterAll(async () => {
  sdk?.destroy();
  await wire?.close();
  await server?.close();
});

beforeEach(() => {
  room.use({ claims });
  client = clientWith({ claims });
  seen.length = 0;
});

afterEach(() => wire.decide(() => "pass"));

const clientWith = (options: { readonly claims?: Claims }): Client =>
  createClient({
    sqs: room.sqs.client,
    queues: { jobs: room.queue },
    now: () => room.sqs.clock.now(),
    ...options,
  });

/** How long what S3 was given is, in the order in which it came. */
const written = (): number[] =>
  wire.calls.filter(({ path }) => path.endsWith("PutObject")).map(({ body }) => body.length);

/** What is asked of S3 by one job, since `from`. */
const askedOf = (id: JobId): string[] =>
  wire.calls.flatMap(({ path }) => (path.includes(id) ? [path.replace(/^.*x-id=/, "")] : []));

const refusalOf = (enqueueing: Promise<unknown>): Promise<TendrilError> =>
  enqueueing.then(
    () => Promise.reject(new Error("it was taken")),
    (error: TendrilError) => error,
  );

async function laterWork(): Promise<string[]> {
  await room.sqs.clock.advance(240_000);
  return work();
}

/** A message that says its body is in S3. */
async function sendClaim(key: string, { id = newId(), type = "Note" } = {}): Promise<JobId> {
  const MessageAttributes = { ...idAttribute(id), "tendril.claim": { DataType: "String", StringValue: key } };
  await room.queue.send({ MessageBody: JSON.stringify({ job_type: type }), MessageAttributes });
  return id;
}

describe("an input that makes a message of more than 1 MiB", () => {
  test("lies in S3 when its message is sent, and is the job's input", async () => {
    const id = await client.enqueue(Note, large());
    expect(askedOf(id)).toEqual(["PutObject"]);
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual([large()]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
    expect(askedOf(id)).toEqual(["PutObject", "GetObject"]);
  });

  test("travels alone: one of 1 MiB goes by SQS, beside it in one call", async () => {
    const before = written().length;
    const results = await client.enqueueAll(Note, ["small", large("a"), "x".repeat(1_000_000), large("b")]);
    expect(results.map(({ kind }) => kind)).toEqual(["enqueued", "enqueued", "enqueued", "enqueued"]);
    expect(written().slice(before)).toEqual([1_100_029, 1_100_029]);
    await work();
    const notes = await Promise.all(results.map(({ id }) => notesOf(id ?? newId())));
    expect(notes.map(([note]) => String(note).length)).toEqual([5, 1_100_000, 1_000_000, 1_100_000]);
  });

  test("of a job type without a ledger is its input, too", async () => {
    const id = await client.enqueue(Loose, large());
    expect(await work()).toEqual([]);
    expect(seen).toEqual([large()]);
    expect(askedOf(id)).toEqual(["PutObject", "GetObject"]);
  });

  test("is checked by the schema before it is written", async () => {
    const before = written().length;
    // @ts-expect-error: the spec says what may be enqueued
    const error = await refusalOf(client.enqueue(Note, [large()]));
    expect(error.code).toBe("input_invalid");
    expect(written()).toHaveLength(before);
  });

  test("of one key never takes the place of another", async () => {
    const [first, second] = [
      await client.enqueue(Note, large("a"), { key: "one" }),
      await client.enqueue(Note, large("b"), { key: "one" }),
    ];
    expect(second).toBe(first);
    while ((await room.queue.count()) > 0) await work();
    expect(
      new Set(wire.calls.flatMap(({ path }) => (path.includes(first) ? [path.replace(/\?.*/, "")] : []))).size,
    ).toBe(2);
    const [note, ...others] = await notesOf(first);
    expect([large("a") === note || large("b") === note, others]).toEqual([true, []]);
  });
});

describe("is refused with its size", () => {
  test("where there is no bucket, and nothing is sent", async () => {
    const error = await refusalOf(clientWith({}).enqueue(Note, large()));
    expect(error).toMatchObject({ code: "body_too_large", facts: { given: "a message of 1100085 bytes" } });
    expect(error.message).toContain('largeInputs: "s3"');
    expect(await room.queue.count()).toBe(0);
  });

  test("when it is longer than 32 MiB", async () => {
    const error = await refusalOf(client.enqueue(Note, "x".repeat(longestClaimBytes)));
    expect(error).toMatchObject({
      code: "body_too_large",
      facts: { given: "a message of 33554517 bytes", allowed: expect.stringContaining("33554432 bytes") },
    });
  });

  test("when it would wait for longer than SQS can delay it", async () => {
    const error = await refusalOf(client.enqueue(Note, large(), { delay: "1 hour" }));
    expect(error).toMatchObject({ code: "body_too_large", facts: { allowed: expect.stringContaining("262144") } });
    const id = await client.enqueue(Note, large(), { delay: "15 minutes" });
    await room.sqs.clock.advance(900_000);
    await work();
    expect(await notesOf(id)).toHaveLength(1);
  });

  test("an input that S3 does not take is not enqueued", async () => {
    wire.decide(() => ({ status: 503, error: "SlowDown" }));
    const error = await refusalOf(client.enqueue(Note, large()));
    expect(error).toMatchObject({ code: "aws_call_failed", facts: { where: "s3:PutObject" } });
    expect(await room.queue.count()).toBe(0);
  });
});

describe("a worker", () => {
  test("waits for S3 when it is away, and that is no attempt", async () => {
    const id = await client.enqueue(Note, large());
    wire.decide(() => "lose the call");
    expect(await work()).toHaveLength(1);
    expect(room.bench.linesOf(id).at(-1)).toMatchObject({
      message: "job retry",
      attempt: 0,
      error: expect.stringContaining("could not be read from S3"),
    });
    wire.decide(({ path }) => (path.includes("GetObject") ? { status: 503, error: "SlowDown" } : "pass"));
    expect(await laterWork()).toHaveLength(1);
    wire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ state: "done", attempts: 1 });
    expect(await notesOf(id)).toEqual([large()]);
  });

  test("dead-letters a job whose input is gone, and says so", async () => {
    const id = await client.enqueue(Note, large());
    await room.sqs.clock.advance(3 * dayMs);
    await s3.keepBucket(bucket, 2);
    expect(await work()).toEqual([]);
    await s3.keepBucket(bucket, expiryDays);
    const [letter] = await room.queue.deadLetters();
    expect(reasonIn(letter)).toMatchObject({ code: "claim_missing", attempt: 0 });
    expect(await rowOf(id)).toMatchObject({ state: "dead" });
  });

  test("runs a dead letter that is sent back with its input", async () => {
    behaviours.set(large("d"), () => Promise.reject(new Error("not yet")));
    const id = await client.enqueue(Note, large("d"));
    await work();
    await laterWork();
    const [letter] = await room.queue.deadLetters();
    expect(reasonIn(letter)).toMatchObject({ what: "Error: not yet", attempt: 2 });
    expect(letter?.Body).toBe('{"job_type":"Note"}');
    behaviours.clear();
    const { "tendril.error": _, ...MessageAttributes } = letter?.MessageAttributes ?? {};
    await room.sqs.clock.advance(18 * dayMs);
    await room.queue.send({ MessageBody: letter?.Body, MessageAttributes });
    expect(await work()).toEqual([]);
    expect(await notesOf(id)).toEqual([large("d")]);
  });

  test.each([
    ["of another job", (_: JobId, other: JobId) => keyOf(other)],
    ["of no job", () => "secrets/everything"],
    ["above the bucket", (id: JobId) => `inputs/${id}/../../secrets`],
    [
      "that is too large",
      (id: JobId) => claimCheckOf(id, { bytes: longestClaimBytes + 1, sha256: "0".repeat(64) }).key,
    ],
  ])("asks S3 for no object %s", async (_, makeKey) => {
    const [id, other] = [newId(), newId()];
    await claims.put(other, '{"job_type":"Note","data":"a secret"}');
    await sendClaim(makeKey(id, other), { id });
    const before = wire.calls.length;
    expect(await work()).toEqual([]);
    expect(wire.calls).toHaveLength(before);
    const [letter] = await room.queue.deadLetters();
    expect(reasonIn(letter)).toMatchObject({ code: "claim_invalid" });
    expect(await notesOf(id)).toEqual([]);
  });

  test.each([
    ["of another job type than its message", '{"job_type":"Other","data":"a"}', "claim_invalid"],
    ["that is no message", "[]", "body_not_object"],
    ["that its schema refuses", '{"job_type":"Note","data":7}', "input_invalid"],
  ])("dead-letters a job with a body %s", async (_, body, code) => {
    const id = newId();
    await sendClaim((await claims.put(id, body)).key, { id });
    expect(await work()).toEqual([]);
    const [letter] = await room.queue.deadLetters();
    expect(reasonIn(letter)).toMatchObject({ code });
    expect(await notesOf(id)).toEqual([]);
  });

  test("without a bucket dead-letters a job with a claim check, and says what is missing", async () => {
    await client.enqueue(Note, large());
    room.use({ claims: undefined });
    expect(await work()).toEqual([]);
    const [letter] = await room.queue.deadLetters();
    expect(reasonIn(letter)).toMatchObject({ code: "claim_invalid", what: expect.stringContaining("largeInputs") });
  });
});

const keyOf = (id: JobId): string => claimCheckOf(id, { bytes: 37, sha256: "0".repeat(64) }).key;

describe("a follow-up's input", () => {
  test("lies in S3 before its parent is committed", async () => {
    const states: unknown[] = [];
    behaviours.set("parent", (job) => job.enqueue(Note, large("c")));
    const parent = await client.enqueue(Note, "parent");
    wire.decide(async ({ path }) => {
      if (path.endsWith("PutObject")) states.push((await rowOf(parent))?.state);
      return "pass" as const;
    });
    expect(await work()).toEqual([]);
    expect(states).toEqual([undefined]);
    expect(await work()).toEqual([]);
    expect(await notesOf(followUpJobId(parent, 0))).toEqual([large("c")]);
  });

  test("that S3 does not take fails its parent's attempt, which leaves nothing", async () => {
    behaviours.set("parent", (job) => job.enqueue(Note, large("c")));
    const parent = await client.enqueue(Note, "parent");
    wire.decide(() => ({ status: 503, error: "SlowDown" }));
    expect(await work()).toHaveLength(1);
    expect(await notesOf(parent)).toEqual([]);
    wire.decide(() => "pass");
    expect(await laterWork()).toEqual([]);
    expect(await rowOf(parent)).toMatchObject({ state: "done", attempts: 2 });
  });
});

test("an input that is enqueued with an application's own transaction lies in S3, and its job runs after the commit", async () => {
  const place = { resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:local", secretArn: "arn:local" };
  const [row] = await room.query("select current_database() as name");
  const database = String(row?.name);
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const rdsData = new RDSDataClient({ endpoint: room.local.wire.url, region: "us-east-1", credentials });
  const link = { clusterArn: place.resourceArn, secretArn: place.secretArn, database };
  const outbox = createOutbox({
    ...{ sqs: room.sqs.client, queues: { jobs: room.queue }, claims, now: () => room.sqs.clock.now() },
    ...{ rdsData, database: link },
  });
  const { transactionId = "" } = await rdsData.send(new BeginTransactionCommand({ ...place, database }));
  const id = await outbox.enqueueIn({ transactionId }, Note, large("t"));
  expect(askedOf(id)).toEqual(["PutObject"]);
  await rdsData.send(new CommitTransactionCommand({ ...place, transactionId }));
  rdsData.destroy();
  for (let round = 0; round < 2; round += 1) {
    await room.sqs.clock.advance(5_000);
    expect(await work()).toEqual([]);
  }
  expect(await notesOf(id)).toEqual([large("t")]);
});
