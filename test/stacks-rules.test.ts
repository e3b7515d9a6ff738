/** What AWS refuses at deploy, or lets pass and loses jobs by: rules that no one resource knows of. */
import { beforeAll, describe, expect, test } from "vitest";
import { cases, root, threeMinutesMs } from "./support/stacks/cases.ts";
import { byArn, inside, ofType } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import type { Resource, Stack } from "./support/stacks/stack.ts";

beforeAll(() => preparePlatform(root), threeMinutesMs);

interface Feed {
  readonly mapping: Resource;
  readonly queue: Resource;
  readonly dead: Resource;
  readonly worker: Resource;
}

describe.each(cases)("$name", ({ plan, stack: evaluated }) => {
  let stack: Stack;
  let feeds: Feed[];
  beforeAll(async () => {
    stack = await evaluated();
    feeds = ofType(stack, "lambda/eventSourceMapping:EventSourceMapping").map((mapping) => {
      const queue = byArn(stack, "sqs/queue:Queue", mapping.inputs.eventSourceArn);
      const dead = byArn(stack, "sqs/queue:Queue", inside(queue.inputs.redrivePolicy, "deadLetterTargetArn"));
      return { mapping, queue, dead, worker: byArn(stack, "lambda/function:Function", mapping.inputs.functionName) };
    });
    expect(feeds).toHaveLength(plan.queues.length);
  }, threeMinutesMs);

  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  test("a message stays hidden for six of its worker's timeouts and the window", () => {
    for (const { queue, worker, mapping } of feeds) {
      const { maximumBatchingWindowInSeconds: window } = mapping.inputs;
      const needed = 6 * Number(worker.inputs.timeout) + Number(window);
      expect(queue.inputs.visibilityTimeoutSeconds, queue.name).toBeGreaterThanOrEqual(needed);
      expect(queue.inputs.visibilityTimeoutSeconds, queue.name).toBeLessThanOrEqual(43_200);
    }
  });

  test("a batch of more than ten has a window, a FIFO queue's has neither", () => {
    for (const { queue, mapping } of feeds) {
      const { batchSize, maximumBatchingWindowInSeconds: window } = mapping.inputs;
      if (Number(batchSize) > 10) expect(window, queue.name).toBeGreaterThanOrEqual(1);
      if (queue.inputs.fifoQueue === true) expect([Number(batchSize) <= 10, window], queue.name).toEqual([true, 0]);
    }
  });

  test("a dead letter outlives its message's queue, in a queue of the same kind", () => {
    for (const { queue, dead } of feeds) {
      expect(dead.inputs.fifoQueue, dead.name).toBe(queue.inputs.fifoQueue);
      expect(Number(dead.inputs.messageRetentionSeconds), dead.name).toBeGreaterThan(
        Number(queue.inputs.messageRetentionSeconds),
      );
      expect(dead.inputs.messageRetentionSeconds, dead.name).toBeLessThanOrEqual(1_209_600);
    }
  });

  test("a queue is a worker's, or it holds what could not be delivered", () => {
    const failures = ["ScheduleFailuresQueue", ...(plan.sources.length > 0 ? ["SourceFailuresQueue"] : [])];
    const fed = feeds.flatMap(({ queue, dead }) => [queue.name, dead.name]);
    expect(
      ofType(stack, "sqs/queue:Queue")
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...fed, ...failures].sort());
    expect(new Set(fed).size).toBe(fed.length);
  });

  test("a worker has a concurrency that Lambda takes, and none reserved that could throttle its queue", () => {
    for (const { mapping, worker } of feeds) {
      expect(inside(mapping.inputs.scalingConfig, "maximumConcurrency"), worker.name).toBeGreaterThanOrEqual(2);
      expect(worker.inputs.reservedConcurrentExecutions ?? -1, worker.name).toBe(-1);
    }
  });

  test("API and workers are traced, each message's trace by those who send it", () => {
    const traced = ofType(stack, "lambda/function:Function").flatMap(({ name, inputs }) =>
      inside(inputs.tracingConfig, "mode") === "Active" ? [name] : [],
    );
    expect(traced.sort()).toEqual([...feeds.map(({ worker }) => worker.name), "ApiHandlerFunction"].sort());
  });

  test("log groups are all of this stage's functions and API, and end", () => {
    const groups = ofType(stack, "cloudwatch/logGroup:LogGroup");
    expect(groups).toHaveLength(ofType(stack, "lambda/function:Function").length + 1);
    for (const { name, inputs } of groups) expect(inputs.retentionInDays, name).toBe(30);
  });

  test("no input holds a secret but where Pulumi encrypts it", () => {
    const secretNames = /password|secretString|masterUserPassword|privateKey|token/i;
    for (const { name, type, inputs, secretInputs } of stack.resources) {
      if (!type.startsWith("aws:")) continue;
      for (const [input, value] of Object.entries(inputs)) {
        if (!secretNames.test(input) || typeof value !== "string") continue;
        expect(secretInputs, `${type} ${name}`).toContain(input);
      }
    }
  });
});
