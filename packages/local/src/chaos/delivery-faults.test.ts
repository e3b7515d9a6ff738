import { DeleteMessageCommand, GetQueueAttributesCommand, SendMessageBatchCommand } from "@aws-sdk/client-sqs";
import { expect, onTestFinished, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { bodies, type SqsFixture, startSqs } from "../sqs/fixture.ts";
import { type ChaosOptions, createChaos } from "./chaos.ts";
import { type Fault, type FaultRates, noFaults } from "./faults.ts";

const startMs = Date.UTC(2030, 0, 1);

/** SQS with these faults alone. */
async function start(rates: Partial<FaultRates>, options: Partial<ChaosOptions> = {}) {
  const faults: Fault[] = [];
  const onFault = (fault: Fault): void => void faults.push(fault);
  const chaos = createChaos({ seed: "seed", rates: { ...noFaults, ...rates }, onFault, ...options });
  const clock = virtualClock(startMs);
  const sqs = await startSqs({ clock, weather: chaos.weather, intercept: chaos.intercept({ clock }) });
  onTestFinished(() => sqs.close());
  return { ...sqs, chaos, faults };
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const group = { MessageGroupId: "g" };
const fifo = { ContentBasedDeduplication: "true" };
const remove = ({ client }: Pick<SqsFixture, "client">, QueueUrl: string, ReceiptHandle: string) =>
  client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));

test("a message of a standard queue is delivered twice, under another receipt handle, and is gone when it was deleted", async () => {
  const sqs = await start({ "delivered-twice": 1 });
  const url = await sqs.create("jobs");
  const id = await sqs.send(url, "one");
  const [first] = await sqs.receive(url);
  expect(await sqs.receive(url)).toEqual([]);
  await sqs.clock.advance(2_000);
  const [second] = await sqs.receive(url);
  expect([first?.body, second?.body]).toEqual(["one", "one"]);
  expect(second?.handle).not.toBe(first?.handle);
  expect(second?.attributes.ApproximateReceiveCount).toBe("2");
  expect(sqs.faults[0]).toMatchObject({ kind: "delivered-twice", site: "receive jobs", event: 1, messageId: id });
  await remove(sqs, url, second?.handle ?? "");
  await sqs.clock.advance(60_000);
  expect(await sqs.receive(url)).toEqual([]);
});

test("whoever waits for messages gets the second delivery", async () => {
  const sqs = await start({ "delivered-twice": 1 });
  const url = await sqs.create("jobs");
  await sqs.send(url, "one");
  await sqs.receive(url);
  const waiting = sqs.receive(url, { WaitTimeSeconds: 20 });
  await expect
    .poll(async () => {
      await sqs.clock.advance(500);
      return Promise.race([waiting, Promise.resolve("not yet")]);
    })
    .not.toBe("not yet");
  expect(bodies(await waiting)).toEqual(["one"]);
});

test("two who wait at once both get a message that is visible again at once", async () => {
  const sqs = await start({ "delivered-twice": 1 }, { durations: { againMs: 0 } });
  const url = await sqs.create("jobs");
  const waiting = [sqs.receive(url, { WaitTimeSeconds: 20 }), sqs.receive(url, { WaitTimeSeconds: 20 })];
  await sqs.send(url, "one");
  expect((await Promise.all(waiting)).map(bodies)).toEqual([["one"], ["one"]]);
});

test("messages of a standard queue come out of order, and all of them come", async () => {
  const sqs = await start({ "out-of-order": 0.5 });
  const url = await sqs.create("jobs");
  for (const body of numbers(40)) await sqs.send(url, body);
  const received: string[] = [];
  for (let receives = 0; receives < 8; receives++)
    received.push(...bodies(await sqs.receive(url, { MaxNumberOfMessages: 5 })));
  expect(received).not.toEqual(numbers(40));
  expect(received.sort()).toEqual(numbers(40).sort());
});

