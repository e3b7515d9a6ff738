import { createTestTier } from "@tendril/testing/test-tier";
import { expect, test } from "vitest";
import { CronJob } from "./cron-job.ts";
import { handlers } from "./handlers.ts";
import { tier } from "./tier.ts";

test("runs every minute, and knows which", async () => {
  const now = new Date("2026-11-20T09:59:30Z");
  await using t = await createTestTier({ tier, handlers, cron: true, now });

  await t.clock.advance("2 minutes");
  expect(await t.enqueued(CronJob)).toMatchObject([
    { schedule: { name: "cron-job", scheduledAt: new Date("2026-11-20T10:00:00Z") } },
    { schedule: { name: "cron-job", scheduledAt: new Date("2026-11-20T10:01:00Z") } },
  ]);

  const runs = await t.drain();
  expect(runs.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
  expect(runs[0]?.logs).toEqual([{ message: "it is time", facts: { scheduled_at: "2026-11-20T10:00:00.000Z" } }]);
});
