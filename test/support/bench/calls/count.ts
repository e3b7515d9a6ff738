import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import { createApi } from "@tendril/api/api";
import { createClient } from "@tendril/client/client";
import { createHttpClient } from "@tendril/client/http";
import { createSender } from "@tendril/client/sender";
import type { BatchEnd, Calls, Door, EnqueueCalls, Way } from "@tendril/core/call-budget";
import { type AtLeastOnceContext, handle } from "@tendril/core/handler";
import { defineJob } from "@tendril/core/job";
import { Unrecoverable } from "@tendril/core/outcome";
import { createDatabase } from "@tendril/ledger/database";
import { createJobStore } from "@tendril/ledger/job-store";
import type { Worker } from "@tendril/worker/worker";
import { z } from "zod";
import { type FaultyWire, openFaultyWire } from "../../faulty-wire.ts";
import { type LocalQueue, type LocalSqs, migrateLedger, startLocalDatabase, startLocalSqs } from "../../local-aws.ts";
import { clientConfig, invocationContext, sendJobs } from "../exactly-once/lane.ts";
import { openWorker } from "../exactly-once/ways.ts";

export interface CountedBatch {
  readonly way: Way;
  readonly end: BatchEnd;
  readonly jobs: number;
  readonly calls: Calls;
}

export interface CountedEnqueue {
  readonly door: Door;
  readonly jobs: number;
  readonly calls: EnqueueCalls;
}

export interface Counted {
  readonly batches: readonly CountedBatch[];
  readonly enqueues: readonly CountedEnqueue[];
}

const ways: readonly Way[] = ["at-least-once", "exactly-once", "grouped"];
const ends: readonly BatchEnd[] = [
  "done",
  "done with a result",
  "done with a follow-up",
  "failed",
  "dead",
  "delivered again, done",
  "delivered again, failed",
];
const doors: readonly Door[] = ["sqs", "api", "api with keys"];
const enqueued = [1, 10, 100, 1000] as const;

const input = z.string();
const Loose = defineJob({ type: "Loose", input, effects: "at-least-once" });
const Once = defineJob({ type: "Once", input });
const Grouped = defineJob({ type: "Grouped", input, commit: "grouped" });
const typeOf: Readonly<Record<Way, string>> = {
  "at-least-once": Loose.type,
  "exactly-once": Once.type,
  grouped: Grouped.type,
};

/** Longer than the visibility timeout and the first backoff. */
const laterMs = 300_000;

/** Counts on the wire what each way makes of a batch with each end, and what enqueueing makes through each door. */
export async function countAll(progress: (line: string) => void): Promise<Counted> {
  const room = await openRoom();
  try {
    const batches: CountedBatch[] = [];
    for (const way of ways) {
      progress(`batches, ${way}`);
      for (const end of ends) batches.push(await countBatch(room, way, end, 10));
      batches.push(await countBatch(room, way, "done", 1));
    }
    progress("enqueueing");
    const enqueues: CountedEnqueue[] = [];
    for (const door of doors) for (const jobs of enqueued) enqueues.push(await countEnqueue(room, door, jobs));
    return { batches, enqueues };
  } finally {
    await room.close();
  }
}

/** A local AWS, over whose wires workers, clients and the API speak. */
interface Room {
  readonly sqs: LocalSqs;
  /** Over the wire. */
  readonly client: SQSClient;
  openWorker(queue: LocalQueue, end: () => BatchEnd): Worker;
  openApi(queue: LocalQueue): ReturnType<typeof createApi>;
  /** Since the last time. */
  count(): Calls;
  close(): Promise<void>;
}

