import { setImmediate as turn } from "node:timers/promises";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import type { SQSEvent } from "aws-lambda";
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { startSqs } from "../sqs/fixture.ts";
import { MemoryFunction, succeeded } from "./event-source-mapping.fixture.ts";
import { type BatchEvent, createEventSourceMapping, type EventSourceMappingOptions } from "./event-source-mapping.ts";
import { testLambda } from "./lambda.fixture.ts";

const visibilityMs = 60_000;

/** A mapping of a queue of the local SQS, on a clock that stands until it is moved. */
async function setup({ name = "jobs", ...options }: Partial<EventSourceMappingOptions> & { name?: string } = {}) {
  const aws = await startSqs();
  onTestFinished(() => aws.close());
  const { clock, sqs } = aws;
  const url = await aws.create(name, { VisibilityTimeout: String(visibilityMs / 1000) });
  const lambda = new MemoryFunction(clock);
  const events: BatchEvent[] = [];
  const mapping = createEventSourceMapping({
    clock,
    source: sqs.source(name),
    lambda,
    functionName: "worker",
    batchSize: 10,
    windowMs: 0,
    region: "us-east-1",
    onBatch: (event) => events.push(event),
    ...options,
  });
  onTestFinished(async () => {
    lambda.answerAtOnce = succeeded("null");
    for (const invocation of lambda.invocations) invocation.end();
    await mapping.stop();
  });
  const counts = async (): Promise<{ visible: number; inFlight: number }> => {
    const { Attributes } = await aws.client.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }),
    );
    const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = Attributes ?? {};
    return { visible: Number(ApproximateNumberOfMessages), inFlight: Number(ApproximateNumberOfMessagesNotVisible) };
  };
  let sent = 0;
  const send = (body: string, group?: string) =>
    aws.send(url, body, group ? { MessageGroupId: group, MessageDeduplicationId: `d${sent++}` } : {});
  return { aws, clock, url, lambda, events, mapping, send, counts };
}

const failures = (ids: readonly string[]) =>
  succeeded(JSON.stringify({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) }));

const batches = (lambda: MemoryFunction): string[][] => lambda.invocations.map(({ bodies }) => bodies);

test("a done message is deleted long before its visibility ends, a failed one comes back after it, counted twice", async () => {
  const { aws, clock, url, lambda, mapping, send, counts } = await setup();
  await send("good");
  await send("bad");
  mapping.start();
  await turn();
  const [first] = lambda.invocations;
  first?.end(failures([first.ids[1] ?? ""]));
  await turn();
  expect(await counts()).toEqual({ inFlight: 1, visible: 0 });
  await clock.advance(visibilityMs - 1);
  expect(batches(lambda)).toEqual([["good", "bad"]]);
  await mapping.stop();
  await clock.advance(1);
  const [left] = await aws.receive(url);
  expect([left?.body, left?.attributes.ApproximateReceiveCount]).toEqual(["bad", "2"]);
});

test("a message that fails as often as its queue allows is dead-lettered", async () => {
  const { aws, clock, lambda } = await setup();
  const deadUrl = await aws.create("dead");
  const deadLetterTargetArn = aws.sqs.source("dead").queueArn;
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 });
  const redriven = await aws.create("redriven", { RedrivePolicy });
  const source = aws.sqs.source("redriven");
  const redrivenMapping = createEventSourceMapping({
    ...{ clock, source, lambda, functionName: "worker", batchSize: 1, windowMs: 0, region: "us-east-1" },
  });
  onTestFinished(() => redrivenMapping.stop());
  lambda.answerAtOnce = succeeded('{"batchItemFailures":[{"itemIdentifier":""}]}');
  await aws.send(redriven, "poison");
  redrivenMapping.start();
  await clock.advance(200_000);
  expect(batches(lambda)).toEqual([["poison"], ["poison"], ["poison"]]);
  expect((await aws.receive(deadUrl)).map(({ body }) => body)).toEqual(["poison"]);
});

test("of a FIFO queue as many batches run at once as groups have messages, one of each group", async () => {
  const { clock, lambda, mapping, send } = await setup({ name: "jobs.fifo", batchSize: 1 });
  for (const number of [1, 2, 3]) for (const group of ["a", "b", "c"]) await send(`${group}${number}`, group);
  mapping.start();
  await clock.advance(visibilityMs - 1);
  expect(batches(lambda)).toEqual([["a1"], ["b1"], ["c1"]]);
  lambda.invocations[1]?.end();
  await turn();
  expect(batches(lambda).slice(3)).toEqual([["b2"]]);
});

test("a failed message of a FIFO queue holds those behind it back, and no other group", async () => {
  const { clock, lambda, mapping, send } = await setup({ name: "jobs.fifo" });
  await send("a1", "a");
  await send("b1", "b");
  mapping.start();
  await turn();
  const [first] = lambda.invocations;
  first?.end(failures([first.ids[0] ?? ""]));
  await turn();
  lambda.answerAtOnce = succeeded("null");
  await send("a2", "a");
  await send("b2", "b");
  await clock.advance(visibilityMs - 10);
  expect(batches(lambda)).toEqual([["a1", "b1"], ["b2"]]);
  await clock.advance(30_000);
  expect(batches(lambda).slice(2)).toEqual([["a1", "a2"]]);
});

