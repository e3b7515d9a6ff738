/** What other AWS services put into a queue, over the local SQS and a real ledger: their envelopes, sent by hand, become jobs. */
import { event, kinesisRecord, s3Record, s3TestEvent, snsNotification } from "@tendril/core/envelope.fixture";
import { type Handler, handle, type JobContext } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { namedSources, type SourceOptions } from "@tendril/core/source";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { idAttribute, newId, reasonIn, useWorkerRoom, type WorkerRoom } from "./support/worker-bench.ts";

const Order = defineJob({ type: "Order", input: z.object({ order: z.number() }), retry: { attempts: 2 } });
const Picture = defineJob({ type: "Picture", input: z.array(z.object({ bucket: z.string(), key: z.string() })) });

const write =
  ({ writeNote }: WorkerRoom) =>
  (input: unknown, job: JobContext) =>
    writeNote(JSON.stringify(input), job);

const makeHandlers = (room: WorkerRoom): Handler[] => [handle(Order, write(room)), handle(Picture, write(room))];

const room = useWorkerRoom(makeHandlers);

const options: SourceOptions[] = [
  { from: "sns", job: Order, topic: "orders" },
  { from: "eventbridge", job: Order, pattern: { source: ["shop"] } },
  { from: "s3", job: Picture, bucket: "pictures" },
  { from: "kinesis", job: Order, stream: "orders" },
];

beforeEach(async () => {
  room.use({ sources: namedSources("jobs", options) });
  await room.query("truncate effects");
});

const send = (body: object | string, attributes = {}): Promise<unknown> =>
  room.queue.send({
    MessageBody: typeof body === "string" ? body : JSON.stringify(body),
    MessageAttributes: attributes,
  });

const notes = async (): Promise<unknown[]> => (await room.query("select note from effects")).map((row) => row.note);

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");

const orders: [string, object][] = [
  ["an SNS notification", snsNotification('{"order":7}')],
  ["an EventBridge event", event({ order: 7 }, { source: "shop", "detail-type": "Sold" })],
  ["a Kinesis record through a pipe", kinesisRecord(base64({ order: 7 }))],
];

describe.each(orders)("%s", (_name, envelope) => {
  test("becomes a job, which is done once however often it is sent", async () => {
    await send(envelope);
    await send(envelope);
    expect(await room.work()).toEqual([]);
    await send(envelope);
    expect(await room.work()).toEqual([]);
    expect(await notes()).toEqual(['{"order":7}']);
    expect(await room.queue.count()).toBe(0);
    expect(room.bench.lines.map(({ message }) => message).sort()).toEqual([
      "job done",
      "job duplicate",
      "job duplicate",
      "job started",
    ]);
  });
});

test("an S3 notification becomes a job for its objects, with their keys as they were given", async () => {
  await send({ Records: [s3Record("in/my+happy%2Bface.jpg")] });
  await room.work();
  expect(await notes()).toEqual(['[{"bucket":"amzn-s3-demo-bucket","key":"in/my happy+face.jpg"}]']);
});

test("S3's own try is taken off the queue, and nothing else happens", async () => {
  await send(s3TestEvent);
  expect(await room.work()).toEqual([]);
  expect(await room.queue.count()).toBe(0);
  expect(await room.queue.deadLetters()).toEqual([]);
  expect(room.bench.lines).toEqual([
    expect.objectContaining({ message: "job skipped", reason: expect.stringContaining("S3") }),
  ]);
});

test("jobs' own messages share the queue", async () => {
  const id = newId();
  await send({ job_type: "Order", data: { order: 8 } }, idAttribute(id));
  await send(snsNotification('{"order":7}', { MessageId: newId() }));
  await room.work();
  expect(await room.notesOf(id)).toEqual(['{"order":8}']);
  expect((await notes()).sort()).toEqual(['{"order":7}', '{"order":8}']);
});

describe("a dead letter says why, and comes back as the same job", () => {
  test.each<[string, object | string, string]>([
    ["what no source sends", { hello: "world" }, "envelope_unknown"],
    ["no JSON", "hello", "envelope_unknown"],
    ["a broken envelope", snsNotification("no JSON"), "envelope_invalid"],
    ["an input that does not fit", snsNotification('{"order":"seven"}'), "input_invalid"],
  ])("%s", async (_name, body, code) => {
    await send(body);
    expect(await room.work()).toEqual([]);
    const [letter] = await room.queue.deadLetters();
    expect(letter?.Body).toBe(typeof body === "string" ? body : JSON.stringify(body));
    expect(reasonIn(letter)).toMatchObject({ code, attempt: 0, queue: "jobs" });
  });

  test("a job that failed keeps its id, with raw delivery too", async () => {
    const [sns] = options;
    if (sns?.from !== "sns") throw new Error("the first source is another");
    room.use({ sources: namedSources("jobs", [{ ...sns, raw: true }]) });
    room.failAlways('{"order":9}', new Error("no"));
    await send('{"order":9}');
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await room.work();
      await room.sqs.clock.advance(60_000);
    }
    const [letter] = await room.queue.deadLetters();
    const id = letter?.MessageAttributes?.["tendril.job_id"]?.StringValue ?? "";
    expect(await room.rowOf(id)).toMatchObject({ state: "dead", type: "Order" });
    room.behaviours.clear();
    await send(String(letter?.Body), letter?.MessageAttributes);
    await room.work();
    expect(await room.rowOf(id)).toMatchObject({ state: "done" });
    expect(await room.notesOf(id)).toEqual(['{"order":9}']);
  });
});