async function openRoom(): Promise<Room> {
  const [local, sqs] = await Promise.all([startLocalDatabase(), startLocalSqs()]);
  const { name, database } = await local.freshDatabase();
  await migrateLedger(database);
  await local.query(name, "create table effects (job uuid not null, note text)");
  const { protocol, hostname, port } = (await sqs.client.config.endpoint?.()) ?? { protocol: "", hostname: "" };
  const wire = await openFaultyWire(`${protocol}//${hostname}:${port}`);
  const client = new SQSClient({ ...clientConfig(wire.url), maxAttempts: 1 });
  const dataApi = new RDSDataClient(clientConfig(local.wire.url));
  const link = {
    clusterArn: "arn:aws:rds:us-east-1:000000000000:cluster:local",
    secretArn: "arn:local",
    database: name,
  };
  const seen = new Map<FaultyWire, number>();
  const since = (of: FaultyWire): number => {
    const before = seen.get(of) ?? 0;
    seen.set(of, of.calls.length);
    return of.calls.length - before;
  };
  return {
    sqs,
    client,
    openWorker: (queue, end) =>
      openWorker({ newDataApi: () => dataApi, sqs: client, database: link, queue }, ...handlersOf(end)),
    openApi(queue) {
      const queues = { jobs: { url: queue.url, deadLetterUrl: queue.deadLetterUrl } };
      const store = createJobStore(createDatabase({ client: dataApi, link }));
      const sender = createSender({ sqs: client, queues });
      return createApi({
        name: "bench",
        jobs: [Loose, Once, Grouped],
        queues,
        sender,
        store: async () => store,
        log: () => {},
      });
    },
    count: () => ({ database: since(local.wire), sqs: since(wire) }),
    async close() {
      client.destroy();
      dataApi.destroy();
      await wire.close();
      await Promise.all([local.close(), sqs.close()]);
    },
  };
}

/** A handler of each way; all of them end as they are told. */
function handlersOf(end: () => BatchEnd) {
  const finish = async (_: string, job: AtLeastOnceContext): Promise<unknown> => {
    switch (end()) {
      case "done with a result":
        return { fine: true };
      case "done with a follow-up":
        return void (await job.enqueue(Loose, "follow-up"));
      case "failed":
        throw new Error("not today");
      case "dead":
        throw new Unrecoverable("never");
      default:
        return undefined;
    }
  };
  return [
    handle(Loose, finish),
    handle(Once, finish),
    handle(Grouped, async (note, job) => {
      job.write`insert into effects values (${job.id}::uuid, ${note})`;
      return finish(note, job);
    }),
  ];
}

/** Works through a batch that ends so, and counts its calls. */
async function countBatch(room: Room, way: Way, end: BatchEnd, jobs: number): Promise<CountedBatch> {
  const queue = await room.sqs.freshQueue();
  let now: BatchEnd = end;
  const worker = room.openWorker(queue, () => now);
  await sendJobs(room.sqs.client, queue.url, jobs, typeOf[way]);
  if (end === "delivered again, done" || end === "delivered again, failed") {
    now = end === "delivered again, done" ? "done" : "failed";
    await worker(await queue.receive(), invocationContext(40_000));
    await room.sqs.clock.advance(laterMs);
    now = end;
  }
  const event = await queue.receive();
  if (event.Records.length !== jobs) throw new Error(`A batch of ${event.Records.length} was received.`);
  room.count();
  const { batchItemFailures } = await worker(event, invocationContext(40_000));
  const calls = room.count();
  const failures = end === "failed" ? jobs : 0;
  if (batchItemFailures.length !== failures) throw new Error(`${way}, ${end}: ${batchItemFailures.length} failures`);
  return { way, end, jobs, calls };
}

/** Enqueues so many jobs in one go through a door, and counts its calls. */
async function countEnqueue(room: Room, door: Door, jobs: number): Promise<CountedEnqueue> {
  const queue = await room.sqs.freshQueue();
  const api = room.openApi(queue);
  let requests = 0;
  const request: typeof fetch = (url, init) => {
    requests += 1;
    return Promise.resolve(api.request(String(url), init));
  };
  const client =
    door === "sqs"
      ? createClient({ sqs: room.client, queues: { jobs: queue } })
      : createHttpClient({ url: "https://api.test", fetch: request });
  const notes = Array.from({ length: jobs }, (_, n) => `note ${n}`);
  const key = (note: string): string => `${jobs}-${note.replace(" ", "-")}`;
  room.count();
  const enqueued = await client.enqueueAll(Loose, notes, door === "api with keys" ? { key } : {});
  const failed = enqueued.filter(({ kind }) => kind !== "enqueued");
  if (failed.length > 0) throw new Error(`${failed.length} of ${jobs} jobs were not enqueued: ${door}`);
  return { door, jobs, calls: { ...room.count(), api: requests } };
}
