import type { Row } from "@tendril/core/handler";
import { followUpJobId } from "@tendril/core/job-id";
import type { WireJob } from "@tendril/core/message";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LedgerBench, newJob, openLedgerBench, signal } from "./support/ledger-bench.ts";

let bench: LedgerBench;

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

const dayMs = 24 * 3_600_000;

/** Lets a job's last attempt have begun so many days ago. */
const age = (job: WireJob, days: number) =>
  bench.query("update tendril.jobs set started_at = now() - $2 * interval '1 day' where id = $1", [job.id, days]);

async function agedJob(days: number): Promise<WireJob> {
  const job = newJob();
  await bench.fail(job, 1, "retry");
  await age(job, days);
  return job;
}

const purge = (days: number, most = 100) => bench.ledger.purge({ olderThanMs: days * dayMs, most });

describe("a purge", () => {
  beforeEach(() => bench.query("truncate tendril.jobs, tendril.failed_attempts, tendril.starts, tendril.outbox"));

  const left = async () => (await bench.query("select id from tendril.jobs")).map(({ id }) => id);

  test("forgets jobs whose last attempt is long ago, with their failures, and no others", async () => {
    const [old, young] = [await agedJob(31), await agedJob(29)];
    expect(await purge(30)).toBe(1);
    expect(await left()).toEqual([young.id]);
    const failures = await bench.query("select job_id from tendril.failed_attempts");
    expect(failures).toEqual([{ job_id: young.id }]);
    expect(await bench.rowOf(old)).toBeUndefined();
    expect(await purge(30)).toBe(0);
  });

  test("takes the oldest first, and so many at most", async () => {
    const jobs = [];
    for (const days of [33, 35, 31, 34, 32]) jobs.push(await agedJob(days));
    expect(await purge(30, 2)).toBe(2);
    expect(new Set(await left())).toEqual(new Set([jobs[0]?.id, jobs[2]?.id, jobs[4]?.id]));
    expect(await purge(30, 2)).toBe(2);
    expect(await purge(30, 2)).toBe(1);
    expect(await left()).toEqual([]);
  });

  test("never forgets a job that owes follow-ups, nor stops at it", async () => {
    const owing = newJob();
    const { transaction } = await bench.claimed(owing);
    const id = followUpJobId(owing.id, 0);
    const followUps = [{ id, queue: "jobs", body: "{}", attributes: {} }];
    await bench.ledger.finish(transaction, { jobId: owing.id, followUps });
    await transaction.commit();
    await age(owing, 40);
    await agedJob(35);
    expect(await purge(30, 1)).toBe(1);
    expect(await purge(30, 1)).toBe(0);
    expect(await left()).toEqual([owing.id]);
    await bench.ledger.clearFollowUps([id], signal);
    expect(await purge(30, 1)).toBe(1);
  });

  test("does not wait for a job that is claimed just now", async () => {
    const job = await agedJob(31);
    const { attempt, transaction } = await bench.claimed(job);
    expect(await purge(30)).toBe(0);
    await transaction.commit();
    expect(attempt).toBe(2);
    expect(await bench.rowOf(job)).toMatchObject({ state: "done" });
  });

  test("of two at once forgets each job once", async () => {
    for (let count = 0; count < 20; count += 1) await agedJob(31);
    const purged = await Promise.all([purge(30, 5), purge(30, 5), purge(30, 5)]);
    expect(await left()).toHaveLength(20 - purged.reduce((sum, count) => sum + count));
  });

  test("forgets marks of starts whose job was never heard of again", async () => {
    const job = newJob();
    await bench.ledger.markStart(job.id, signal);
    await purge(30);
    expect(await bench.query("select 1 from tendril.starts")).toHaveLength(1);
    await bench.query("update tendril.starts set started_at = now() - interval '31 days'");
    await purge(30);
    expect(await bench.query("select 1 from tendril.starts")).toEqual([]);
  });
});

describe("in a large ledger", () => {
  const fill = [
    "truncate tendril.jobs, tendril.failed_attempts, tendril.starts, tendril.outbox",
    `insert into tendril.jobs (id, type, queue, state, attempts, first_started_at, started_at, failed_at, schedule, scheduled_at)
     select gen_random_uuid(), 'TestJob', 'jobs', case when n % 100 = 0 then 'dead' else 'skipped' end, 1, now(),
       now() - n * interval '1 minute', now(), 'task', now() from generate_series(1, 100000) as n`,
    `insert into tendril.failed_attempts select id, gen_random_uuid(), 1, 'retry', now(), now(), 'Error: no'
     from tendril.jobs where state = 'dead' or random() < 0.2`,
    "insert into tendril.starts select gen_random_uuid(), gen_random_uuid(), now() from generate_series(1, 20000)",
    `insert into tendril.outbox select gen_random_uuid(), id, 0, 'jobs', '{}', '{}' from tendril.jobs
     where random() < 0.2 and started_at > now() - interval '60 days'`,
  ];
  beforeAll(async () => {
    for (const statement of fill) await bench.query(statement);
  });

  /** How many rows one transaction reads one after the other, without an index, by table. */
  async function readWithoutIndex(run: (execute: (sql: string) => Promise<Row[]>) => Promise<unknown>) {
    const transactionId = await bench.database.begin();
    const execute = (sql: string) => bench.database.execute(sql, [], { transactionId });
    const count = () =>
      execute("select relname, seq_tup_read from pg_stat_xact_user_tables where schemaname = 'tendril'");
    // What the session has read before may be in these counts too.
    const before = await count();
    await run(execute);
    const after = await count();
    await bench.database.rollback(transactionId);
    const rowsOf = (rows: Row[], table: unknown) =>
      Number(rows.find((row) => row.relname === table)?.seq_tup_read ?? 0);
    const read = after.map(({ relname }) => [relname, rowsOf(after, relname) - rowsOf(before, relname)] as const);
    return read.filter(([, rows]) => rows > 0);
  }

  const id = newJob().id;
  const claim = `select * from tendril.claim('${id}', 'TestJob', 'jobs', 'm', null, null)`;
  const statements: [string, ...string[]][] = [
    ["a claim", claim],
    [
      "a claim of a job that is dead",
      `select claim.* from (select id from tendril.jobs where state = 'dead' limit 1) as job, tendril.claim(job.id, 't', 'q', null, null, null) as claim`,
    ],
    ["the end of a job that is done", claim, "set constraints all immediate"],
    [
      "a failure's line",
      `select tendril.record_failure('${id}', '${id}', 't', 'q', 'm', 'dead', 1, '1 second', 'e', null, null)`,
    ],
    ["the check of a schedule's run", `select * from tendril.skip_overlap('${id}', 'task', now())`],
    ["follow-ups that are read", `select * from tendril.follow_ups('${id}', 0, 0, 300000)`],
    [
      "follow-ups that are forgotten",
      `delete from tendril.outbox using unnest('{${id}}'::text::uuid[]) as sent (id) where outbox.id = sent.id`,
    ],
    ["a purge", `select tendril.purge(now() - interval '65 days', 500)`],
    ["a purge that finds nothing", `select tendril.purge(now() - interval '1000 days', 500)`],
  ];

  describe.each(["without statistics", "with statistics"])("%s", (which) => {
    beforeAll(async () => {
      if (which === "with statistics") await bench.query("analyze");
    });

    test.each(statements)("%s reads by indexes alone", async (_, ...sql) => {
      const read = await readWithoutIndex(async (execute) => {
        for (const statement of sql) await execute(statement);
      });
      expect(read).toEqual([]);
    });
  });
});
