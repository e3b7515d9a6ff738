import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  fillLedger,
  type LedgerTables,
  openLedgerTables,
  type Plan,
  type PlanNode,
} from "./support/bench/scale-ledger.ts";
import { type LedgerCall, type LedgerCalls, ledgerCalls } from "./support/bench/scale-ledger-calls.ts";

/** Far more than any statement has to look at. */
const rows = 40_000;
/** A purge of 500 jobs passes over some that stay. */
const mostRows = 1_500;
/** A page of the job store looks at 5,000 rows at most. */
const mostRowsOfPage = 5_200;
/** From the sixth on, a session may keep a plan for a function's statement that fits all values. */
const runs = 7;

let tables: LedgerTables;
let calls: LedgerCalls;

beforeAll(async () => {
  tables = await openLedgerTables();
  calls = ledgerCalls(tables);
  await tables.query("analyze");
  // What the session plans now, it keeps.
  for (const [, call] of calls.work) for (let run = 0; run < runs; run += 1) await call();
  await fillLedger(tables, rows);
  await calls.find();
}, 60_000);
afterAll(() => tables?.close());

const ours = new Set(["jobs", "failed_attempts", "starts", "outbox", "keys"]);

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

const lookedAt = (node: PlanNode): number =>
  node["Actual Loops"] *
  (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0));

/** What is wrong with plans: tables that are read one row after the other, and scans of many rows. */
function faultsOf(plans: readonly Plan[], most: number): string[] {
  return plans.flatMap(({ sql, root }) =>
    nodesOf(root)
      .filter((node) => ours.has(node["Relation Name"] ?? "") && node["Node Type"] !== "ModifyTable")
      .filter((node) => node["Node Type"] === "Seq Scan" || lookedAt(node) > most)
      .map((node) => `${node["Node Type"]} of ${lookedAt(node)} rows of ${node["Relation Name"]}: ${sql}`),
  );
}

async function faultsOfAll(list: readonly LedgerCall[], times: number, most: number): Promise<[string, string[]][]> {
  const found: [string, string[]][] = [];
  for (const [name, call] of list) {
    const plans = await tables.plansOf(async () => {
      for (let run = 0; run < times; run += 1) await call();
    });
    found.push([name, plans.length === 0 ? ["nothing was planned"] : [...new Set(faultsOf(plans, most))]]);
  }
  return found.filter(([, faults]) => faults.length > 0);
}

describe.each(["that say that it is empty", "that are fresh"])("in a large ledger with statistics %s", (which) => {
  beforeAll(async () => {
    if (which === "that are fresh") await tables.query("analyze");
  });

  test("whatever a worker or a door does looks at few rows, by indexes", async () => {
    expect(await faultsOfAll(calls.work, runs, mostRows)).toEqual([]);
  });

  test("a page of jobs looks at few rows, by indexes", async () => {
    expect(await faultsOfAll(calls.pages, 1, mostRowsOfPage)).toEqual([]);
  });

  test.each([
    ["one row after the other", "select count(*) from tendril.jobs where last_error = 'x'"],
    ["too many by an index", "select max(last_error) from tendril.jobs where started_at < now() - interval '20 days'"],
    ["one row after the other in a function", "do $$ begin perform from tendril.outbox where body = 'x'; end $$"],
  ])("a statement that reads %s is found out", async (_, sql) => {
    expect(await faultsOfAll([["bad", () => tables.query(sql)]], 1, mostRowsOfPage)).toHaveLength(1);
  });
});
