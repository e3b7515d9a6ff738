import { expect, test } from "vitest";
import { runCampaign } from "./support/faults/campaign.ts";

test("under faults of every kind each job ends done or dead, and takes effect once", { timeout: 240_000 }, async () => {
  const { verdict, faults } = await runCampaign({
    seed: "short",
    parents: 60,
    tricks: 1,
    longestSeconds: 200,
    onProgress: () => {},
  });

  expect(verdict.problems).toEqual([]);
  expect(verdict.done + verdict.dead).toBeGreaterThanOrEqual(60);
  expect(faults.size).toBeGreaterThan(5);
});
