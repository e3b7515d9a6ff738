import type { WireJob } from "@tendril/core/message";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LedgerBench, needsVirtualClock, newJob, openLedgerBench } from "./support/ledger-bench.ts";

let bench: LedgerBench;

beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

describe("a run that must not overlap", () => {
  let task = "";
  let count = 0;
  beforeEach(() => {
    count += 1;
    task = `task ${count}`;
  });

  const run = (minute: number): WireJob => ({
    ...newJob(),
    schedule: { name: task, scheduledAt: new Date(Date.UTC(2026, 10, 20, 10, minute)) },
    overlap: "skip",
  });
  const running = { kind: "skipped", reason: "another run of the task is running" };
  const waiting = { kind: "skipped", reason: "an earlier run of the task waits to be tried again" };

  test("is skipped for good while another run is running, and runs after it", async () => {
    const [first, second, third] = [run(0), run(1), run(2)];
    const { transaction } = await bench.claimed(first);
    expect(await bench.claim(second)).toEqual(running);
    expect(await bench.rowOf(second)).toMatchObject({
      state: "skipped",
      attempts: 0,
      last_error: `skipped: ${running.reason}`,
    });
    await transaction.commit();
    expect(await bench.claim(second)).toEqual({ kind: "skipped", reason: "the run was skipped before" });
    await bench.fail(second, 1, "retry");
    expect(await bench.rowOf(second)).toMatchObject({ state: "skipped" });
    await (await bench.claimed(third)).transaction.commit();
  });

  test("does not mind another task's run, nor runs that may overlap", async () => {
    const { transaction } = await bench.claimed(run(0));
    const { overlap: _, ...free } = run(1);
    await (await bench.claimed(free)).transaction.commit();
    task = `another ${task}`;
    await (await bench.claimed(run(1))).transaction.commit();
    await transaction.rollback();
  });

  test("that is delivered a second time while it runs is no run of its own", async () => {
    const job = run(0);
    const { transaction } = await bench.claimed(job);
    expect(await bench.claim(job)).toEqual({ kind: "busy" });
    await transaction.commit();
    expect(await bench.rowOf(job)).toMatchObject({ state: "done", attempts: 1 });
  });

  test("is skipped while an earlier run waits to be tried again, which itself is not", async () => {
    const [first, second, third] = [run(0), run(1), run(2)];
    await (await bench.claimed(first)).transaction.rollback();
    await bench.fail(first, 1, "retry");
    expect(await bench.claim(second)).toEqual(waiting);
    const retried = await bench.claimed(first);
    expect(retried.attempt).toBe(2);
    await retried.transaction.commit();
    await (await bench.claimed(third)).transaction.commit();
  });

  test("runs after an earlier run that is dead, or that should have been tried again 12 hours ago", async () => {
    const [dead, lost, next] = [run(0), run(1), run(2)];
    await bench.fail(dead, 3, "dead");
    await (await bench.claimed(lost)).transaction.rollback();
    await bench.fail(lost, 1, "retry");
    const age = (hours: number) =>
      bench.query("update tendril.jobs set failed_at = now() - $2::text::interval where id = $1", [
        lost.id,
        `${hours} h`,
      ]);
    await age(11.9);
    expect(await bench.claim(run(3))).toEqual(waiting);
    await age(12.1);
    await (await bench.claimed(next)).transaction.commit();
  });

  test("runs 3 minutes after a run that crashed, and then nothing of that is left", async (context) => {
    needsVirtualClock(context);
    const [crashed, next] = [run(0), run(1)];
    const transactionId = await bench.database.begin();
    const values = [crashed.id, task, crashed.schedule?.scheduledAt.toISOString() ?? ""];
    await bench.database.execute(
      "select * from tendril.claim(:p1::uuid, 'TestJob', 'jobs', 'm', :p2, :p3::text::timestamptz)",
      values,
      {
        transactionId,
      },
    );
    await bench.database.execute("select tendril.skip_overlap(:p1::uuid, :p2, :p3::text::timestamptz)", values, {
      transactionId,
    });
    expect(await bench.claim(run(2))).toEqual(running);
    await bench.clock.advance(3 * 60_000);
    await (await bench.claimed(next)).transaction.commit();
    expect(await bench.rowOf(crashed)).toBeUndefined();
    await (await bench.claimed(crashed)).transaction.commit();
  });
});
