/** The client against the local SQS: what is sent is what a worker reads. */
import { createClient } from "@tendril/client/client";
import { TendrilError } from "@tendril/core/errors";
import { defineJob } from "@tendril/core/job";
import { isSealed, keyedJobId, newJobId, parseJobId } from "@tendril/core/job-id";
import type { QueueLink } from "@tendril/core/link";
import { IncrementJob } from "@tendril/jobs/increment-job";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jobOf, openTestSqs, type TestSqs } from "./open-queue.ts";

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

const clientOf = (link = queue) => createClient({ sqs: aws.sqs, queues: { jobs: link } });

const countTypes: { input: string; output: number } = { input: "", output: 0 };

/** A schema that takes a text of digits and hands on the number. */
const countJob = defineJob({
  type: "CountJob",
  input: {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value: unknown) =>
        typeof value === "string" && /^\d+$/.test(value)
          ? { value: Number(value) }
          : { issues: [{ message: "a text of digits", path: [] }] },
      types: countTypes,
    },
  },
});

async function refusal(work: Promise<unknown>): Promise<TendrilError> {
  const thrown: unknown = await work.then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(TendrilError);
  if (thrown instanceof TendrilError) return thrown;
  throw thrown;
}

describe("enqueue", () => {
  test("sends the job that a worker reads, under the id that it answers with", async () => {
    const id = await clientOf().enqueue(IncrementJob, "héllo \u{1f331}");
    expect(parseJobId(id)).toBe(id);
    const messages = await aws.receive(queue);
    expect(messages.map(jobOf)).toEqual([{ id, type: "IncrementJob", input: "héllo \u{1f331}" }]);
  });

  test("sends the caller's input, not what the schema makes of it: the worker's schema takes that again", async () => {
    await clientOf().enqueue(countJob, "42");
    expect((await aws.receive(queue)).map((message) => jobOf(message).input)).toEqual(["42"]);
  });

  test("checks an input against its schema before it is sent", async () => {
    // @ts-expect-error: the spec says what may be enqueued
    const error = await refusal(clientOf().enqueue(IncrementJob, 42));
    expect(error.code).toBe("input_invalid");
    expect(error.facts.where).toBe("data");
    expect(await aws.count(queue)).toBe(0);
  });

  test("checks what arrives: a Date is a text by then", async () => {
    const dateJob = defineJob({
      type: "DateJob",
      input: {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: (value: unknown) => (value instanceof Date ? { value } : { issues: [{ message: "a Date" }] }),
        },
      },
    });
    expect((await refusal(clientOf().enqueue(dateJob, new Date(0)))).code).toBe("input_invalid");
    expect(await aws.count(queue)).toBe(0);
  });

  test("takes the caller's id, or makes ids as it was told", async () => {
    const given = newJobId(1, new Uint8Array(16));
    const made = newJobId(2, new Uint8Array(16));
    const client = createClient({ sqs: aws.sqs, queues: { jobs: queue }, newId: () => made });
    expect(await client.enqueue(IncrementJob, "a", { id: given })).toBe(given);
    expect(await client.enqueue(IncrementJob, "b")).toBe(made);
    expect((await aws.receive(queue)).map((message) => jobOf(message).id).sort()).toEqual([given, made].sort());
  });

  test("makes ids that tell the job type and the queue", async () => {
    const client = clientOf();
    const results = await client.enqueueAll(
      IncrementJob,
      Array.from({ length: 200 }, () => "a"),
    );
    const ids = results.flatMap(({ id = [] }) => id);
    ids.push(await client.enqueue(IncrementJob, "a"));
    expect(new Set(ids).size).toBe(201);
    const seal = { type: "IncrementJob", queueUrl: queue.url };
    expect(ids.filter((id) => !isSealed(id, seal))).toEqual([]);
    expect(ids.filter((id) => isSealed(id, { ...seal, type: "CountJob" }))).toEqual([]);
  });

  test("gives every job an id of its own, sorted by time", async () => {
    const client = clientOf();
    const ids = [];
    for (let count = 0; count < 3; count += 1) ids.push(await client.enqueue(IncrementJob, "a"));
    expect(new Set(ids).size).toBe(3);
  });

  test("takes an input of characters that SQS itself refuses", async () => {
    const input = "\u0000\ufffe\uffff\ud800";
    await clientOf().enqueue(IncrementJob, input);
    expect((await aws.receive(queue)).map((message) => jobOf(message).input)).toEqual([input]);
  });

  test("refuses what SQS would refuse as too large, before it is sent", async () => {
    const error = await refusal(clientOf().enqueue(textJob, "x".repeat(1_048_576)));
    expect(error.code).toBe("body_too_large");
    expect(await aws.count(queue)).toBe(0);
  });

  test("SQS takes the longest message that the client lets through", async () => {
    const overhead = JSON.stringify({ job_type: "TextJob", data: "" }).length + "tendril.job_idString".length + 36;
    await clientOf().enqueue(textJob, "x".repeat(1_048_576 - overhead));
    expect(await aws.count(queue)).toBe(1);
    expect((await refusal(clientOf().enqueue(textJob, "x".repeat(1_048_577 - overhead)))).code).toBe("body_too_large");
  });

  test("refuses a queue that it was not given, naming those that it was", async () => {
    const elsewhere = defineJob({ type: "Elsewhere", input: IncrementJob.input, queue: "toString" });
    const error = await refusal(clientOf().enqueue(elsewhere, "a"));
    expect(error.code).toBe("queue_unknown");
    expect(error.message).toContain("jobs");
  });

  test("says so when SQS refuses, with the cause", async () => {
    const error = await refusal(clientOf({ ...queue, url: `${queue.url}-gone` }).enqueue(IncrementJob, "secret"));
    expect(error.code).toBe("aws_call_failed");
    expect(error.facts).toMatchObject({ where: "sqs:SendMessageBatch", given: "QueueDoesNotExist" });
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.message).not.toContain("secret");
  });
});

