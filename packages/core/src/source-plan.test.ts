import { describe, expect, test } from "vitest";
import { defineJob } from "./job.ts";
import { planTier } from "./plan.ts";
import { readSourced, type SourceOptions } from "./source.ts";
import type { QueueOptions, Tier } from "./tier.ts";

const anything = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const job = defineJob({ type: "Order", input: anything });
const elsewhere = defineJob({ type: "Elsewhere", input: anything, queue: "other" });

const sns: SourceOptions = { from: "sns", job, topic: "orders" };
const eventbridge: SourceOptions = { from: "eventbridge", job, pattern: { source: ["shop"] } };
const s3: SourceOptions = { from: "s3", job, bucket: "uploads" };
const kinesis: SourceOptions = { from: "kinesis", job, stream: "clicks" };

const queue = (...sources: SourceOptions[]): QueueOptions => ({ sources });
const tier = (jobs: QueueOptions, other: QueueOptions = {}): Tier => ({
  name: "tendril",
  queues: { jobs, other },
  jobs: [job, elsewhere],
});

function problemsOf(given: Tier) {
  const result = planTier(given);
  return result.kind === "refused" ? result.problems : [];
}

test("a plan names each source, its queue and its job type", () => {
  const result = planTier(tier(queue(sns, eventbridge, s3, kinesis)));
  expect(result).toMatchObject({
    kind: "plan",
    plan: {
      sources: [
        { name: "jobs-Order-sns", queue: "jobs", jobType: "Order", from: "sns", topic: "orders" },
        { name: "jobs-Order-eventbridge", from: "eventbridge", pattern: { source: ["shop"] } },
        { name: "jobs-Order-s3", from: "s3", bucket: "uploads" },
        { name: "jobs-Order-kinesis", from: "kinesis", stream: "clicks" },
      ],
    },
  });
});

test("what exists is named by its ARN", () => {
  const sources = [
    { ...sns, topic: "arn:aws:sns:eu-west-1:123456789012:Orders_v2" },
    { ...eventbridge, bus: "arn:aws:events:eu-west-1:123456789012:event-bus/shop" },
    { ...s3, bucket: "arn:aws:s3:::our.uploads-2019" },
    { ...kinesis, stream: "arn:aws:kinesis:eu-west-1:123456789012:stream/Clicks" },
  ];
  expect(problemsOf(tier(queue(...sources)))).toEqual([]);
});

describe("is refused, with the place", () => {
  const paid = { ...eventbridge, pattern: { "detail-type": ["Paid"], source: ["shop"] } };
  test.each<[string, Tier, string, string]>([
    ["a job type of another queue", tier(queue({ ...sns, job: elsewhere })), "queues.jobs.sources.0.job", '"other"'],
    ["a job type of no tier", { ...tier(queue(sns)), jobs: [elsewhere] }, "queues.jobs.sources.0.job", "Order"],
    ["a FIFO queue", tier({ fifo: true, sources: [sns] }), "queues.jobs.sources", "FIFO"],
    ["a source beside raw delivery", tier(queue({ ...sns, raw: true }, s3)), "queues.jobs.sources", "raw"],
    ["a topic twice", tier(queue(sns, sns)), "queues.jobs.sources.1", "jobs-Order-sns"],
    ["topics that are too alike", tier(queue(sns, { ...sns, topic: "new-orders" })), "queues.jobs.sources.1", "told"],
    [
      "streams that are too alike",
      tier(queue({ ...kinesis, stream: "x-clicks" }, kinesis)),
      "queues.jobs.sources.1",
      "told",
    ],
    [
      "patterns without lists",
      tier(queue(eventbridge, { ...eventbridge, pattern: { source: [{ prefix: "s" }] } })),
      "queues.jobs.sources.1",
      "told",
    ],
    [
      "patterns with a common event",
      tier(queue(paid, { ...paid, pattern: { "detail-type": ["Sent", "Paid"] } })),
      "queues.jobs.sources.1",
      "told",
    ],
    ["a topic's URL", tier(queue({ ...sns, topic: "https://sns" })), "queues.jobs.sources.0.topic", "https"],
    [
      "another service's ARN",
      tier(queue({ ...s3, bucket: "arn:aws:sns:eu-west-1:123456789012:x" })),
      "queues.jobs.sources.0.bucket",
      "arn:aws:sns",
    ],
    [
      "the default bus by name",
      tier(queue({ ...eventbridge, bus: "default" })),
      "queues.jobs.sources.0.bus",
      "default",
    ],
    ["an empty pattern", tier(queue({ ...eventbridge, pattern: {} })), "queues.jobs.sources.0.pattern", "empty"],
    [
      "a pattern that is no pattern",
      tier(queue({ ...eventbridge, pattern: { source: "shop" } })),
      "queues.jobs.sources.0.pattern.source",
      "a string",
    ],
    [
      "a long pattern",
      tier(queue({ ...eventbridge, pattern: { source: ["x".repeat(2048)] } })),
      "queues.jobs.sources.0.pattern",
      "2063 characters",
    ],
    ["no events", tier(queue({ ...s3, events: [] })), "queues.jobs.sources.0.events", "no events"],
    [
      "an event that is none",
      tier(queue({ ...s3, events: ["ObjectCreated"] })),
      "queues.jobs.sources.0.events",
      "ObjectCreated",
    ],
    ["a long prefix", tier(queue({ ...s3, prefix: "x".repeat(1025) })), "queues.jobs.sources.0.prefix", "1025"],
    [
      "an object of two queues",
      tier(queue(s3), queue({ ...s3, job: elsewhere, prefix: "in/" })),
      "queues.other.sources",
      "jobs-Order-s3",
    ],
    [
      "an event of two sources",
      tier(queue(s3, { ...s3, events: ["s3:ObjectCreated:Put"] })),
      "queues.jobs.sources",
      "jobs-Order-s3",
    ],
  ])("%s", (_name, given, where, text) => {
    const problems = problemsOf(given);
    expect(problems.map((problem) => problem.where)).toEqual([where]);
    expect(problems[0]?.given).toContain(text);
  });
});

test("sources that can be told apart may share a queue", () => {
  const sources = [
    sns,
    { ...sns, topic: "orders-new" },
    { ...s3, prefix: "in/", suffix: ".jpg" },
    { ...s3, prefix: "in/", suffix: ".png" },
    { ...s3, prefix: "out/" },
    { ...s3, prefix: "in/", events: ["s3:ObjectRemoved:*"] },
    { ...eventbridge, pattern: { "detail-type": ["Paid"] } },
    { ...eventbridge, pattern: { "detail-type": ["Sent"] } },
    { ...eventbridge, pattern: { "detail-type": ["Sent", "Paid"], source: ["other shop"] } },
  ];
  const problems = problemsOf(tier(queue(...sources.slice(0, 8))));
  expect(problems).toEqual([]);
  expect(problemsOf(tier(queue(...sources)))).toHaveLength(1); // the last has no source in which it differs
});

test("the plan's sources are what a worker reads its messages with", () => {
  const result = planTier(tier(queue(s3)));
  if (result.kind !== "plan") throw new Error("refused");
  const body = '{"Service":"Amazon S3","Event":"s3:TestEvent"}';
  expect(readSourced({ messageId: "1", body, attributes: {} }, result.plan.sources)).toMatchObject({ kind: "ignored" });
});
