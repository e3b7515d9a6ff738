import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { SqlValue } from "@tendril/core/handler";
import type { Database } from "@tendril/ledger/database";
import { startPostgres } from "@tendril/local/postgres/postgres";
import pg from "pg";
import { migrateLedger } from "../local-aws.ts";

/** A ledger's tables in a Postgres of their own, reached in one session and without the Data API before it. */
export interface LedgerTables {
  /** In one session: one transaction at a time, and plans that the session keeps. It has no `bind`. */
  readonly database: Database;
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** The plans, as they were run, of all statements of `work`, with those inside functions and triggers. */
  plansOf(work: () => Promise<unknown>): Promise<Plan[]>;
  close(): Promise<void>;
}

/** A statement and how Postgres ran it. */
export interface Plan {
  readonly sql: string;
  readonly root: PlanNode;
}

export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Starts Postgres in a temporary folder. It keeps no statistics by itself. */
export async function openLedgerTables(): Promise<LedgerTables> {
  const dir = await mkdtemp(path.join(tmpdir(), "tendril-scale-"));
  const postgres = await startPostgres({ dir, port: 0, log: () => {}, durable: false });
  const client = new pg.Client({ connectionString: postgres.url, ssl: false, types: { getTypeParser: parserOf } });
  await client.connect();
  const query: LedgerTables["query"] = async (sql) => (await client.query(sql)).rows;
  const plans: Plan[] = [];
  client.on("notice", ({ message = "" }) => {
    const json = /^duration: .*plan:\n(.*)$/s.exec(message)?.[1];
    if (json !== undefined) plans.push(planOf(JSON.parse(json)));
  });
  for (const sql of [
    "alter system set autovacuum = off",
    "select pg_reload_conf()",
    "load 'auto_explain'",
    ...explain,
  ]) {
    await query(sql);
  }
  const database = sessionDatabase(client);
  await migrateLedger(database);
  return {
    database,
    query,
    async plansOf(work) {
      plans.length = 0;
      await query("set auto_explain.log_min_duration = 0");
      try {
        await work();
      } finally {
        await query("set auto_explain.log_min_duration = -1");
      }
      return plans.splice(0);
    },
    async close() {
      await client.end();
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const explain = [
  "set client_min_messages = log",
  "set auto_explain.log_nested_statements = on",
  "set auto_explain.log_analyze = on",
  "set auto_explain.log_timing = off",
  "set auto_explain.log_format = json",
];

/** As the Data API has them: JSON's values, and times as text in UTC without a zone. */
function parserOf(type: number): (text: string) => unknown {
  if (type === pg.types.builtins.BOOL) return (text) => text === "t";
  if (type === pg.types.builtins.INT4 || type === pg.types.builtins.INT8) return Number;
  if (type === pg.types.builtins.TIMESTAMPTZ) return (text) => text.replace(/\+00$/, "");
  return (text) => text;
}

function sessionDatabase(client: pg.Client): Database {
  const run = async (sql: string, values: readonly SqlValue[] = []) =>
    (await client.query(sql.replaceAll(/(?<!:):p(\d+)/g, "$$$1"), [...values])).rows;
  return {
    begin: async () => {
      await run("begin");
      return "the session's";
    },
    execute: run,
    commit: async () => void (await run("commit")),
    rollback: async () => void (await run("rollback")),
    bind() {
      throw new Error("A session has no client of the Data API.");
    },
  };
}

function planOf(json: { readonly "Query Text": string; readonly Plan: PlanNode }): Plan {
  return { sql: json["Query Text"], root: json.Plan };
}

/** How long ago the oldest job of `fillLedger` began, in days. */
export const oldestDays = 100;

/**
 * Adds so many jobs: most are done; a tenth each is dead, retry or skipped; the oldest fifth is of a type of its own, and the
 * oldest tenth was cancelled, each of them. As many keys; a third as many starts and follow-ups that wait, and a fifth as many failures. The
 * statistics are not changed by it.
 */
export async function fillLedger(tables: Pick<LedgerTables, "query">, rows: number): Promise<void> {
  for (const sql of fillSql(rows)) await tables.query(sql);
}

const fillSql = (rows: number): string[] => [
  "set session_replication_role = replica", // no triggers, and sessions keep their plans
  `insert into tendril.jobs (id, type, queue, state, attempts, first_started_at, started_at, failed_at, finished_at, last_error, schedule, scheduled_at)
   select gen_random_uuid(), case when n % 1000 = 7 then 'RareJob' when n > 0.8 * ${rows} then 'OldJob' else 'CommonJob' end, 'jobs',
     case when n > 0.9 * ${rows} then 'cancelled' else coalesce((array['dead', 'retry', 'skipped'])[n % 10 + 1], 'done') end, 1,
     now() - n * (interval '${oldestDays} days' / ${rows}), now() - n * (interval '${oldestDays} days' / ${rows}),
     now() - n * (interval '${oldestDays} days' / ${rows}), now(), 'Error: no', case when n % 4 < 2 then 'task' end, now() from generate_series(1, ${rows}) as n`,
  `insert into tendril.failed_attempts select id, gen_random_uuid(), 1, 'retry', now(), now(), 'Error: no'
   from tendril.jobs where state in ('dead', 'retry')`,
  `insert into tendril.starts select gen_random_uuid(), gen_random_uuid(), now() - n * (interval '${oldestDays} days' / ${rows})
   from generate_series(1, ${rows} / 3) as n`,
  `insert into tendril.outbox (id, parent_id, position, queue, body, attributes)
   select gen_random_uuid(), id, 0, 'jobs', '{"job_type":"CommonJob","data":1}', '{}' from tendril.jobs
   where state = 'done' and started_at > now() - interval '${oldestDays / 2} days'`,
  `insert into tendril.keys (id, type, queue, input_hash, noted_at) select id, type, queue, '', started_at from tendril.jobs`,
  "reset session_replication_role",
];
