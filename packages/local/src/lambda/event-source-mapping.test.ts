import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemClock, virtualClock } from "../clock.ts";
import { error, MemoryFunction, MemoryQueue, run, succeeded, visibilityMs } from "./event-source-mapping.fixture.ts";
import { type BatchEvent, createEventSourceMapping, type EventSourceMappingOptions } from "./event-source-mapping.ts";
import type { Invocation } from "./invocation.ts";
import { testLambda } from "./lambda.fixture.ts";

function setup(options: Partial<EventSourceMappingOptions> & { queueName?: string } = {}) {
  const clock = virtualClock(1_000_000);
  const queue = new MemoryQueue(clock, options.queueName);
  const lambda = new MemoryFunction(clock);
  const events: BatchEvent[] = [];
  const errors: unknown[] = [];
  const mapping = createEventSourceMapping({
    clock,
    source: queue,
    lambda,
    functionName: "worker",
    batchSize: 10,
    windowMs: 0,
    maximumConcurrency: 4,
    region: "eu-central-1",
    onBatch: (event) => events.push(event),
    onError: (each) => errors.push(each),
    ...options,
  });
  onTestFinished(async () => {
    lambda.answerAtOnce = succeeded("null");
    for (const invocation of lambda.invocations) invocation.end();
    await mapping.stop();
  });
  return { clock, queue, lambda, events, errors, mapping };
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);

test("messages that wait go into one batch, and those that are done are deleted", async () => {
  const { queue, lambda, mapping, events } = setup();
  queue.send("a", "b", "c");
  mapping.start();
  await turn();
  expect(lambda.batches()).toEqual([["a", "b", "c"]]);
  lambda.invocations[0]?.end();
  await turn();
  expect(queue.left()).toEqual({});
  expect(events).toEqual([
    { kind: "started", messageIds: ["a", "b", "c"] },
    { kind: "finished", messageIds: ["a", "b", "c"], failedMessageIds: [], invocation: succeeded("null") },
  ]);
});

test("messages reported as failed stay, and are delivered again after their visibility timeout", async () => {
  const { clock, queue, lambda, mapping, events } = setup();
  lambda.answerAtOnce = succeeded('{"batchItemFailures":[{"itemIdentifier":"b"}]}');
  queue.send("a", "b", "c");
  mapping.start();
  await turn();
  expect(queue.left()).toEqual({ b: 1 });
  expect(events[1]).toMatchObject({ kind: "finished", failedMessageIds: ["b"] });
  await clock.advance(visibilityMs - 1);
  expect(lambda.batches()).toHaveLength(1);
  await clock.advance(20_000);
  expect(lambda.batches()[1]).toEqual(["b"]);
});

test.each<[string, Invocation]>([
  ["an unreadable answer", succeeded('{"batchItemFailures":[{"itemIdentifier":"z"}]}')],
  ["an error", { kind: "failed", ...error, ...run }],
  ["a timeout", { kind: "timed-out", ...error, ...run }],
  ["a crash", { kind: "crashed", ...error, ...run }],
  ["a module that does not load", { kind: "init-failed", ...error }],
])("%s leaves the whole batch in the queue", async (_, invocation) => {
  const { queue, lambda, mapping, events } = setup();
  lambda.answerAtOnce = invocation;
  queue.send("a", "b");
  mapping.start();
  await turn();
  expect(queue.left()).toEqual({ a: 1, b: 1 });
  expect(events[1]).toMatchObject({ kind: "finished", failedMessageIds: ["a", "b"], invocation });
  expect("malformed" in (events[1] ?? {})).toBe(invocation.kind === "succeeded");
});

test("a batch is never larger than its size", async () => {
  const { queue, lambda, mapping } = setup({ batchSize: 3 });
  queue.send(...names(4));
  mapping.start();
  await turn();
  lambda.invocations[0]?.end();
  await turn();
  expect(lambda.batches()).toEqual([["m0", "m1", "m2"], ["m3"]]);
});