test("whatever fails, the messages of a FIFO group are done in their order", async () => {
  const message = fc.record({ group: fc.constantFrom("a", "b", "c"), failures: fc.integer({ min: 0, max: 2 }) });
  const anyRun = fc.record({
    messages: fc.array(message, { minLength: 1, maxLength: 25 }),
    batchSize: fc.integer({ min: 1, max: 10 }),
    maximumConcurrency: fc.integer({ min: 1, max: 8 }),
  });
  const inOrder = fc.asyncProperty(anyRun, async ({ messages, ...numbers }) => {
    const { clock, lambda, mapping, send } = await setup({ name: "jobs.fifo", ...numbers });
    const done: number[] = [];
    const failed = messages.map(() => 0);
    const inFlight = new Set<string>();
    const invoke = async (_: string, payload: string) => {
      const { Records } = JSON.parse(payload) as SQSEvent;
      const groups = new Set(Records.map((record) => record.attributes.MessageGroupId ?? ""));
      for (const group of groups) expect(inFlight.has(group)).toBe(false);
      for (const group of groups) inFlight.add(group);
      await new Promise<void>((resolve) => clock.at(clock.now() + 700, resolve));
      for (const group of groups) inFlight.delete(group);
      const broken = new Set<string>();
      const ids = Records.filter(({ attributes: { MessageGroupId = "" }, body }) => {
        const number = Number(body);
        if (!broken.has(MessageGroupId) && (failed[number] ?? 0) >= (messages[number]?.failures ?? 0)) {
          done.push(number);
          return false;
        }
        if (!broken.has(MessageGroupId)) failed[number] = (failed[number] ?? 0) + 1;
        broken.add(MessageGroupId);
        return true;
      });
      return failures(ids.map(({ messageId }) => messageId));
    };
    lambda.invoke = invoke;
    for (const [number, { group }] of messages.entries()) await send(String(number), group);
    mapping.start();
    for (let steps = 0; steps < 200 && done.length < messages.length; steps++) await clock.advance(visibilityMs);
    await mapping.stop();
    for (const group of ["a", "b", "c"]) {
      const numbersOf = (all: readonly number[]) => all.filter((number) => messages[number]?.group === group);
      expect(numbersOf(done)).toEqual(numbersOf([...messages.keys()]));
    }
  });
  await fc.assert(inOrder, { numRuns: 15 });
});

test("a mapping can be disabled and enabled while it runs: messages wait untouched in the queue", async () => {
  const { aws, clock, url, lambda, mapping, send, counts } = await setup({ batchSize: 1 });
  lambda.answerAtOnce = succeeded("null");
  await send("a");
  mapping.start();
  await turn();
  await mapping.stop();
  await send("b");
  await clock.advance(300_000);
  expect(batches(lambda)).toEqual([["a"]]);
  expect(await counts()).toEqual({ visible: 1, inFlight: 0 });
  mapping.start();
  await turn();
  expect(batches(lambda)).toEqual([["a"], ["b"]]);
  expect(await aws.receive(url)).toEqual([]);
});

test("a process that crashes in the middle of a batch loses nothing, and the next one runs the batch again", async () => {
  const { aws, clock, send, counts } = await setup();
  const { lambda, lines } = await testLambda(
    `export const handler = async (event) => {
      for (const { body, attributes } of event.Records) {
        console.log(body, attributes.ApproximateReceiveCount);
        if (body === "2" && attributes.ApproximateReceiveCount === "1") process.kill(process.pid, "SIGKILL");
      }
    };`,
    { lambda: { clock }, config: { timeoutMs: 900_000 } },
  );
  const events: BatchEvent[] = [];
  const mapping = createEventSourceMapping({
    ...{ clock, source: aws.sqs.source("jobs"), lambda, functionName: "worker", batchSize: 10, windowMs: 0 },
    region: "us-east-1",
    onBatch: (event) => events.push(event),
  });
  onTestFinished(() => mapping.stop());
  for (const body of ["1", "2", "3"]) await send(body);
  mapping.start();
  await vi.waitFor(() => expect(events).toHaveLength(2), 10_000);
  expect(events[1]).toMatchObject({ kind: "finished", invocation: { kind: "crashed" } });
  expect(await counts()).toEqual({ inFlight: 3, visible: 0 });
  await clock.advance(visibilityMs);
  await vi.waitFor(() => expect(events).toHaveLength(4), 10_000);
  expect(await counts()).toEqual({ inFlight: 0, visible: 0 });
  expect(lines.map(({ text }) => text)).toEqual(["1 1", "2 1", "1 2", "2 2", "3 2"]);
});

test("a batch has a trace of its own, and the handler finds those of its messages", async () => {
  const { aws, clock, url } = await setup();
  const { lambda, lines } = await testLambda(
    "export const handler = (event) => console.log(process.env._X_AMZN_TRACE_ID, event.Records[0].attributes.AWSTraceHeader);",
    { lambda: { clock }, config: { timeoutMs: 900_000 } },
  );
  const mapping = createEventSourceMapping({
    ...{ clock, source: aws.sqs.source("jobs"), lambda, functionName: "worker", batchSize: 10, windowMs: 0 },
    region: "us-east-1",
  });
  onTestFinished(() => mapping.stop());
  const header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
  await aws.send(url, "x", {
    MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: header } },
  });
  mapping.start();
  await vi.waitFor(() => expect(lines).toHaveLength(1), 10_000);
  const [own, sent] = lines[0]?.text.split(" ") ?? [];
  expect(sent).toBe(header);
  expect(own).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/);
  expect(own).not.toContain("5759e988");
});
