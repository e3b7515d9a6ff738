import type { Database } from "./database.ts";

/** How a transaction of the database stands; `forgotten`: it ended so long ago that Postgres no longer knows how. */
export type TransactionState = "in progress" | "committed" | "aborted" | "forgotten";

/**
 * Asks Postgres how a transaction stands. `xid` is what `pg_current_xact_id()` said in it, as text. What it has committed is
 * seen by every statement after the answer "committed".
 * https://www.postgresql.org/docs/17/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
 */
export async function readTransactionState(
  database: Database,
  xid: string,
  signal: AbortSignal,
): Promise<TransactionState> {
  const [row] = await database.execute(stateSql, [xid], { repeatable: true, signal });
  const state = row?.state;
  return state === "in progress" || state === "committed" || state === "aborted" ? state : "forgotten";
}

const stateSql = "select pg_xact_status(:p1::text::xid8) as state";
