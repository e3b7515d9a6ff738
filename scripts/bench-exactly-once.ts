// Measures what exactly-once costs: one worker, in this process, with the SDK's clients on `tendril aws` in another one, does
// jobs that insert one row, in batches of 10, one invocation at a time.
//   exactly-once             the insert (job.sql), the claim and the done mark are one transaction. Whatever breaks, and
//                            however often SQS delivers, the row is there once.
//   exactly-once, grouped    the same insert (job.write), but the ten jobs are committed together, in one call.
//   at-least-once            the same insert through a Data API client of the handler's own. A second delivery inserts again.
//   Powertools idempotency   the same insert in Powertools' batch processor and makeIdempotent, its records in the same
//                            Postgres through the same Data API, over the documented extension point. The record "in
//                            progress", the insert and the record "completed" are three transactions: a second delivery after
//                            the third does nothing, and one after a process that ended, or an answer that was lost,
//                            between the second and the third inserts again. (A handler whose insert came after the record
//                            would lose it instead.) Records expire, after an hour by default; then all of it is forgotten.
//                            With the DynamoDB layer it is the same: the record is then not even in the same database.
//   no-op                    a job that does nothing, both ways: the claim alone.
// node scripts/bench-exactly-once.ts [--jobs N] [--rounds N] [--call-ms LIST] [--kills N] [--json FILE]
//   --jobs     jobs of each way in each round, a multiple of 10 (100)
//   --rounds   rounds (15). The ways take turns in each, in an order that turns too: what else the machine does falls on all
//              of them. Medians of the rounds, and of the differences and ratios within a round.
//   --call-ms  how long each call of the Data API is held up, one table for each: "0,20" by default. On AWS it is 20 to
//              100 ms, which counts for more than anything that this machine does.
//   --kills    jobs of each way that meet each fault (10)
import { writeFile } from "node:fs/promises";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { createDatabase } from "@tendril/ledger/database";
import { startAws, temporaryFolder } from "../test/support/aws-process.ts";
import { migrateLedger } from "../test/support/local-aws.ts";
import { countCalls } from "./bench-exactly-once/calls.ts";
import { measureKills } from "./bench-exactly-once/kills.ts";
import { batchSize, clientConfig, type LocalAws } from "./bench-exactly-once/lane.ts";
import { createIdempotencyTable } from "./bench-exactly-once/postgres-persistence.ts";
import { callsTable, killsTable, summary, timingsTable } from "./bench-exactly-once/report.ts";
import { measureRounds, type Timing } from "./bench-exactly-once/rounds.ts";
import { createEffectsTable, ways } from "./bench-exactly-once/ways.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "100" },
    rounds: { type: "string", default: "15" },
    "call-ms": { type: "string", default: "0,20" },
    kills: { type: "string", default: "10" },
    json: { type: "string" },
  },
});
const jobs = wholeNumber(values.jobs, 1);
if (jobs % batchSize !== 0) throw new Error(`Not a multiple of ${batchSize}: ${jobs}`);
const rounds = wholeNumber(values.rounds, 1);
const callTimes = values["call-ms"].split(",").map((text) => wholeNumber(text, 0));
const kills = wholeNumber(values.kills, 1);
const progress = (line: string): void => console.log(`· ${line}`);

const where = machine();
console.log(where);
const folder = await temporaryFolder();
const preload = pathToFileURL(join(import.meta.dirname, "bench-aws/ends-with-parent.ts"));
const aws = await startAws({ folder: folder.path, shell: `NODE_OPTIONS="--import ${preload}" exec "$@"` });
try {
  const measured = await measure({ url: aws.url, database: linkOf(aws.databaseUrl) });
  const found = { ...measured, kills: await measureKills(kills, progress) };
  console.log(report(found));
  if (values.json) await writeFile(values.json, JSON.stringify({ machine: where, ...found }, undefined, 2));
} finally {
  await aws.stop();
  await folder.remove();
}

async function measure(place: LocalAws) {
  const client = new RDSDataClient(clientConfig(place.url));
  const database = createDatabase({ client, link: place.database });
  await migrateLedger(database);
  await database.execute(createEffectsTable, []);
  await database.execute(createIdempotencyTable, []);
  const calls = [];
  for (const way of ways) {
    progress(`calls: ${way.name}`);
    calls.push(await countCalls(way, place));
  }
  await database.execute("truncate effects", []);
  const timings: Timing[] = [];
  for (const callMs of callTimes)
    timings.push(...(await measureRounds({ ways, aws: place, jobs, rounds, callMs, progress })));
  const [effects] = await database.execute("select count(*) as rows, count(distinct job) as jobs from effects", []);
  client.destroy();
  return { calls, timings, effects };
}

function report({
  calls,
  timings,
  kills: killed,
}: Awaited<ReturnType<typeof measure>> & { kills: Awaited<ReturnType<typeof measureKills>> }): string {
  const tables = callTimes.map((callMs) => {
    const measured = timings.filter((timing) => timing.callMs === callMs);
    const held =
      callMs === 0
        ? "calls of the Data API as fast as this machine has them"
        : `each call of the Data API held up for ${callMs} ms`;
    return `${held}: ${rounds} rounds of ${jobs} jobs\n\n${timingsTable(measured)}\n\n${summary(measured)}`;
  });
  return `
Calls a job, in batches of ${batchSize}

${callsTable(calls)}

${tables.join("\n\n")}

What a fault leaves: ${kills} jobs each, delivered again until none is left

${killsTable(killed)}

The machine did other work too: hold the ways against each other, within this run.`;
}

function linkOf(databaseUrl: string): LocalAws["database"] {
  const database = new URL(databaseUrl).pathname.slice(1);
  return { clusterArn: "arn:aws:rds:us-east-1:000000000000:cluster:local", secretArn: "arn:local", database };
}

function wholeNumber(text: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least) throw new Error(`Not a whole number from ${least}: ${text}`);
  return number;
}

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const system = `${process.platform} ${release()} ${arch()}`;
  return `${cpus().length} cores of ${model}, ${memory}, ${system}, Node ${process.version}; load ${loadavg()[0]?.toFixed(1)} before`;
}
