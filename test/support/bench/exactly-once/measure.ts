import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import type { Row as DatabaseRow } from "@tendril/core/handler";
import { createDatabase } from "@tendril/ledger/database";
import { startAws, temporaryFolder } from "../../aws-process.ts";
import { migrateLedger } from "../../local-aws.ts";
import type { BenchReport } from "../bench.ts";
import { type BatchCalls, countCalls } from "./calls.ts";
import { type KillResult, measureKills } from "./kills.ts";
import { clientConfig, type LocalAws } from "./lane.ts";
import { createIdempotencyTable } from "./postgres-persistence.ts";
import { measureRounds, type Timing } from "./rounds.ts";
import { callRows, killRows, timingRows } from "./rows.ts";
import { createEffectsTable, ways } from "./ways.ts";

export interface ExactlyOnceOptions {
  /** Jobs of each way in each round, a multiple of ten. */
  readonly jobs: number;
  /** The ways take turns in each, in an order that turns too. */
  readonly rounds: number;
  /** How long each call of the Data API is held up, in milliseconds: each is measured. On AWS it is 20 to 100. */
  readonly callTimesMs: readonly number[];
  /** Jobs of each way that meet each fault. */
  readonly kills: number;
  readonly progress: (line: string) => void;
}

/** What the figures are made of. */
export interface ExactlyOnceFound {
  readonly calls: readonly BatchCalls[];
  readonly timings: readonly Timing[];
  /** Of all jobs but those that met a fault. */
  readonly effects: DatabaseRow | undefined;
  readonly kills: readonly KillResult[];
}

/**
 * Measures what exactly-once costs: one worker, in this process, with the SDK's clients on `tendril aws` in another one, does
 * jobs that insert one row, in batches of 10, one invocation at a time.
 */
export async function measureExactlyOnce(
  options: ExactlyOnceOptions,
): Promise<BenchReport & { readonly found: ExactlyOnceFound }> {
  const folder = await temporaryFolder();
  const preload = pathToFileURL(join(import.meta.dirname, "../aws/ends-with-parent.ts"));
  const aws = await startAws({ folder: folder.path, shell: `NODE_OPTIONS="--import ${preload}" exec "$@"` });
  try {
    const measured = await measureAll({ url: aws.url, database: linkOf(aws.databaseUrl) }, options);
    const kills = await measureKills(options.kills, options.progress);
    const rows = [...callRows(measured.calls), ...timingRows(measured.timings), ...killRows(kills)];
    return { rows, notes, found: { ...measured, kills } };
  } finally {
    await aws.stop();
    await folder.remove();
  }
}

async function measureAll(place: LocalAws, { jobs, rounds, callTimesMs, progress }: ExactlyOnceOptions) {
  const client = new RDSDataClient(clientConfig(place.url));
  const database = createDatabase({ client, link: place.database });
  await migrateLedger(database);
  await database.execute(createEffectsTable, []);
  await database.execute(createIdempotencyTable, []);
  const calls: BatchCalls[] = [];
  for (const way of ways) {
    progress(`calls: ${way.name}`);
    calls.push(await countCalls(way, place));
  }
  await database.execute("truncate effects", []);
  const timings: Timing[] = [];
  for (const callMs of callTimesMs)
    timings.push(...(await measureRounds({ ways, aws: place, jobs, rounds, callMs, progress })));
  const [effects] = await database.execute("select count(*) as rows, count(distinct job) as jobs from effects", []);
  client.destroy();
  if (effects?.rows !== effects?.jobs) throw new Error(`${effects?.rows} effects of ${effects?.jobs} jobs`);
  return { calls, timings, effects };
}

function linkOf(databaseUrl: string): LocalAws["database"] {
  const database = new URL(databaseUrl).pathname.slice(1);
  return { clusterArn: "arn:aws:rds:us-east-1:000000000000:cluster:local", secretArn: "arn:local", database };
}

const notes = [
  "exactly-once: the insert (job.sql), the claim and the done mark are one transaction. Whatever breaks, and however often SQS\ndelivers, the row is there once. Grouped: the same insert (job.write), but the ten jobs are committed together, in one call.\nAt-least-once: the same insert through a Data API client of the handler's own. A second delivery inserts again.",
  'Powertools idempotency: the same insert in Powertools\' batch processor and makeIdempotent, its records in the same Postgres\nthrough the same Data API, over the documented extension point. The record "in progress", the insert and the record\n"completed" are three transactions: a second delivery after the third does nothing, and one after a process that ended, or an\nanswer that was lost, between the second and the third inserts again. (A handler whose insert came after the record would\nlose it instead.) Records expire, after an hour by default; then all of it is forgotten. With the DynamoDB layer it is the\nsame: the record is then not even in the same database.',
  "On AWS a call of the Data API takes 20 to 100 ms, which counts for more than anything that this machine does.",
];
