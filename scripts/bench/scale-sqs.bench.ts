import { existsSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { systemClock } from "@tendril/local/clock";
import { openSqs } from "@tendril/local/sqs/service";
import { listen } from "@tendril/local/wire/server";
import { temporaryFolder } from "../../test/support/aws-process.ts";
import type { Bench, BenchContext } from "../../test/support/bench/bench.ts";
import { type Curve, createCurve, microseconds } from "./scale/curve.ts";
import { bytesInUse } from "./scale/memory.ts";
import { openQueueBench, type QueueBench } from "./scale/queues.ts";

const waiting = [1_000, 100_000, 1_000_000];
const upToALimit = [1_000, 100_000];
const fewAndMany = [1_000, 1_000_000];
/** How many may be in flight: 120,000. */
const fullInFlight = 119_900;
const rounds = 200;

/** What the local SQS costs a message, by how many there are. */
export const bench: Bench = {
  name: "scale-sqs",
  compares: "the local SQS with few messages and with a million, kept on disk",
  async run(context) {
    await warmUp();
    const curve = createCurve();
    await measureWaiting(curve, context);
    await measureInFlight(curve, context);
    await measureExpiry(curve, context);
    await measureEndingAtOnce(curve, context);
    await measureFifo(curve, context);
    await measureRedrive(curve, context);
    return { rows: curve.rows(), notes };
  },
};

/** The smallest size comes first, and must not pay for the compiler. */
async function warmUp(): Promise<void> {
  const folder = await temporaryFolder();
  const aws = await openQueueBench(folder.path);
  for (const name of ["jobs", "jobs.fifo"]) {
    const queue = await aws.create(name);
    await aws.fill(queue, 1_000, queue.fifo ? { groups: 100 } : {});
    for (let time = 0; time < 5; time += 1) await measureCycles(createCurve(), aws, name, 1_000, "");
  }
  await aws.close();
  await folder.remove();
}

const notes = [
  "Microseconds are for each message, of calls with ten; ratios are to the smallest size. The number is how many messages\nwere waiting, in flight, or in the FIFO queue's groups of ten.",
];

/** Sends, receives and deletes ten messages again and again: the queue stays as large as it is. */
async function measureCycles(curve: Curve, aws: QueueBench, name: string, size: number, what: string): Promise<void> {
  const took = { send: [] as number[], receive: [] as number[], remove: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    let handles: string[] = [];
    took.send.push(...(await microseconds(1, 10, () => aws.send(name, 10))));
    took.receive.push(
      ...(await microseconds(1, 10, async () => {
        handles = await aws.receive(name);
      })),
    );
    if (handles.length === 0) throw new Error(`${name} gave nothing`);
    took.remove.push(...(await microseconds(1, handles.length, () => aws.remove(name, handles))));
  }
  curve.add(`${what}: send`, "µs", size, took.send);
  curve.add(`${what}: receive`, "µs", size, took.receive);
  curve.add(`${what}: delete`, "µs", size, took.remove);
  curve.add(`${what}: attributes`, "µs", size, await microseconds(50, 1, () => aws.attributes(name)));
}

async function measureWaiting(curve: Curve, { progress }: BenchContext): Promise<void> {
  const folder = await temporaryFolder();
  try {
    for (const size of waiting) {
      progress(`${size} waiting`);
      await fillFolder(folder.path, size);
      const before = bytesInUse();
      const startMs = performance.now();
      const aws = await openQueueBench(folder.path);
      curve.add("start-up", "µs", size, [((performance.now() - startMs) * 1000) / size]);
      // Of fewer messages, what else is collected is more.
      if (size >= 100_000) curve.add("memory", "bytes", size, [(bytesInUse() - before) / size]);
      await measureCycles(curve, aws, "jobs", size, "waiting");
      if (fewAndMany.includes(size)) await measureCompaction(curve, aws, join(folder.path, "journal.jsonl"), size);
      await aws.close();
      if (fewAndMany.includes(size)) await measureWire(curve, folder.path, size);
    }
  } finally {
    await folder.remove();
  }
}

/** How long a turn of the event loop takes at most, while ten messages come and go in each, and the journal is compacted. */
async function measureCompaction(curve: Curve, aws: QueueBench, file: string, size: number): Promise<void> {
  const large = await aws.create("large");
  const isCompacting = (): boolean => existsSync(`${file}.new`);
  const startMs = performance.now();
  const usual = await longestTurnMs(aws, () => performance.now() - startMs > 1_000);
  curve.add("the longest turn", "ms", size, [usual]);
  const longest: number[] = [];
  for (let time = 0; time < (size < 100_000 ? 10 : 1); time += 1) {
    longest.push(
      await longestTurnMs(
        aws,
        () => !isCompacting(),
        async () => {
          while (!isCompacting()) await aws.growJournal(large);
        },
      ),
    );
  }
  curve.add("the longest turn while the journal is compacted", "ms", size, longest);
}

async function longestTurnMs(aws: QueueBench, isOver: () => boolean, before = async () => {}): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  await before();
  do {
    await aws.send("jobs", 10);
    await aws.remove("jobs", await aws.receive("jobs"));
    await new Promise(setImmediate);
  } while (!isOver());
  delays.disable();
  return delays.max / 1e6;
}