const textJob = defineJob({
  type: "TextJob",
  input: { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } },
});

describe("delay", () => {
  test("holds a job back, rounded up to whole seconds", async () => {
    await clientOf().enqueue(IncrementJob, "later", { delay: "1.2 seconds" });
    await aws.clock.advance(1_999);
    expect(await aws.receive(queue)).toEqual([]);
    await aws.clock.advance(1);
    expect(await aws.receive(queue)).toHaveLength(1);
  });

  test("may be 15 minutes", async () => {
    await clientOf().enqueue(IncrementJob, "later", { delay: "15 minutes" });
    expect(await aws.count(queue)).toBe(1);
    expect(await aws.receive(queue)).toEqual([]);
  });

  test("of 0 seconds is none, whatever the queue's own", async () => {
    const slow = await aws.createQueue(`slow-${queueNumber}`, { DelaySeconds: "60" });
    await clientOf(slow).enqueue(IncrementJob, "now", { delay: "0 seconds" });
    expect(await aws.receive(slow)).toHaveLength(1);
  });

  test("is counted from the time at which the client is called", async () => {
    const now = () => aws.clock.now() - 60_000; // its clock is a minute behind
    await createClient({ sqs: aws.sqs, queues: { jobs: queue }, now }).enqueue(IncrementJob, "later", {
      at: new Date(aws.clock.now() + 60_000),
    });
    await aws.clock.advance(119_999);
    expect(await aws.receive(queue)).toEqual([]);
    await aws.clock.advance(1);
    expect(await aws.receive(queue)).toHaveLength(1);
  });
});

describe("at", () => {
  test("holds a job back until that time, and wins over a delay", async () => {
    const at = new Date(Date.now() + 600_000);
    await createClient({ sqs: aws.sqs, queues: { jobs: queue }, now: () => at.getTime() - 90_000 }).enqueue(
      IncrementJob,
      "later",
      { at, delay: "1 second" },
    );
    await aws.clock.advance(89_999);
    expect(await aws.receive(queue)).toEqual([]);
    await aws.clock.advance(1);
    expect(await aws.receive(queue)).toHaveLength(1);
  });

  test("that is past means at once, also on a FIFO queue", async () => {
    const fifo = await aws.createQueue(`past-${queueNumber}.fifo`, { FifoQueue: "true" });
    const client = createClient({ sqs: aws.sqs, queues: { jobs: queue, fifo } });
    const at = new Date(Date.now() - 86_400_000);
    await client.enqueue(IncrementJob, "late", { at });
    await client.enqueue({ ...IncrementJob, queue: "fifo" }, "late", { at });
    expect(await aws.receive(queue)).toHaveLength(1);
    expect(await aws.receive(fifo)).toHaveLength(1);
  });

  test("that is no time is refused", async () => {
    const error = await refusal(clientOf().enqueue(IncrementJob, "when", { at: new Date("soon") }));
    expect(error.code).toBe("duration_invalid");
    expect(error.facts).toMatchObject({ where: "at", given: "a Date that is no time" });
  });
});

describe("key", () => {
  test("makes the id: one type and key are one job", async () => {
    const id = await clientOf().enqueue(IncrementJob, "a", { key: "order-7" });
    expect(await clientOf().enqueue(IncrementJob, "b", { key: "order-7" })).toBe(id);
    expect(await clientOf().enqueue(IncrementJob, "a", { key: "order-8" })).not.toBe(id);
    expect(await clientOf().enqueue(countJob, "7", { key: "order-7" })).not.toBe(id);
    expect(id).toBe(keyedJobId("IncrementJob", "order-7"));
  });

  test("an id wins over it", async () => {
    const id = newJobId(3, new Uint8Array(16));
    expect(await clientOf().enqueue(IncrementJob, "a", { key: "order-7", id })).toBe(id);
  });

  test("of each input makes its id in enqueueAll", async () => {
    const results = await clientOf().enqueueAll(IncrementJob, ["a", "b"], {
      key: (input, index) => `${input}${index}`,
    });
    expect(results.map(({ id }) => id)).toEqual(["a0", "b1"].map((key) => keyedJobId("IncrementJob", key)));
  });
});