test("a receive is served also when every message lets those behind it go first", async () => {
  const sqs = await start({ "out-of-order": 1 });
  const url = await sqs.create("jobs");
  await sqs.send(url, "only");
  expect(bodies(await sqs.receive(url))).toEqual(["only"]);
});

test("a message comes late", async () => {
  const sqs = await start({ late: 1 });
  const url = await sqs.create("jobs");
  await sqs.send(url, "late");
  expect(await sqs.receive(url)).toEqual([]);
  await sqs.clock.advance(5_000);
  expect(bodies(await sqs.receive(url))).toEqual(["late"]);
});

test("a receipt that the receiver never sees counts, and the message comes back after its visibility timeout", async () => {
  const sqs = await start({ "receipt-lost": 1 });
  const url = await sqs.create("jobs", { VisibilityTimeout: "30" });
  await sqs.send(url, "one");
  expect(await sqs.receive(url)).toEqual([]);
  const counts = await sqs.client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["ApproximateNumberOfMessagesNotVisible"] }),
  );
  expect(counts.Attributes).toEqual({ ApproximateNumberOfMessagesNotVisible: "1" });
  sqs.chaos.pause();
  await sqs.clock.advance(30_000);
  const [message] = await sqs.receive(url);
  expect(message?.attributes.ApproximateReceiveCount).toBe("2");
});

test("a receipt counts twice", async () => {
  const sqs = await start({ "count-inflated": 1 });
  const url = await sqs.create("jobs");
  await sqs.send(url, "one");
  const [message] = await sqs.receive(url);
  expect(message?.attributes.ApproximateReceiveCount).toBe("2");
});

test("receipts that nobody sees count for the dead-letter queue", async () => {
  const sqs = await start({ "receipt-lost": 1 });
  const deadUrl = await sqs.create("dead");
  const deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:dead";
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 });
  const url = await sqs.create("jobs", { VisibilityTimeout: "30", RedrivePolicy });
  await sqs.send(url, "unseen");
  for (let receives = 0; receives < 3; receives++) {
    expect(await sqs.receive(url)).toEqual([]);
    await sqs.clock.advance(30_000);
  }
  sqs.chaos.pause();
  expect(bodies(await sqs.receive(deadUrl))).toEqual(["unseen"]);
});

test("a message of a standard queue comes back after its deletion was acknowledged, once", async () => {
  const sqs = await start({ "deleted-in-vain": 1 });
  const url = await sqs.create("jobs", { VisibilityTimeout: "30" });
  await sqs.send(url, "one");
  for (const expected of [["one"], ["one"], []]) {
    const messages = await sqs.receive(url);
    expect(bodies(messages)).toEqual(expected);
    for (const { handle } of messages) await remove(sqs, url, handle);
    await sqs.clock.advance(30_000);
  }
});

test("a FIFO queue keeps the order in its groups, and delivers each message once, under all these faults", async () => {
  const sqs = await start({
    "delivered-twice": 0.5,
    "out-of-order": 0.5,
    late: 0.3,
    "receipt-lost": 0.3,
    "count-inflated": 0.3,
    "deleted-in-vain": 0.5,
  });
  const url = await sqs.create("jobs.fifo", { ...fifo, VisibilityTimeout: "30" });
  for (const body of numbers(30)) await sqs.send(url, body, { MessageGroupId: `g${Number(body) % 3}` });
  await sqs.send(url, "0", { MessageGroupId: "g0" });
  const received: string[] = [];
  for (let receives = 0; receives < 200 && received.length < 30; receives++) {
    const messages = await sqs.receive(url);
    received.push(...bodies(messages));
    for (const { handle } of messages) await remove(sqs, url, handle);
    await sqs.clock.advance(10_000);
  }
  for (const remainder of [0, 1, 2]) {
    const inGroup = (body: string): boolean => Number(body) % 3 === remainder;
    expect(received.filter(inGroup)).toEqual(numbers(30).filter(inGroup));
  }
  const kinds = new Set(sqs.faults.map(({ kind }) => kind));
  expect(kinds).toEqual(new Set(["late", "receipt-lost", "count-inflated"]));
});