test("with a window a batch waits to be filled, from its first message on", async () => {
  const { clock, queue, lambda, mapping } = setup({ windowMs: 5000, batchSize: 3 });
  mapping.start();
  await clock.advance(7000);
  queue.send("a");
  await clock.advance(4000);
  queue.send("b");
  await clock.advance(999);
  expect(lambda.batches()).toEqual([]);
  await clock.advance(1);
  expect(lambda.batches()).toEqual([["a", "b"]]);
});

test("a batch of thousands is gathered by receives of ten", async () => {
  const { queue, lambda, mapping } = setup({ windowMs: 1000, batchSize: 10_000 });
  queue.send(...names(10_001));
  mapping.start();
  await vi.waitFor(() => expect(lambda.batches()).toHaveLength(1), 10_000);
  expect(lambda.batches()[0]).toHaveLength(10_000);
  expect(Math.max(...queue.receives.map(({ max }) => max))).toBe(10);
});

test("a batch stops gathering when Lambda's payload is full, long before its size and its window", async () => {
  const { queue, lambda, mapping } = setup({ windowMs: 300_000, batchSize: 10_000 });
  for (const name of names(100)) queue.put(name, { body: "x".repeat(250_000) });
  mapping.start();
  await turn();
  const [first = [], second = []] = lambda.batches();
  expect([first.length, second.length]).toEqual([25, 5]);
  expect(Object.values(queue.left()).filter((receives) => receives > 0).length).toBeLessThan(100);
});

test("a batch that is full before its window is over starts at once", async () => {
  const { queue, lambda, mapping } = setup({ windowMs: 300_000, batchSize: 2 });
  mapping.start();
  queue.send("a");
  await turn();
  expect(lambda.batches()).toEqual([]);
  queue.send("b");
  await turn();
  expect(lambda.batches()).toEqual([["a", "b"]]);
});

test("no long poll is longer than 20 seconds", async () => {
  const { clock, queue, mapping } = setup({ windowMs: 300_000 });
  mapping.start();
  await turn();
  queue.send("a");
  await clock.advance(60_000);
  expect(queue.receives.length).toBeGreaterThan(3);
  expect(Math.max(...queue.receives.map((receive) => receive.waitMs))).toBe(20_000);
});

test("five batches run at once when messages wait, and one more each fifth of a second: 300 more a minute", async () => {
  const { clock, queue, lambda, mapping } = setup({ batchSize: 1, maximumConcurrency: 1000 });
  queue.send(...names(500));
  mapping.start();
  await turn();
  expect(lambda.batches()).toHaveLength(5);
  await clock.advance(199);
  expect(lambda.batches()).toHaveLength(5);
  await clock.advance(1);
  expect(lambda.batches()).toHaveLength(6);
  await clock.advance(59_800);
  expect(lambda.batches()).toHaveLength(305);
});

test("no more batches run at once than the maximum concurrency", async () => {
  const { clock, queue, lambda, mapping } = setup({ batchSize: 1, maximumConcurrency: 3 });
  queue.send(...names(20));
  mapping.start();
  await clock.advance(60_000);
  expect(lambda.batches()).toHaveLength(3);
  for (const invocation of lambda.invocations) invocation.end();
  await turn();
  expect(lambda.batches()).toHaveLength(6);
});

test("after a batch that was not full, messages wait a quarter of a second for its environment, then get one of their own", async () => {
  const { clock, queue, lambda, mapping } = setup({ maximumConcurrency: 2 });
  mapping.start();
  queue.send("long");
  await turn();
  queue.send("second");
  await clock.advance(249);
  expect(lambda.batches()).toEqual([["long"]]);
  await clock.advance(1);
  expect(lambda.batches()).toEqual([["long"], ["second"]]);
  queue.send("third");
  await clock.advance(60_000);
  expect(lambda.batches()).toHaveLength(2);
  expect(queue.left()).toMatchObject({ third: 0 });
  lambda.invocations[1]?.end();
  await clock.advance(250);
  expect(lambda.batches()[2]).toContain("third");
});

test("while a long batch runs, a message that finds the queue empty does not wait", async () => {
  const { clock, queue, lambda, mapping } = setup();
  mapping.start();
  queue.send("long");
  await clock.advance(25_000);
  queue.send("second");
  await turn();
  expect(lambda.batches()).toEqual([["long"], ["second"]]);
});

