import { createTestTier, type TestTier } from "@tendril/testing/test-tier";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { handlers } from "./handlers.ts";
import { IncrementJob } from "./increment-job.ts";
import { tier } from "./tier.ts";

let t: TestTier;

beforeAll(async () => {
  t = await createTestTier({ tier, handlers, migrations: "packages/jobs/migrations" });
});
beforeEach(() => t.reset());
afterAll(() => t.close());

test("keeps its text, and is done", async () => {
  const run = await t.run(IncrementJob, "hello");
  expect(run).toMatchObject({ outcome: "done", attempt: 1 });
  expect(await t.sql`select data from job_server_data`).toEqual([{ data: "hello" }]);
  expect(await t.job(run.id)).toMatchObject({ type: "IncrementJob", state: "done", attempts: 1 });
});

test("waits for its time", async () => {
  const id = await t.enqueue(IncrementJob, "later", { delay: "1 hour" });
  expect(await t.enqueued(IncrementJob)).toMatchObject([{ id, input: "later", delayMs: 3_600_000 }]);
  expect(await t.drain()).toEqual([]);

  await t.clock.advance("1 hour");
  expect(await t.drain()).toMatchObject([{ id, outcome: "done" }]);
});

test.each(["delivered twice", "crash after commit"] as const)(
  "takes effect once when it is hit by: %s",
  async (fault) => {
    const { deliveries } = await t.run(IncrementJob, "once", { fault });
    expect(deliveries.at(-1)).toMatchObject({ outcome: "duplicate" });
    expect(await t.sql`select data from job_server_data`).toEqual([{ data: "once" }]);
  },
);

test("is tried five times, then is dead, and tells why", async () => {
  const run = await t.run(IncrementJob, "a text that PostgreSQL refuses: \0", { attempts: "all" });
  expect(run.deliveries.map(({ outcome }) => outcome)).toEqual(["retry", "retry", "retry", "retry", "dead"]);
  expect(String(run.error)).toContain("invalid byte sequence");
  expect(t.deadLetters()).toMatchObject([{ id: run.id, type: "IncrementJob", attempt: 5 }]);
});