test("behind a receipt that was lost, nothing of its FIFO group is received", async () => {
  const sqs = await start({ "receipt-lost": 0.5 });
  const url = await sqs.create("jobs.fifo", { ...fifo, VisibilityTimeout: "30" });
  for (const body of numbers(10)) await sqs.send(url, body, group);
  const messages = bodies(await sqs.receive(url));
  expect(messages).toEqual(numbers(messages.length));
  expect(messages.length).toBeLessThan(10);
  expect(await sqs.receive(url)).toEqual([]);
});

test("every acknowledged message is received at least once and can be deleted, whatever strikes", async () => {
  const often = 0.25;
  for (const seed of ["1", "2"]) {
    const sqs = await start(
      {
        "delivered-twice": often,
        "out-of-order": often,
        late: often,
        "receipt-lost": often,
        "count-inflated": often,
        "deleted-in-vain": often,
        "entry-failed": often,
        "call-failed": 0.1,
        "call-throttled": 0.1,
        "answer-lost": 0.1,
      },
      { seed },
    );
    sqs.chaos.pause();
    const url = await sqs.create("jobs", { VisibilityTimeout: "30" });
    sqs.chaos.resume();
    const acknowledged = await sendBatches(sqs, url);
    const seen = new Set<string>();
    for (let receives = 0; receives < 120; receives++) {
      const messages = await sqs.receive(url).catch(() => []);
      for (const { body, handle } of messages) {
        seen.add(body);
        await remove(sqs, url, handle).catch(() => {});
      }
      await sqs.clock.advance(10_000);
    }
    expect(acknowledged.length).toBeGreaterThan(30);
    expect(acknowledged.filter((body) => !seen.has(body))).toEqual([]);
    sqs.chaos.pause();
    for (let receives = 0; receives < 10; receives++) {
      for (const { handle } of await sqs.receive(url)) await remove(sqs, url, handle);
      await sqs.clock.advance(30_000);
    }
    expect(await sqs.receive(url)).toEqual([]);
  }
});

/** Sends 100 messages in batches of ten; resolves with those that were acknowledged. */
async function sendBatches({ client }: Pick<SqsFixture, "client">, QueueUrl: string): Promise<string[]> {
  const acknowledged: string[] = [];
  for (const batch of numbers(10)) {
    const Entries = numbers(10).map((Id) => ({ Id, MessageBody: batch + Id }));
    const answer = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries })).catch(() => undefined);
    acknowledged.push(...(answer?.Successful ?? []).map(({ Id }) => batch + Id));
  }
  return acknowledged;
}

test("two runs of a scenario with one seed have the same faults, and another seed others", async () => {
  const run = async (seed: string): Promise<unknown[]> => {
    const sqs = await start(allRates(0.2), { seed });
    sqs.chaos.pause();
    const url = await sqs.create("jobs", { VisibilityTimeout: "30" });
    sqs.chaos.resume();
    await sendBatches(sqs, url);
    for (let receives = 0; receives < 20; receives++) {
      const messages = await sqs.receive(url).catch(() => []);
      for (const { handle } of messages.slice(0, 5)) await remove(sqs, url, handle).catch(() => {});
      await sqs.clock.advance(3_000);
    }
    return sqs.faults.map(({ messageId: _, ...fault }) => fault);
  };
  const log = await run("one");
  expect(log.length).toBeGreaterThan(50);
  expect(await run("one")).toEqual(log);
  expect(await run("two")).not.toEqual(log);
});

/** Each kind at this rate, but for slow calls, which wait for a clock that nobody moves meanwhile. */
function allRates(rate: number): FaultRates {
  const entries = Object.keys(noFaults).map((kind) => [kind, kind === "call-slow" ? 0 : rate]);
  return { ...noFaults, ...Object.fromEntries(entries) };
}
