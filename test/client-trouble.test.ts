/** What the client does when SQS is in trouble: the part of a batch that was not taken is sent again, and nothing else. */
import { SendMessageBatchCommand, type SendMessageBatchCommandInput, SQSClient } from "@aws-sdk/client-sqs";
import { createClient } from "@tendril/client/client";
import type { QueueLink } from "@tendril/core/link";
import { IncrementJob } from "@tendril/jobs/increment-job";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jobOf, openTestSqs, type TestSqs } from "./open-queue.ts";
import { type FaultyWire, openFaultyWire } from "./support/faulty-wire.ts";

let aws: TestSqs;
let queue: QueueLink;
let queueNumber = 0;

beforeAll(async () => {
  aws = await openTestSqs();
});
afterAll(() => aws.close());
beforeEach(async () => {
  queueNumber += 1;
  queue = await aws.createQueue(`jobs-${queueNumber}`);
});

describe("the part of a batch that SQS could not take", () => {
  let wire: FaultyWire;
  let sqs: SQSClient;
  let pauses: number[];

  beforeAll(async () => {
    const { region, credentials, endpoint } = aws.sqs.config;
    const { protocol, hostname, port } = (await endpoint?.()) ?? { protocol: "", hostname: "" };
    wire = await openFaultyWire(`${protocol}//${hostname}:${port}`);
    sqs = new SQSClient({ endpoint: wire.url, region, credentials, useQueueUrlAsEndpoint: false });
  });
  afterEach(() => wire.decide(() => "pass"));
  afterAll(async () => {
    sqs.destroy();
    await wire.close();
  });

  /** The client whose calls SQS answers for these inputs alone as said, so many times. */
  function troubled(inputs: readonly string[], times: number, code = "InternalError", senderFault = false) {
    let left = times;
    pauses = [];
    wire.decide(async ({ action, body }) => {
      if (action !== "SendMessageBatch" || left === 0) return "pass";
      left -= 1;
      const { QueueUrl, Entries }: SendMessageBatchCommandInput = JSON.parse(body);
      const isTroubled = ({ MessageBody = "" }) => inputs.includes(JSON.parse(MessageBody).data);
      const { yes = [], no = [] } = Object.groupBy(Entries ?? [], (entry) => (isTroubled(entry) ? "yes" : "no"));
      const taken = no.length === 0 ? {} : await aws.sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: no }));
      const Failed = yes.map(({ Id }) => ({ Id, Code: code, SenderFault: senderFault }));
      return { status: 200, json: { Successful: "Successful" in taken ? taken.Successful : [], Failed } };
    });
    const sleep = async (ms: number) => void pauses.push(ms);
    return createClient({ sqs, queues: { jobs: queue }, random: () => 0.5, sleep });
  }

  const batchesOf = () => wire.calls.map(({ body }) => JSON.parse(body).Entries.length);
  const inputsOf = async (link = queue) => (await aws.receive(link)).map((message) => jobOf(message).input);

  test("is sent again, and nothing else is", async () => {
    const from = wire.calls.length;
    const results = await troubled(["b", "d"], 1).enqueueAll(IncrementJob, ["a", "b", "c", "d"]);
    expect(results.map(({ kind }) => kind)).toEqual(["enqueued", "enqueued", "enqueued", "enqueued"]);
    expect(batchesOf().slice(from)).toEqual([4, 2]);
    expect((await inputsOf()).sort()).toEqual(["a", "b", "c", "d"]);
  });

  test("is sent three times in all, with longer pauses, and then told", async () => {
    const from = wire.calls.length;
    const results = await troubled(["b"], 9).enqueueAll(IncrementJob, ["a", "b"]);
    expect(results).toMatchObject([
      { kind: "enqueued" },
      { kind: "refused", error: { code: "aws_call_failed", facts: { given: "InternalError" } } },
    ]);
    expect(batchesOf().slice(from)).toEqual([2, 1, 1]);
    expect(pauses).toEqual([25, 50]);
  });

  test("is not sent again when the sender is to blame, unless it has sent too much", async () => {
    const from = wire.calls.length;
    const refused = await troubled(["a"], 9, "InvalidMessageContents", true).enqueueAll(IncrementJob, ["a"]);
    expect(refused).toMatchObject([{ error: { facts: { given: "InvalidMessageContents" } } }]);
    const throttled = await troubled(["a"], 1, "RequestThrottled", true).enqueueAll(IncrementJob, ["a"]);
    expect(throttled).toMatchObject([{ kind: "enqueued" }]);
    expect(batchesOf().slice(from)).toEqual([1, 1, 1]);
  });

  test("of a FIFO queue comes before the batches after it", async () => {
    const fifo = await aws.createQueue(`troubled-${queueNumber}.fifo`, { FifoQueue: "true" });
    queue = fifo;
    const inputs = Array.from({ length: 25 }, (_, index) => `${index}`);
    const results = await troubled(["9"], 2).enqueueAll(IncrementJob, inputs);
    expect(results.every(({ kind }) => kind === "enqueued")).toBe(true);
    expect(await inputsOf(fifo)).toEqual(inputs);
  });

  test("a call that fails as a whole is the SDK's to repeat, three times in all", async () => {
    const from = wire.calls.length;
    wire.decide(() => ({ status: 503, error: "ServiceUnavailable" }));
    const client = createClient({ sqs, queues: { jobs: queue }, sleep: () => Promise.reject(new Error("a pause")) });
    const refused = { code: "aws_call_failed", facts: { given: "ServiceUnavailable" } };
    await expect(client.enqueue(IncrementJob, "a")).rejects.toMatchObject(refused);
    expect(wire.calls.length - from).toBe(3);
  });
});
