import { TendrilError } from "@tendril/core/errors";
import type { Row, SqlValue } from "@tendril/core/handler";
import { parseJobId } from "@tendril/core/job-id";
import type { JobPage, JobQuery } from "@tendril/core/job-record";
import type { Database } from "./database.ts";
import { type Place, readCursor, writeCursor } from "./job-store-cursor.ts";
import { readRecord } from "./job-store-row.ts";

/** How many rows a page looks at, at most: what no index tells and is not found among them is on later pages. */
const mostLookedAt = 5_000;

/** A page of jobs. Errors: `query_invalid`. */
export async function listJobs(database: Database, query: JobQuery, signal: AbortSignal): Promise<JobPage> {
  const { sql, values } = pageSql(query);
  const rows = await database.execute(sql, values, { repeatable: true, signal });
  const found = rows.filter(({ id }) => id !== null && id !== undefined);
  const page = found.slice(0, query.limit);
  const jobs = page.map((row) => readRecord(parseJobId(String(row.id)), row));
  const next = nextPlace(found.length > query.limit ? page.at(-1) : undefined, rows[0]);
  return next === undefined ? { jobs } : { jobs, next: writeCursor(next) };
}

/** After the last job of a full page; else after the last row that was looked at, when there may be more. */
function nextPlace(lastFound: Row | undefined, looked: Row | undefined): Place | undefined {
  if (lastFound !== undefined) return { atMicros: Number(lastFound.at_micros), id: String(lastFound.id) };
  if (looked === undefined || Number(looked.looked_at) < mostLookedAt) return undefined;
  return { atMicros: Number(looked.last_micros), id: String(looked.last_id) };
}

/**
 * The statement of a page. It walks an index from the newest job on, over so many rows and no more, and only then keeps
 * what the index does not tell.
 */
function pageSql(query: JobQuery): { readonly sql: string; readonly values: readonly SqlValue[] } {
  checkQuery(query);
  const { table, walkedState, columns, chosen, typeIsIndexed } = sourceOf(query);
  const { type = null, queue, since, until } = query;
  const { atMicros, id } = query.cursor === undefined ? { atMicros: null, id: null } : readCursor(query.cursor);
  const walkedType = typeIsIndexed ? type : null;
  const values: SqlValue[] = [table === "keys", walkedState, walkedType, timeOf(since), timeOf(until), atMicros, id];
  const value = (given: SqlValue): string => `:p${values.push(given)}`;
  if (type !== null && !typeIsIndexed) chosen.push(`type = ${value(type)}::text`);
  if (queue !== undefined) chosen.push(`queue = ${value(queue)}::text`);
  const sql = `with held as materialized (select tendril.claims_held() as key),
walked as materialized (
  select ${columns}, place from tendril.walk(
    :p1::bool, :p2::text, :p3::text, :p4::text::timestamptz, :p5::text::timestamptz,
    timestamptz 'epoch' + :p6::int8 * interval '1 microsecond', :p7::uuid,
    ${chosen.length === 0 ? query.limit + 1 : mostLookedAt}
  )
),
looked as (
  select count(*) over () as looked_at, ${micros} as last_micros, id as last_id from walked order by place, id limit 1
),
found as (
  select *, ${micros} as at_micros from walked ${where(chosen)}
  order by place desc, id desc limit ${query.limit + 1}
)
select * from looked left join found on true order by place desc, id desc`;
  return { sql, values };
}

const timeOf = (time: Date | undefined): string | null => time?.toISOString() ?? null;

const micros = "(extract(epoch from place) * 1000000)::int8";

const where = (conditions: readonly string[]): string =>
  conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;

const isHeld = "tendril.claim_key(id) in (select key from held)";

/** Which rows are walked through. */
interface Source {
  readonly table: "jobs" | "keys";
  /** The state that the walk's index tells, or `done`, which it nearly does; null for every state. */
  readonly walkedState: string | null;
  readonly columns: string;
  /** Conditions on what the walk has found. */
  readonly chosen: string[];
  readonly typeIsIndexed: boolean;
}

function sourceOf({ state }: JobQuery): Source {
  if (state === "queued") return noted();
  // A job that is running has the row that its last attempt has left.
  const rowState = state === "running" ? "retry" : state;
  const typeIsIndexed = rowState === undefined || rowState === "done";
  const showsRow = state === undefined || state === "skipped" || state === "cancelled";
  return {
    table: "jobs",
    walkedState: rowState ?? null,
    columns: `id, type, queue, attempts, first_started_at, started_at, failed_at, finished_at, last_error, schedule,
    scheduled_at, case when state in ('retry', 'dead') and ${isHeld} then 'running' else state end as state`,
    chosen: showsRow ? [] : [`state = '${state}'`],
    typeIsIndexed,
  };
}

// The lookup among the jobs is a subquery of its own: as a join it might be planned over all of them.
const noted = (): Source => ({
  table: "keys",
  walkedState: null,
  columns: "id, type, queue, state, attempts, place as noted_at",
  chosen: ["(select true from tendril.jobs as job where job.id = walked.id) is null", `not ${isHeld}`],
  typeIsIndexed: false,
});

function checkQuery({ limit, since, until, type, queue }: JobQuery): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw refusal("limit", String(limit), "1 to 100");
  for (const [name, time] of Object.entries({ since, until })) {
    const year = time?.getUTCFullYear() ?? 2000;
    if (!(year >= 1 && year <= 9999)) throw refusal(name, "no such time", "a time of the years 1 to 9999");
  }
  for (const [name, text] of Object.entries({ type, queue })) {
    if (text?.includes("\u0000")) throw refusal(name, "a text with the character 0", "a name");
  }
}

const refusal = (where: string, given: string, allowed: string): TendrilError =>
  new TendrilError("query_invalid", { where, given, allowed });