describe("FIFO", () => {
  test("keeps the order of a job type's jobs, and drops a second job of the same id", async () => {
    const fifo = await aws.createQueue(`jobs-${queueNumber}.fifo`, { FifoQueue: "true" });
    const client = clientOf(fifo);
    // The first batch is slow to arrive: one that did not wait for it would overtake it.
    const inputs = Array.from({ length: 45 }, (_, index) => `${index} ${"x".repeat(index < 10 ? 90_000 : 1)}`);
    const [first] = await client.enqueueAll(IncrementJob, inputs);
    await client.enqueue(IncrementJob, "again", first?.id === undefined ? {} : { id: first.id });
    expect((await aws.receive(fifo)).map((message) => jobOf(message).input)).toEqual(inputs);
  });

  test("takes the caller's group", async () => {
    const fifo = await aws.createQueue(`jobs-${queueNumber}.fifo`, { FifoQueue: "true" });
    await clientOf(fifo).enqueue(IncrementJob, "a", { group: "customer-7" });
    const [message] = await aws.receive(fifo);
    expect(message?.Attributes?.MessageGroupId).toBe("customer-7");
  });
});

test("a message group that SQS would refuse is refused first", async () => {
  for (const group of ["", "two words", "é", "g".repeat(129)]) {
    const error = await refusal(clientOf().enqueue(IncrementJob, "a", { group }));
    expect(error.facts.where).toBe("group");
  }
  await clientOf().enqueue(IncrementJob, "a", { group: "g".repeat(128) });
  expect(await aws.count(queue)).toBe(1);
});

describe("enqueueAll", () => {
  test("sends any number of jobs, and answers in their order", async () => {
    const inputs = Array.from({ length: 103 }, (_, index) => `job ${index}`);
    const results = await clientOf().enqueueAll(IncrementJob, inputs);
    const sent = new Map((await aws.receive(queue)).map(jobOf).map((job) => [job.id, job.input]));
    expect(results.map((result) => result.kind)).toEqual(inputs.map(() => "enqueued"));
    expect(results.map(({ id }) => id && sent.get(id))).toEqual(inputs);
  });

  test("sends nothing for no inputs", async () => {
    expect(await clientOf().enqueueAll(IncrementJob, [])).toEqual([]);
    expect(await aws.count(queue)).toBe(0);
  });

  test("an input that is refused keeps none of the others back", async () => {
    const results = await clientOf().enqueueAll(countJob, ["1", "two", "3"]);
    expect(results).toMatchObject([
      { kind: "enqueued" },
      { kind: "refused", error: { code: "input_invalid" } },
      { kind: "enqueued" },
    ]);
    expect((await aws.receive(queue)).map((message) => jobOf(message).input).sort()).toEqual(["1", "3"]);
  });

  test("cuts batches at 1 MiB", async () => {
    const inputs = Array.from({ length: 7 }, () => "x".repeat(400_000));
    const results = await clientOf().enqueueAll(textJob, inputs);
    expect(results.map((result) => result.kind)).toEqual(inputs.map(() => "enqueued"));
    expect(await aws.count(queue)).toBe(7);
  });

  test("what SQS does not take of a batch is refused with SQS's code, and the others are enqueued", async () => {
    const small = await aws.createQueue(`small-${queueNumber}`, { MaximumMessageSize: "1024" });
    const results = await clientOf(small).enqueueAll(IncrementJob, ["a", "x".repeat(2_000), "c"]);
    expect(results).toMatchObject([
      { kind: "enqueued" },
      { kind: "refused", error: { code: "aws_call_failed", facts: { given: "InvalidParameterValue" } } },
      { kind: "enqueued" },
    ]);
    expect((await aws.receive(small)).map((message) => jobOf(message).input).sort()).toEqual(["a", "c"]);
  });

  test("answers for each input when SQS takes none, with ids to send them again under", async () => {
    const gone = clientOf({ ...queue, url: `${queue.url}-gone` });
    const results = await gone.enqueueAll(IncrementJob, ["a", "b"]);
    expect(results).toMatchObject([
      { kind: "refused", error: { code: "aws_call_failed", facts: { given: "QueueDoesNotExist" } } },
      { kind: "refused", error: { code: "aws_call_failed" } },
    ]);
    expect(new Set(results.map((result) => result.id)).size).toBe(2);
  });
});