test("an empty queue brings it back to five batches at once", async () => {
  const { clock, queue, lambda, mapping } = setup({ batchSize: 1, maximumConcurrency: 100 });
  queue.send(...names(20));
  mapping.start();
  await clock.advance(10_000);
  expect(lambda.batches()).toHaveLength(20);
  for (const invocation of lambda.invocations) invocation.end();
  await clock.advance(30_000);
  expect(queue.left()).toEqual({});
  queue.send(...names(20));
  await clock.advance(100);
  expect(lambda.batches()).toHaveLength(25);
});

test("a batch of more than 6 MB is split", async () => {
  const { queue, lambda, mapping } = setup();
  lambda.answerAtOnce = succeeded("null");
  queue.send(..."abcdefgh".split("").map((letter) => letter.repeat(1_000_000)));
  mapping.start();
  await turn();
  // Each body is there twice: as message id and as body.
  expect(lambda.invocations.map(({ ids }) => ids.map((id) => id[0]).join(""))).toEqual(["ab", "cd", "ef", "gh"]);
  expect(queue.left()).toEqual({});
});

test("what follows a failure in a split batch of a FIFO queue is not run", async () => {
  const { queue, lambda, mapping } = setup({ queueName: "jobs.fifo" });
  lambda.answerAtOnce = { kind: "failed", ...error, ...run };
  queue.send(..."abcd".split("").map((letter) => letter.repeat(1_000_000)));
  mapping.start();
  await turn();
  expect(lambda.invocations).toHaveLength(1);
  expect(Object.keys(queue.left())).toHaveLength(4);
});

test("nothing is received while the function does not load", async () => {
  const { clock, queue, lambda, mapping } = setup();
  lambda.loads = false;
  queue.send("a");
  mapping.start();
  await clock.advance(120_000);
  expect(queue.left()).toEqual({ a: 0 });
  lambda.loads = true;
  mapping.resume();
  await turn();
  expect(lambda.batches()).toEqual([["a"]]);
});

test("a reload to code that does not load ends the long poll before a message is taken, one that loads goes on", async () => {
  const { clock, queue, lambda, mapping } = setup();
  mapping.start();
  await turn();
  lambda.loads = false;
  lambda.reload();
  await turn();
  queue.send("a");
  await clock.advance(60_000);
  expect(queue.left()).toEqual({ a: 0 });
  lambda.loads = true;
  lambda.reload();
  await turn();
  expect(lambda.batches()).toEqual([["a"]]);
});

test("a batch whose function turns out not to load is the last one", async () => {
  const { clock, queue, lambda, mapping } = setup();
  mapping.start();
  queue.send("a");
  await turn();
  lambda.loads = false;
  lambda.invocations[0]?.end({ kind: "init-failed", ...error });
  await turn();
  queue.send("b");
  await clock.advance(60_000);
  expect(queue.left()).toEqual({ a: 1, b: 0 });
});

test("a queue that fails is asked again after a second", async () => {
  const { clock, queue, lambda, mapping, errors } = setup();
  queue.failure = new Error("gone");
  mapping.start();
  await clock.advance(3500);
  expect(errors).toHaveLength(4);
  expect(errors[0]).toBe(queue.failure);
  queue.failure = undefined;
  queue.send("a");
  await clock.advance(1000);
  expect(lambda.batches()).toEqual([["a"]]);
});

test("a delete that fails is told, and the mapping goes on", async () => {
  const { queue, lambda, mapping, errors } = setup();
  queue.send("a");
  mapping.start();
  await turn();
  queue.failure = new Error("gone");
  lambda.invocations[0]?.end();
  await turn();
  expect(errors).toContain(queue.failure);
  expect(queue.left()).toEqual({ a: 1 });
});

test("stop receives no more and waits for the batches that run", async () => {
  const { clock, queue, lambda, mapping } = setup();
  mapping.start();
  queue.send("a");
  await turn();
  let isStopped = false;
  const stopped = mapping.stop().then(() => {
    isStopped = true;
  });
  queue.send("b");
  await clock.advance(60_000);
  expect(isStopped).toBe(false);
  lambda.invocations[0]?.end();
  await stopped;
  expect(queue.left()).toEqual({ b: 0 });
});

