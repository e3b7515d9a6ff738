import { setImmediate as turn } from "node:timers/promises";
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, onTestFinished, test } from "vitest";
import { systemClock, virtualClock } from "../clock.ts";
import { openSqs } from "../sqs/service.ts";
import { listen } from "../wire/server.ts";
import { MemoryFunction, MemoryQueue, succeeded } from "./event-source-mapping.fixture.ts";
import { type BatchEvent, createEventSourceMapping } from "./event-source-mapping.ts";
import { readFilterCriteria } from "./filter-criteria.ts";
import { testLambda } from "./lambda.fixture.ts";

const criteria = (...patterns: unknown[]) => ({ filters: patterns.map((each) => ({ pattern: JSON.stringify(each) })) });

/** How AWS pairs bodies and patterns: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html */
test.each<[string, string, unknown, boolean]>([
  [
    "a JSON body by its fields",
    '{"kind":"a","size":{"kb":5}}',
    { body: { size: { kb: [{ numeric: ["<", 9] }] } } },
    true,
  ],
  ["a JSON body with other values", '{"kind":"b"}', { body: { kind: ["a"] } }, false],
  ["a text by a rule", "import 7", { body: [{ prefix: "import" }] }, true],
  ["a text by fields", "import 7", { body: { kind: ["a"] } }, false],
  ["a text by fields that must not be there", "import 7", { body: { kind: [{ exists: false }] } }, false],
  ["a JSON body by a rule for texts", '{"kind":"a"}', { body: [{ prefix: "{" }] }, false],
  ["a text that only begins like JSON", "{kind}", { body: ["{kind}"] }, true],
  ["a text by an attribute alone", "x", { messageAttributes: { tier: { stringValue: ["gold"] } } }, true],
  ["an attribute that is not there", "x", { messageAttributes: { size: { stringValue: [{ exists: true }] } } }, false],
  ["a system attribute", "x", { attributes: { MessageGroupId: ["g"] } }, true],
])("%s", (_, body, pattern, isLetThrough) => {
  const messageAttributes = { tier: { stringValue: "gold", dataType: "String" } };
  const record = { body, messageAttributes, attributes: { MessageGroupId: "g" } };
  expect(readFilterCriteria(criteria(pattern))(record)).toBe(isLetThrough);
});

test("one pattern of several is enough", () => {
  const letsThrough = readFilterCriteria(criteria({ body: ["a"] }, { body: ["b"] }));
  expect(["a", "b", "c"].map((body) => letsThrough({ body }))).toEqual([true, true, false]);
});

test.each([
  ["no filter", criteria(), "1 to 5 filters, not 0"],
  ["six filters", criteria(...Array.from("abcdef", (body) => ({ body: [body] }))), "1 to 5 filters, not 6"],
  ["a field that no record has", criteria({ data: ["x"] }), "a record of SQS has no data"],
  ["a pattern that is too long", criteria({ body: ["x".repeat(4096)] }), "at most 4096 characters"],
])("%s is refused", (_, given, reason) => {
  expect(() => readFilterCriteria(given)).toThrow(reason);
});

function setup(filterCriteria = criteria({ body: { kind: ["good"] } })) {
  const clock = virtualClock(0);
  const queue = new MemoryQueue(clock);
  const lambda = new MemoryFunction(clock);
  lambda.answerAtOnce = succeeded("null");
  const events: BatchEvent[] = [];
  const errors: unknown[] = [];
  const options = { functionName: "worker", batchSize: 2, windowMs: 1000, maximumConcurrency: 2, region: "us-east-1" };
  const mapping = createEventSourceMapping({
    ...options,
    clock,
    source: queue,
    lambda,
    filterCriteria,
    onBatch: (event) => events.push(event),
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => mapping.stop());
  const put = (id: string, kind: string) => queue.put(id, { body: JSON.stringify({ kind }) });
  return { clock, queue, lambda, events, errors, mapping, put };
}

test("what is filtered out is deleted and reaches no function, and a batch is filled with the others", async () => {
  const { queue, lambda, mapping, events, put } = setup();
  for (const [id, kind] of Object.entries({ a: "good", b: "bad", c: "bad", d: "good", e: "bad" })) put(id, kind);
  mapping.start();
  for (let turns = 0; turns < 10; turns++) await turn();
  expect(lambda.batches()).toEqual([["a", "d"]]);
  expect(queue.left()).toEqual({});
  const filtered = events.flatMap((event) => (event.kind === "filtered" ? event.messageIds : []));
  expect(filtered).toEqual(["b", "c", "e"]);
});

test("a filtered message that cannot be deleted is told of, and the mapping goes on", async () => {
  const { clock, queue, lambda, mapping, errors, put } = setup();
  mapping.start();
  await turn();
  queue.deleteFailure = new Error("the disk is full");
  put("a", "bad");
  await turn();
  expect(errors).toEqual([queue.deleteFailure]);
  queue.deleteFailure = undefined;
  put("b", "good");
  await clock.advance(1000);
  expect(lambda.batches()).toEqual([["b"]]);
});

test("a queue's messages reach a function by their attributes and bodies, and the queue is empty afterwards", async () => {
  const place = { clock: systemClock(), region: "us-east-1", accountId: "000000000000" };
  const sqs = await openSqs({ ...place, baseUrl: () => server.url });
  const server = await listen([sqs.service], { port: 0 });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new SQSClient({ endpoint: server.url, region: place.region, credentials });
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "jobs" }));
  const { lambda, lines } = await testLambda(
    "export const handler = async ({ Records }) => { for (const { body } of Records) console.log(body); };",
  );
  const mapping = createEventSourceMapping({
    clock: place.clock,
    region: place.region,
    source: sqs.source("jobs"),
    lambda,
    functionName: "worker",
    batchSize: 10,
    windowMs: 0,
    maximumConcurrency: 2,
    filterCriteria: criteria({ messageAttributes: { tier: { stringValue: ["gold"] } } }, { body: { urgent: [true] } }),
  });
  const send = (MessageBody: string, tier: string) =>
    client.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody,
        MessageAttributes: { tier: { DataType: "String", StringValue: tier } },
      }),
    );
  for (const [body, tier] of [
    ["a", "gold"],
    ["b", "lead"],
    ['{"urgent":true}', "lead"],
    ['{"urgent":false}', "lead"],
  ] as const)
    await send(body, tier);
  mapping.start();
  const left = async () => {
    const AttributeNames = ["ApproximateNumberOfMessages" as const, "ApproximateNumberOfMessagesNotVisible" as const];
    return (await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }))).Attributes;
  };
  const none = { ApproximateNumberOfMessages: "0", ApproximateNumberOfMessagesNotVisible: "0" };
  await expect.poll(left, { timeout: 20_000 }).toEqual(none);
  const bodies = lines.map(({ text }) => text);
  expect(bodies.toSorted()).toEqual(["a", '{"urgent":true}'].toSorted());
  await mapping.stop();
  client.destroy();
  await server.close();
  await sqs.close();
});
