import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { listen } from "../wire/server.ts";
import { openSqs } from "./service.ts";

const clock = virtualClock(Date.UTC(2026, 10, 20));
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tendril-sqs-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** SQS on the same folder as before; `close` leaves what is in flight as a kill would. */
async function open() {
  let url = "";
  const sqs = await openSqs({ clock, region: "us-east-1", accountId: "000000000000", baseUrl: () => url, dir });
  const server = await listen([sqs.service], { port: 0 });
  url = server.url;
  const credentials = { accessKeyId: "a", secretAccessKey: "a" };
  const client = new SQSClient({ endpoint: url, region: "us-east-1", credentials });
  await client.send(new CreateQueueCommand({ QueueName: "jobs", Attributes: { VisibilityTimeout: "240" } }));
  const close = async (): Promise<void> => {
    await server.close();
    await sqs.close();
  };
  return { client, source: sqs.source("jobs"), QueueUrl: `${url}/000000000000/jobs`, close };
}

async function bodies(source: Awaited<ReturnType<typeof open>>["source"]): Promise<string[]> {
  return (await source.receive({ max: 10, waitMs: 0 })).map((message) => message.body).sort();
}

test("what a reader of a killed process held is visible at once after the restart, with its receive count", async () => {
  const { client, source, QueueUrl, close } = await open();
  for (const MessageBody of ["polled", "delayed"]) await client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  const received = await source.receive({ max: 10, waitMs: 0 });
  const ReceiptHandle = received.find((message) => message.body === "delayed")?.receiptHandle;
  await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 60 }));
  await close();

  const again = await open();
  const [message, ...others] = await again.source.receive({ max: 10, waitMs: 0 });
  expect(others).toEqual([]);
  expect(message).toMatchObject({ body: "polled", attributes: { ApproximateReceiveCount: "2" } });
  await clock.advance(61_000);
  expect(await bodies(again.source)).toEqual(["delayed"]);
  await again.close();
});

test("what a client of the wire holds stays in flight over the restart", async () => {
  const { client, QueueUrl, close } = await open();
  await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "held" }));
  await client.send(new ReceiveMessageCommand({ QueueUrl }));
  await close();

  const again = await open();
  expect(await bodies(again.source)).toEqual([]);
  await clock.advance(241_000);
  expect(await bodies(again.source)).toEqual(["held"]);
  await again.close();
});
