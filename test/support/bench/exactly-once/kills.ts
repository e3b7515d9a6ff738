import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { DatabaseLink } from "@tendril/core/link";
import { virtualClock } from "@tendril/local/clock";
import type { SQSEvent } from "aws-lambda";
import { type FaultyWire, openFaultyWire } from "../../faulty-wire.ts";
import {
  type LocalDatabase,
  type LocalQueue,
  type LocalSqs,
  migrateLedger,
  startLocalDatabase,
  startLocalSqs,
} from "../../local-aws.ts";
import { batchSize, clientConfig, invocationContext, sendJobs } from "./lane.ts";
import { createIdempotencyTable } from "./postgres-persistence.ts";
import { atLeastOnce, createEffectsTable, exactlyOnce, grouped, powertools, type Way } from "./ways.ts";

/** What happens to each job in its first delivery; all later ones go well. */
export const faults = [
  "the process is gone after the effect, before the record",
  "the answer to the effect is lost",
  "the process is gone after the record, before the delete",
] as const;
export type Fault = (typeof faults)[number];

/** What became of the jobs of one way under one fault. */
export interface KillResult {
  readonly fault: Fault;
  readonly way: string;
  readonly jobs: number;
  /** Rows that the jobs have inserted. */
  readonly effects: number;
  /** Jobs with more than one row. */
  readonly doubled: number;
  /** Jobs with none. */
  readonly lost: number;
  /** Messages that are neither deleted nor dead-lettered. */
  readonly left: number;
}

/** Longer than a queue's visibility timeout, the Data API's for transactions, and an invocation of here. */
const laterMs = 240_000;
const mostDeliveries = 5;

/** A local AWS whose time is moved. */
interface Stage {
  readonly local: LocalDatabase;
  readonly sqs: LocalSqs;
  readonly database: DatabaseLink;
  readonly name: string;
  later(): Promise<void>;
  now(): number;
}

/** Strikes each job of each way once with each fault, lets SQS deliver what is left, and counts effects. */
export async function measureKills(jobs: number, progress: (line: string) => void): Promise<KillResult[]> {
  const clock = virtualClock(Date.now());
  const [local, sqs] = await Promise.all([startLocalDatabase({ clock }), startLocalSqs()]);
  try {
    const { name, database } = await local.freshDatabase();
    await migrateLedger(database);
    await local.query(name, createEffectsTable);
    await local.query(name, createIdempotencyTable);
    let movedMs = 0;
    const stage: Stage = {
      local,
      sqs,
      name,
      database: {
        clusterArn: "arn:aws:rds:us-east-1:000000000000:cluster:local",
        secretArn: "arn:local",
        database: name,
      },
      async later() {
        movedMs += laterMs;
        await clock.advance(laterMs);
        await sqs.clock.advance(laterMs);
      },
      now: () => Date.now() + movedMs,
    };
    const results: KillResult[] = [];
    for (const fault of faults) {
      progress(`faults: ${fault}`);
      for (const way of [exactlyOnce, grouped, atLeastOnce, powertools]) {
        results.push(await strike(stage, way, fault, jobs));
      }
    }
    return results;
  } finally {
    await Promise.all([local.close(), sqs.close()]);
  }
}

async function strike(stage: Stage, way: Way, fault: Fault, jobs: number): Promise<KillResult> {
  const { local, sqs, name } = stage;
  await local.query(name, "truncate effects");
  const queue = await sqs.freshQueue();
  for (let sent = 0; sent < jobs; sent += batchSize) {
    await sendJobs(sqs.client, queue.url, Math.min(batchSize, jobs - sent));
  }
  const ids = new Set<string>();
  await Promise.all((await receiveAll(queue, ids)).map((event) => deliver(stage, way, queue, event, fault)));
  for (let delivery = 2; delivery <= mostDeliveries && (await queue.count()) > 0; delivery += 1) {
    await stage.later();
    for (const event of await receiveAll(queue, ids)) await deliver(stage, way, queue, event);
  }
  const rows = await local.query(name, "select job, count(*)::int as times from effects group by job");
  return {
    fault,
    way: way.name,
    jobs: ids.size,
    effects: rows.reduce((sum, { times }) => sum + Number(times), 0),
    doubled: rows.filter(({ times }) => Number(times) > 1).length,
    lost: ids.size - rows.length,
    left: await queue.count(),
  };
}

/** What is visible, each message as an event of its own, so that each meets a process of its own. */
async function receiveAll(queue: LocalQueue, ids: Set<string>): Promise<SQSEvent[]> {
  const events: SQSEvent[] = [];
  for (;;) {
    const { Records } = await queue.receive();
    if (Records.length === 0) return events;
    for (const record of Records) {
      ids.add(record.messageAttributes["tendril.job_id"]?.stringValue ?? "");
      events.push({ Records: [record] });
    }
  }
}

/** One invocation in a process of its own: its clients and its wires are nobody else's. */
async function deliver(stage: Stage, way: Way, queue: LocalQueue, event: SQSEvent, fault?: Fault): Promise<void> {
  const database = await openFaultyWire(stage.local.wire.url);
  const endpoint = (await stage.sqs.client.config.endpoint?.()) ?? { protocol: "", hostname: "", port: 0 };
  const sqs = await openFaultyWire(`${endpoint.protocol}//${endpoint.hostname}:${endpoint.port}`);
  const clients: RDSDataClient[] = [];
  const newDataApi = (): RDSDataClient => {
    // Without the SDK's own retries, which would repeat an insert whose answer was lost.
    const client = new RDSDataClient({ ...clientConfig(database.url), maxAttempts: 1 });
    clients.push(client);
    return client;
  };
  const sqsClient = new SQSClient({ ...clientConfig(sqs.url), maxAttempts: 1 });
  const isGone = fault === undefined ? () => false : prepare(fault, database, sqs);
  const worker = way.open({ newDataApi, sqs: sqsClient, database: stage.database, queue, now: stage.now });
  try {
    const response = await worker(event, invocationContext(60_000));
    if (!isGone()) await queue.acknowledge(event, response);
  } finally {
    for (const client of [sqsClient, ...clients]) client.destroy();
    await Promise.all([database.close(), sqs.close()]);
  }
}

/** Makes the wires do what the fault says. Tells whether the process is gone: then nobody hears what it answers. */
function prepare(fault: Fault, database: FaultyWire, sqs: FaultyWire): () => boolean {
  const isEffect = ({ body }: { readonly body: string }): boolean => body.includes("insert into effects");
  switch (fault) {
    case "the answer to the effect is lost":
      database.loseAnswerOf(isEffect);
      return () => false;
    case "the process is gone after the record, before the delete":
      return () => true;
    case "the process is gone after the effect, before the record": {
      let gone = false;
      database.decide((call) => {
        if (gone) return "lose the call";
        gone = isEffect(call);
        return "pass";
      });
      sqs.decide(() => (gone ? "lose the call" : "pass"));
      return () => true;
    }
  }
}
