import type { JobId } from "@tendril/core/job-id";
import type { Cancellation, JobRecord, JobStore, KeyedJob } from "@tendril/core/job-record";
import type { Database } from "./database.ts";
import { listJobs } from "./job-store-list.ts";
import { readRecord, readState } from "./job-store-row.ts";

/**
 * What the ledger tells of jobs, to those outside of a worker: one Data API call each. All of them are made again when an
 * answer was lost. Errors are the SDK's own (`isDatabaseAway` tells those of a database that is away), but for
 * `query_invalid` of a page that is asked for wrongly.
 */
export function createJobStore(database: Database): JobStore {
  return {
    read: (id, signal) => readJob(database, id, signal),
    list: (query, signal) => listJobs(database, query, signal),
    note: (jobs, signal) => noteJobs(database, jobs, signal),
    cancel: (job, signal) => cancelJob(database, job, signal),
  };
}

const readSql = "select * from tendril.read_job(:p1::uuid)";

async function readJob(database: Database, id: JobId, signal: AbortSignal): Promise<JobRecord | undefined> {
  const [row, ...pieces] = await database.execute(readSql, [id], { repeatable: true, signal });
  if (row === undefined) return undefined;
  const record = readRecord(id, row);
  if (pieces.length === 0) return record;
  const bytes = pieces.map(({ result_piece: piece }) => Buffer.from(String(piece), "base64"));
  const result: unknown = JSON.parse(Buffer.concat(bytes).toString("utf8"));
  return { ...record, result };
}

const noteSql = "select fits from tendril.note(:p1::text::json) order by nth";

async function noteJobs(database: Database, jobs: readonly KeyedJob[], signal: AbortSignal): Promise<boolean[]> {
  if (jobs.length === 0) return [];
  const list = jobs.map(({ id, type, queue, inputHash }, nth) => ({ nth, id, type, queue, input_hash: inputHash }));
  const rows = await database.execute(noteSql, [JSON.stringify(list)], { repeatable: true, signal });
  return rows.map(({ fits }) => fits === true);
}

const cancelSql = "select tendril.cancel(:p1::uuid, :p2, :p3) as state";

async function cancelJob(
  database: Database,
  { id, type, queue }: Parameters<JobStore["cancel"]>[0],
  signal: AbortSignal,
): Promise<Cancellation> {
  const [row] = await database.execute(cancelSql, [id, type, queue], { repeatable: true, signal });
  const state = readState(row?.state);
  return state === "cancelled" ? { kind: "cancelled" } : { kind: "begun", state };
}