test("stop does not wait for a module that is loading", async () => {
  const { lambda, mapping } = setup();
  lambda.warm = () => new Promise(() => {});
  mapping.start();
  await turn();
  await mapping.stop();
  expect(lambda.batches()).toEqual([]);
});

test("stop runs the batch that is being filled", async () => {
  const { queue, lambda, mapping } = setup({ windowMs: 300_000 });
  lambda.answerAtOnce = succeeded("null");
  mapping.start();
  queue.send("a");
  await turn();
  await mapping.stop();
  expect(queue.left()).toEqual({});
});

test("a mapping that is started while it stops goes on", async () => {
  const { queue, lambda, mapping } = setup({ batchSize: 1 });
  mapping.start();
  queue.send("a");
  await turn();
  const stopped = mapping.stop();
  mapping.start();
  queue.send("b");
  await turn();
  expect(lambda.batches()).toEqual([["a"], ["b"]]);
  for (const invocation of lambda.invocations) invocation.end();
  await stopped;
  queue.send("c");
  await turn();
  expect(lambda.batches()[2]).toEqual(["c"]);
});

test.each<[string, Partial<EventSourceMappingOptions> & { queueName?: string }]>([
  [
    "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    { batchSize: 11 },
  ],
  ["Batching window is not supported for FIFO queues", { windowMs: 1000, queueName: "jobs.fifo" }],
  ["A batch has 1 to 10000 messages, not 10001", { batchSize: 10_001, windowMs: 1000 }],
  ["A batch has 1 to 10000 messages, not 0", { batchSize: 0 }],
  ["A window is whole seconds up to 300, not 301", { windowMs: 301_000 }],
  ["A window is whole seconds up to 300, not 0.5", { windowMs: 500 }],
  ["The maximum concurrency is at most 1000, not 1001", { maximumConcurrency: 1001 }],
  ["The maximum concurrency is at most 1000, not 0", { maximumConcurrency: 0 }],
])("a mapping is refused: %s", (reason, options) => {
  expect(() => setup(options)).toThrow(reason);
});

test("a mapping that was stopped can be started again", async () => {
  const { queue, lambda, mapping } = setup();
  mapping.start();
  await mapping.stop();
  mapping.start();
  queue.send("a");
  await turn();
  expect(lambda.batches()).toEqual([["a"]]);
});

test("a real function runs the batches, through a reload that does not load and one that does", async () => {
  const good = (mark: string) => `
    export const handler = async (event: { Records: { messageId: string; eventSource: string }[] }) => {
      console.log("${mark}", event.Records.map((record) => record.messageId + " " + record.eventSource).join());
      const failed = event.Records.filter((record) => record.messageId.startsWith("bad"));
      return { batchItemFailures: failed.map((record) => ({ itemIdentifier: record.messageId })) };
    };`;
  const { lambda, project, lines, initErrors } = await testLambda(good("first"));
  const clock = systemClock();
  const queue = new MemoryQueue(clock);
  const mapping = createEventSourceMapping({
    clock,
    source: queue,
    lambda,
    functionName: "worker",
    batchSize: 10,
    windowMs: 0,
    maximumConcurrency: 2,
    region: "eu-central-1",
  });
  onTestFinished(() => mapping.stop());
  queue.send("good1", "bad1");
  mapping.start();
  await vi.waitFor(() => expect(queue.left()).toEqual({ bad1: 1 }), 10_000);
  expect(lines.map((line) => line.text)).toEqual(["first good1 aws:sqs,bad1 aws:sqs"]);
  await project.write("src/worker.ts", "export const handler = async (");
  lambda.reload();
  await vi.waitFor(() => expect(initErrors).toHaveLength(1), 10_000);
  queue.send("good2");
  await project.write("src/worker.ts", good("second"));
  expect(queue.left()).toEqual({ bad1: 1, good2: 0 });
  lambda.reload();
  await vi.waitFor(() => expect(queue.left()).toEqual({ bad1: 1 }), 10_000);
  expect(lines.at(-1)?.text).toBe("second good2 aws:sqs");
});