/** On its own, so that nothing holds these queues while the memory of the next ones is measured. */
async function fillFolder(dir: string, size: number): Promise<void> {
  const aws = await openQueueBench(dir);
  await aws.fill(await aws.create("jobs"), size);
  await aws.close();
}

async function measureWire(curve: Curve, dir: string, size: number): Promise<void> {
  let url = "";
  const place = { region: "us-east-1", accountId: "000000000000" };
  const sqs = await openSqs({ clock: systemClock(), ...place, baseUrl: () => url, dir });
  const server = await listen([sqs.service], { port: 0 });
  url = server.url;
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new SQSClient({ endpoint: url, region: place.region, credentials, maxAttempts: 1 });
  const QueueUrl = `${url}/${place.accountId}/jobs`;
  const Entries = Array.from({ length: 10 }, (_, Id) => ({ Id: String(Id), MessageBody: "a job" }));
  const took = await microseconds(rounds / 3, 10, async () => {
    await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    const handles = Messages.map(({ ReceiptHandle }, Id) => ({ Id: String(Id), ReceiptHandle }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: handles }));
  });
  curve.add("over the wire: send, receive and delete", "µs", size, took);
  client.destroy();
  await server.close();
  await sqs.close();
}

async function measureInFlight(curve: Curve, { progress }: BenchContext): Promise<void> {
  const aws = await openQueueBench(undefined);
  const queue = await aws.create("jobs", { VisibilityTimeout: "43200" });
  await aws.fill(queue, fullInFlight + 10_000);
  for (const size of [...upToALimit, fullInFlight]) {
    progress(`${size} in flight`);
    for (let inFlight = queue.counts().inFlight; inFlight < size; inFlight += 10) await aws.receive("jobs");
    await measureCycles(curve, aws, "jobs", size, "in flight");
  }
  while (!queue.isFull) await aws.receive("jobs");
  const refused = () =>
    aws.receive("jobs").then(
      () => {
        throw new Error("not refused");
      },
      () => {},
    );
  await refused();
  await aws.close();
  const later = await openQueueBench(undefined);
  for (const size of fewAndMany) {
    progress(`${size} delayed`);
    await later.fill(await later.create("jobs", { VisibilityTimeout: "43200" }), size, { delayMs: 900_000 });
    await measureCycles(curve, later, "jobs", size, "delayed");
  }
  await later.close();
}

async function measureExpiry(curve: Curve, { progress }: BenchContext): Promise<void> {
  for (const size of fewAndMany) {
    progress(`${size} of which few expire`);
    const aws = await openQueueBench(undefined);
    const queue = await aws.create("jobs", { MessageRetentionPeriod: "3600" });
    const batches = 20;
    for (let batch = 1; batch <= batches; batch += 1) {
      await aws.fill(queue, batch * 100);
      await aws.clock.advance(1_000);
    }
    await aws.fill(queue, batches * 100 + size);
    await aws.clock.advance(3_600_000 - batches * 1_000);
    const took: number[] = [];
    for (let batch = 0; batch < batches; batch += 1) {
      took.push(...(await microseconds(1, 100, () => queue.counts())));
      await aws.clock.advance(1_000);
    }
    curve.add("100 that expire among more: each", "µs", size, took);
    await aws.close();
  }
}

async function measureEndingAtOnce(curve: Curve, { progress }: BenchContext): Promise<void> {
  for (const size of upToALimit) {
    progress(`${size} timeouts that end at once`);
    const aws = await openQueueBench(undefined);
    await aws.fill(await aws.create("jobs", { VisibilityTimeout: "30" }), size);
    for (let inFlight = 0; inFlight < size; inFlight += 10) await aws.receive("jobs");
    await aws.clock.advance(30_000);
    curve.add("timeouts that end at once", "µs", size, await microseconds(1, size, () => aws.receive("jobs")));
    const all = async (): Promise<void> => {
      for (let got = 10; got < size; got += 10) await aws.receive("jobs");
    };
    curve.add("… and are received", "µs", size, await microseconds(1, size, all));
    await aws.close();
  }
}

async function measureFifo(curve: Curve, { progress }: BenchContext): Promise<void> {
  for (const size of upToALimit) {
    progress(`${size} in a FIFO queue`);
    const aws = await openQueueBench(undefined);
    await aws.fill(await aws.create("jobs.fifo"), size, { groups: size / 10 });
    await measureCycles(curve, aws, "jobs.fifo", size, "FIFO");
    // The first message of each group is in flight.
    for (let group = 0; group < size / 100 - 10; group += 1) await aws.receive("jobs.fifo", 1);
    await measureCycles(curve, aws, "jobs.fifo", size, "FIFO, groups that wait");
    await aws.close();
  }
}

async function measureRedrive(curve: Curve, { progress }: BenchContext): Promise<void> {
  for (const name of ["dead", "dead.fifo"]) {
    for (const size of upToALimit) {
      progress(`${size} that are redriven from ${name}`);
      const aws = await openQueueBench(undefined);
      const dead = await aws.create(name);
      const redrive = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 3 }) };
      const jobs = await aws.create(name.replace("dead", "jobs"), redrive);
      await aws.fill(dead, size, dead.fifo ? { groups: size / 10 } : {});
      const took = await microseconds(1, size, () => aws.redrive(dead, jobs));
      if (jobs.counts().visible !== size) throw new Error("not all were moved");
      curve.add(`redrive from ${name}`, "µs", size, took);
      await aws.close();
    }
  }
}
