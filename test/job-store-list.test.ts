import type { JobQuery, JobRecord, JobStore } from "@tendril/core/job-record";
import { createJobStore } from "@tendril/ledger/job-store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LedgerBench, newJob, openLedgerBench, signal } from "./support/ledger-bench.ts";

let bench: LedgerBench;
let store: JobStore;

beforeAll(async () => {
  bench = await openLedgerBench();
  store = createJobStore(bench.database);
});
afterAll(() => bench.close());

const list = (query: Partial<JobQuery> = {}) => store.list({ limit: 20, ...query }, signal);

/** All pages, one after the other. */
async function listAll(query: Partial<JobQuery>): Promise<{ jobs: JobRecord[]; pages: number }> {
  const jobs: JobRecord[] = [];
  let pages = 0;
  for (let next: string | undefined = ""; next !== undefined; pages += 1) {
    const page = await list({ ...query, ...(next === "" ? {} : { cursor: next }) });
    jobs.push(...page.jobs);
    next = page.next;
  }
  return { jobs, pages };
}

const rows = 20_000;

/** Job number 1 is the newest, each a second older than the one before; ten share each time. */
const fill = [
  "alter table tendril.jobs disable trigger jobs_finished",
  `insert into tendril.jobs (id, type, queue, state, attempts, first_started_at, started_at, finished_at, last_error)
   select gen_random_uuid(), case when n % 2000 = 7 then 'RareJob' else 'CommonJob' end,
     case when n % 3 = 0 then 'mail' else 'jobs' end,
     case n % 200 when 50 then 'dead' when 100 then 'retry' when 150 then 'cancelled' else 'done' end, 1,
     timestamptz '2026-11-20 12:00:00Z' - n / 10 * interval '10 s', timestamptz '2026-11-20 12:00:00Z' - n / 10 * interval '10 s',
     timestamptz '2026-11-20 12:00:00Z', case when n <= 120 then repeat(chr(1), 5000) end
   from generate_series(1, ${rows}) as n`,
  `insert into tendril.keys (id, type, queue, input_hash, noted_at)
   select id, type, queue, '', started_at from tendril.jobs`,
  `insert into tendril.keys (id, type, queue, input_hash, noted_at)
   select gen_random_uuid(), 'CommonJob', 'jobs', '', timestamptz '2026-11-20 12:00:00Z' - n * interval '1 hour'
   from generate_series(1, 3) as n`,
  "alter table tendril.jobs enable trigger jobs_finished",
];

describe("in a ledger of many jobs", () => {
  beforeAll(async () => {
    for (const statement of fill) await bench.query(statement);
  });

  test("a page has the newest jobs, without results, with errors cut", async () => {
    const { jobs, next } = await list({ limit: 100 });
    expect(jobs).toHaveLength(100);
    expect(next).toBeDefined();
    const times = jobs.map(({ startedAt }) => startedAt?.getTime() ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect(new Set(jobs.map(({ lastError }) => lastError?.length))).toEqual(new Set([1000]));
    expect(jobs.some((job) => "result" in job)).toBe(false);
  });

  test.each<[string, Partial<JobQuery>, string]>([
    ["dead", { state: "dead" }, "state = 'dead'"],
    ["retry", { state: "retry" }, "state = 'retry'"],
    ["cancelled", { state: "cancelled" }, "state = 'cancelled'"],
    ["of a rare type", { type: "RareJob" }, "type = 'RareJob'"],
    [
      "dead, of a type and a queue",
      { state: "dead", type: "CommonJob", queue: "mail" },
      "state = 'dead' and queue = 'mail'",
    ],
    [
      "of an hour",
      { since: new Date("2026-11-20T10:00:00Z"), until: new Date("2026-11-20T10:20:00Z") },
      "started_at >= '2026-11-20 10:00Z' and started_at < '2026-11-20 10:20Z'",
    ],
    ["of a type and a state that do not meet", { state: "dead", type: "RareJob" }, "false"],
  ])("pages of those that are %s have each of them once, in order", async (_, query, condition) => {
    const { jobs } = await listAll({ ...query, limit: 30 });
    const expected = await bench.query(
      `select id from tendril.jobs where ${condition} order by started_at desc, id desc`,
    );
    expect(jobs.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
  });

  test("queued are those that were noted and have no row", async () => {
    const { jobs, pages } = await listAll({ state: "queued" });
    expect(jobs.map(({ state, enqueuedAt }) => [state, enqueuedAt?.toISOString()])).toEqual([
      ["queued", "2026-11-20T11:00:00.000Z"],
      ["queued", "2026-11-20T10:00:00.000Z"],
      ["queued", "2026-11-20T09:00:00.000Z"],
    ]);
    expect(pages).toBe(5);
  });
});

test("a job that is tried again is listed as running, and not as waiting", async () => {
  const job = { ...newJob(), type: "TriedAgain" };
  const states = async (query: Partial<JobQuery>) =>
    (await list({ type: "TriedAgain", ...query })).jobs.map(({ state }) => state);
  await bench.fail(job, 1, "retry");
  expect(await states({})).toEqual(["retry"]);
  expect(await states({ state: "running" })).toEqual([]);
  const { transaction } = await bench.claimed(job);
  expect(await states({})).toEqual(["running"]);
  expect(await states({ state: "running" })).toEqual(["running"]);
  expect(await states({ state: "retry" })).toEqual([]);
  await transaction.commit();
  expect(await states({})).toEqual(["done"]);
});

test.each<[string, Partial<JobQuery>]>([
  ["a limit of 0", { limit: 0 }],
  ["a limit of 101", { limit: 101 }],
  ["half a limit", { limit: 1.5 }],
  ["an invalid time", { since: new Date("never") }],
  ["a time that Postgres does not know", { until: new Date(-8e15) }],
  ["a type that no text can name", { type: "a\u0000" }],
  ["no cursor", { cursor: "" }],
  ["another cursor", { cursor: "bm90IG9uZQ" }],
])("a page is refused for %s", async (_, query) => {
  await expect(list(query)).rejects.toMatchObject({ code: "query_invalid" });
});
