import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ListQueueTagsCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
  TagQueueCommand,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { bodies, type SqsFixture, startSqs } from "./fixture.ts";

let dir: string;
const fixtures: SqsFixture[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sqs-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const fixture of fixtures.splice(0)) await fixture.close();
  await rm(dir, { recursive: true });
});

async function start(before?: SqsFixture): Promise<SqsFixture> {
  await before?.close();
  if (before) fixtures.splice(fixtures.indexOf(before), 1);
  const fixture = await startSqs({ dir, ...(before ? { clock: before.clock } : {}) });
  fixtures.push(fixture);
  return fixture;
}

describe("after a restart", () => {
  test("the name of a queue that was just deleted is still not free", async () => {
    let aws = await start();
    const QueueUrl = await aws.create("work");
    await aws.client.send(new DeleteQueueCommand({ QueueUrl }));
    aws = await start(aws);
    await expect(aws.create("work")).rejects.toThrow("You must wait 60 seconds");
    await aws.clock.advance(60_000);
    await aws.create("work");
  });

  test("queues have their attributes, tags and messages, with all that those carry", async () => {
    let aws = await start();
    let QueueUrl = await aws.create("work", { VisibilityTimeout: "7" });
    await aws.client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { DelaySeconds: "3" } }));
    await aws.client.send(new TagQueueCommand({ QueueUrl, Tags: { a: "1" } }));
    const attribute = { DataType: "Binary", BinaryValue: new Uint8Array([0, 255]) };
    const id = await aws.send(QueueUrl, "ä\n\u2028", { MessageAttributes: { attribute } });
    aws = await start(aws);
    QueueUrl = await aws.create("work", { VisibilityTimeout: "7", DelaySeconds: "3" });
    expect((await aws.client.send(new ListQueueTagsCommand({ QueueUrl }))).Tags).toEqual({ a: "1" });
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await aws.clock.advance(3_000);
    const receive = new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ["All"] });
    const { Messages } = await aws.client.send(receive);
    expect(Messages).toMatchObject([{ MessageId: id, Body: "ä\n\u2028", MessageAttributes: { attribute } }]);
  });

  test("messages in flight stay so until their time, under the same receipt handles and with their counts", async () => {
    let aws = await start();
    let QueueUrl = await aws.create("work");
    for (const body of ["deleted", "changed", "left"]) await aws.send(QueueUrl, body);
    const [deleted, changed] = await aws.receive(QueueUrl);
    await aws.client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: changed?.handle, VisibilityTimeout: 60 }),
    );
    aws = await start(aws);
    QueueUrl = await aws.create("work");
    expect(await aws.receive(QueueUrl)).toEqual([]);
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: deleted?.handle }));
    await aws.clock.advance(30_000);
    expect(
      (await aws.receive(QueueUrl)).map(({ body, attributes }) => [body, attributes.ApproximateReceiveCount]),
    ).toEqual([["left", "2"]]);
    aws = await start(aws);
    QueueUrl = await aws.create("work");
    await aws.clock.advance(30_000);
    expect(bodies(await aws.receive(QueueUrl)).sort()).toEqual(["changed", "left"]);
  });

  test("what was deleted, purged, dead-lettered or had expired stays where it went", async () => {
    let aws = await start();
    const dead = "arn:aws:sqs:us-east-1:000000000000:dead";
    await aws.create("dead");
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead, maxReceiveCount: 1 });
    const work = await aws.create("work", { RedrivePolicy, VisibilityTimeout: "1" });
    const purged = await aws.create("purged");
    const short = await aws.create("short", { MessageRetentionPeriod: "60" });
    await aws.send(work, "letter");
    await aws.send(purged, "purged");
    await aws.send(short, "expired");
    await aws.receive(work);
    await aws.clock.advance(60_000);
    await aws.receive(work);
    await aws.receive(short);
    await aws.client.send(
      new SetQueueAttributesCommand({ QueueUrl: short, Attributes: { MessageRetentionPeriod: "86400" } }),
    );
    await aws.client.send(new PurgeQueueCommand({ QueueUrl: purged }));
    aws = await start(aws);
    const found: Record<string, string[]> = {};
    for (const name of ["dead", "work", "purged", "short"]) found[name] = bodies(await aws.receive(`/${name}`));
    expect(found).toEqual({ work: [], purged: [], short: [], dead: ["letter"] });
    const purgeAgain = aws.client.send(new PurgeQueueCommand({ QueueUrl: purged }));
    await expect(purgeAgain).rejects.toThrow("Only one PurgeQueue operation on purged is allowed every 60 seconds.");
  });

  test("FIFO queues keep their order, their deduplication and their sequence", async () => {
    let aws = await start();
    let QueueUrl = await aws.create("work.fifo");
    const send = (body: string, id: string) =>
      aws.client.send(
        new SendMessageCommand({ QueueUrl, MessageBody: body, MessageGroupId: "g", MessageDeduplicationId: id }),
      );
    const first = await send("one", "1");
    const [received] = await aws.receive(QueueUrl);
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received?.handle }));
    for (let restart = 0; restart < 2; restart++) {
      aws = await start(aws);
      QueueUrl = await aws.create("work.fifo");
    }
    expect(await send("again", "1")).toMatchObject({
      MessageId: first.MessageId,
      SequenceNumber: first.SequenceNumber,
    });
    const second = await send("two", "2");
    await send("three", "3");
    expect(BigInt(second.SequenceNumber ?? 0)).toBeGreaterThan(BigInt(first.SequenceNumber ?? 0));
    aws = await start(aws);
    expect(bodies(await aws.receive(QueueUrl))).toEqual(["two", "three"]);
  });
});

