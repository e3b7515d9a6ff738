import { setTimeout as pass } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { MemoryQueue } from "./event-source-mapping.fixture.ts";
import { type BatchEvent, createEventSourceMapping } from "./event-source-mapping.ts";
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
  const mapping = createEventSourceMapping({ ...options, clock, source: queue, lambda, onBatch });
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
  expect(ended).toContain("throttled");
});
