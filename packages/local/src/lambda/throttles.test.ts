import { setTimeout as pass } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { MemoryFunction, MemoryQueue, succeeded, visibilityMs } from "./event-source-mapping.fixture.ts";
import { type BatchEvent, createEventSourceMapping, type EventSourceMappingOptions } from "./event-source-mapping.ts";
import { answer, testLambda } from "./lambda.fixture.ts";

const slowly = "export const handler = () => new Promise((resolve) => setTimeout(resolve, 80));";

test("a reserved concurrency of 0 switches a function off, and starts no process", async () => {
  const { invoke, lines } = await testLambda("console.log('loaded'); export const handler = () => 1;", {
    config: { reservedConcurrency: 0 },
  });
  expect(await invoke()).toEqual({ kind: "throttled" });
  expect(lines).toEqual([]);
});

test("a function defined again has its new reserved concurrency at once", async () => {
  const { invoke, lambda } = await testLambda(slowly, { config: { reservedConcurrency: 1 } });
  const first = invoke();
  expect((await invoke()).kind).toBe("throttled");
  const config = { handler: "src/worker.handler", timeoutMs: 30_000, memoryMb: 256, environment: {} };
  lambda.define({ name: "worker", ...config, reservedConcurrency: 2 });
  expect((await invoke()).kind).toBe("succeeded");
  expect((await first).kind).toBe("succeeded");
});

test("a failed invocation gives its place back", async () => {
  const { invoke } = await testLambda("export const handler = () => { throw new Error('no'); };", {
    config: { reservedConcurrency: 1 },
  });
  expect([(await invoke()).kind, (await invoke()).kind]).toEqual(["failed", "failed"]);
});

test("a mapping that asks for more than the reserved concurrency loses no message", async () => {
  const clock = virtualClock(0);
  // The clock runs ahead of the processes: a long timeout keeps it from killing them.
  const config = { reservedConcurrency: 1, timeoutMs: 900_000 };
  const { lambda, invoke } = await testLambda(slowly, { config, lambda: { clock, idleMs: 86_400_000 } });
  const queue = new MemoryQueue(clock);
  const events: BatchEvent[] = [];
  const options = { functionName: "worker", batchSize: 1, windowMs: 0, maximumConcurrency: 5, region: "eu-central-1" };
  const onBatch = (event: BatchEvent) => events.push(event);
  let throttles = 0;
  const watched = {
    ...lambda,
    async invoke(name: string, payload: string) {
      const invocation = await lambda.invoke(name, payload);
      if (invocation.kind === "throttled") throttles++;
      return invocation;
    },
  };
  const mapping = createEventSourceMapping({ ...options, clock, source: queue, lambda: watched, onBatch });
  onTestFinished(() => mapping.stop());
  expect(answer(await invoke())).toBe(null);
  queue.send("a", "b", "c", "d", "e");
  mapping.start();
  for (let steps = 0; steps < 3000 && Object.keys(queue.left()).length > 0; steps++) {
    await clock.advance(500);
    await pass(8);
  }
  expect(queue.left()).toEqual({});
  const ended = events.flatMap((event) => (event.kind === "finished" ? [event.invocation.kind] : []));
  expect(ended.filter((kind) => kind === "succeeded")).toHaveLength(5);
  expect(throttles).toBeGreaterThan(0);
});

function setup(options: Partial<EventSourceMappingOptions> = {}) {
  const clock = virtualClock(1_000_000);
  const queue = new MemoryQueue(clock);
  const lambda = new MemoryFunction(clock);
  const events: BatchEvent[] = [];
  const mapping = createEventSourceMapping({
    clock,
    source: queue,
    lambda,
    functionName: "worker",
    batchSize: 1,
    windowMs: 0,
    visibilityTimeoutMs: visibilityMs,
    region: "eu-central-1",
    onBatch: (event) => events.push(event),
    ...options,
  });
  lambda.answerAtOnce = { kind: "throttled" };
  onTestFinished(() => mapping.stop());
  return { clock, queue, lambda, events, mapping };
}

test("a throttled batch is tried again, more rarely each time, until its messages are visible to others", async () => {
  const { clock, queue, lambda, events, mapping } = setup();
  queue.send("a");
  mapping.start();
  await clock.advance(visibilityMs - 1);
  expect(lambda.invocations.map(({ atMs }) => atMs - 1_000_000)).toEqual([0, 1000, 3000, 7000, 15_000]);
  expect(queue.left()).toEqual({ a: 1 });
  expect(events).toHaveLength(1);
  await clock.advance(1002);
  expect(events[1]).toMatchObject({ kind: "finished", failedMessageIds: ["a"], invocation: { kind: "throttled" } });
  expect(queue.left()).toEqual({ a: 2 });
});

test("a batch that was throttled is done as soon as there is room, and was received once", async () => {
  const { clock, queue, lambda, events, mapping } = setup();
  queue.send("a");
  mapping.start();
  await clock.advance(2000);
  lambda.answerAtOnce = succeeded("null");
  await clock.advance(1000);
  expect(queue.left()).toEqual({});
  expect(events.map((event) => event.kind)).toEqual(["started", "finished"]);
});

test("throttles leave messages in the queue: fewer batches are received while they last, and more again afterwards", async () => {
  const { clock, queue, lambda, mapping } = setup();
  queue.send(...Array.from({ length: 40 }, (_, index) => `m${index}`));
  mapping.start();
  await clock.advance(visibilityMs - 1);
  const received = Object.values(queue.left()).filter((receives) => receives > 0);
  expect(received.length).toBeLessThanOrEqual(5);
  lambda.answerAtOnce = succeeded("null");
  await clock.advance(2 * visibilityMs);
  expect(queue.left()).toEqual({});
});

test("a mapping that is disabled gives up its throttled batches at once", async () => {
  const { clock, queue, events, mapping } = setup();
  queue.send("a");
  mapping.start();
  await clock.advance(20_000);
  await mapping.stop();
  expect(events.at(-1)).toMatchObject({ kind: "finished", invocation: { kind: "throttled" } });
  expect(queue.left()).toEqual({ a: 1 });
});