test("a dead letter of a FIFO queue does not count for the deduplication of its dead-letter queue", async () => {
  let aws = await start();
  const dead = await aws.create("dead.fifo");
  const deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:dead.fifo";
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 1 });
  const work = await aws.create("work.fifo", { RedrivePolicy, VisibilityTimeout: "1" });
  const ids = { MessageGroupId: "g", MessageDeduplicationId: "d" };
  await aws.send(work, "letter", ids);
  await aws.receive(work);
  await aws.clock.advance(1_000);
  await aws.receive(work);
  for (let restart = 0; restart < 2; restart++) aws = await start(aws);
  await aws.send(dead, "sent by hand", ids);
  expect(bodies(await aws.receive(dead))).toEqual(["letter", "sent by hand"]);
});

/** SQS in a process of its own, which ends with this one. */
async function spawnSqs(shellPrefix = ""): Promise<{ child: ChildProcess; client: SQSClient }> {
  const module = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const source = `
    process.stdin.on("end", () => process.exit()).resume();
    const { systemClock } = await import(${module("../clock.ts")});
    const { listen } = await import(${module("../wire/server.ts")});
    const { openSqs } = await import(${module("./service.ts")});
    let url = "";
    const sqs = await openSqs({
      clock: systemClock(), region: "us-east-1", accountId: "000000000000", baseUrl: () => url, dir: process.argv[1],
      onFailure: () => {},
    });
    const server = await listen([sqs.service], { port: 0, onFault: () => {} });
    url = server.url;
    console.log(url);
  `;
  const script = `${shellPrefix} exec "$0" --input-type=module --eval "$1" "$2"`;
  const child = spawn("sh", ["-c", script, process.execPath, source, dir], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  if (!child.stdout) throw new Error("The child has no stdout.");
  const [line] = await once(child.stdout, "data");
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const endpoint = String(line).trim();
  return { child, client: new SQSClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 }) };
}

/** Everything that a queue on this disk still has. */
async function everything(name: string): Promise<Set<string>> {
  const aws = await startSqs({ dir, clock: virtualClock(Date.now() + 3_600_000) });
  fixtures.push(aws);
  const messages = await aws.sqs.source(name).receive({ max: Number.POSITIVE_INFINITY, waitMs: 0 });
  return new Set(messages.map(({ messageId }) => messageId));
}

describe("a process that is killed with SIGKILL under load", () => {
  test("loses nothing that it acknowledged, and brings nothing back that was deleted", async () => {
    const { child, client } = await spawnSqs();
    const QueueUrl = "/work";
    await client.send(new CreateQueueCommand({ QueueName: "work" }));
    const sent = new Set<string>();
    const touched = new Set<string>();
    const deleted = new Set<string>();
    const produce = async (): Promise<void> => {
      for (;;) {
        const Entries = Array.from("abcdefghij", (Id) => ({ Id, MessageBody: `${Id} `.repeat(1_000) }));
        const { Successful } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
        for (const { MessageId } of Successful ?? []) sent.add(MessageId ?? "");
        if (sent.size >= 3_000) child.kill("SIGKILL");
      }
    };
    const consume = async (): Promise<void> => {
      for (;;) {
        const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 5, WaitTimeSeconds: 1 });
        const { Messages = [] } = await client.send(receive);
        if (Messages.length === 0) continue;
        for (const { MessageId } of Messages) touched.add(MessageId ?? "");
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
        for (const { MessageId } of Messages) deleted.add(MessageId ?? "");
      }
    };
    await Promise.allSettled([produce(), produce(), produce(), consume(), consume()]);
    const kept = await everything("work");
    expect(sent.size).toBeGreaterThanOrEqual(3_000);
    expect(deleted.size).toBeGreaterThan(100);
    expect([...sent].filter((id) => !touched.has(id) && !kept.has(id))).toEqual([]);
    expect([...deleted].filter((id) => kept.has(id))).toEqual([]);
  });
});

describe("a disk that is full", () => {
  test("refuses messages that are then neither delivered nor there after a restart, nor taken for duplicates", async () => {
    // A limit on the size of files stands for the full disk.
    const { child, client } = await spawnSqs('trap "" XFSZ; ulimit -f 64;');
    const QueueUrl = "/work.fifo";
    await client.send(new CreateQueueCommand({ QueueName: "work.fifo", Attributes: { FifoQueue: "true" } }));
    const acknowledged: string[] = [];
    let refusals = 0;
    for (let index = 0; refusals < 5; index++) {
      const id = `${index - refusals}`;
      const command = new SendMessageCommand({
        QueueUrl,
        MessageBody: "x".repeat(2_000),
        MessageGroupId: id,
        MessageDeduplicationId: id,
      });
      await client.send(command).then(
        ({ MessageId }) => acknowledged.push(MessageId ?? ""),
        (error) => {
          expect(error).toMatchObject({ name: "ServiceUnavailable", $metadata: { httpStatusCode: 503 } });
          refusals++;
        },
      );
    }
    const counted = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    expect(counted.Attributes?.ApproximateNumberOfMessages).toBe(String(acknowledged.length));
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(acknowledged.length).toBeGreaterThan(5);
    expect([...(await everything("work.fifo"))]).toEqual(acknowledged);
  });
});

test("the journal holds no message twice after it was opened again", async () => {
  const aws = await start();
  const QueueUrl = await aws.create("work");
  for (let index = 0; index < 20; index++) await aws.send(QueueUrl, `${index}`);
  for (const { handle } of await aws.receive(QueueUrl)) {
    await aws.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: handle }));
  }
  await start(aws);
  const lines = (await readFile(join(dir, "journal.jsonl"), "utf8")).trim().split("\n");
  expect(lines).toHaveLength(11);
});
