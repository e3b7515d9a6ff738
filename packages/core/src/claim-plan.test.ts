import { expect, test } from "vitest";
import type { Problem } from "./errors.ts";
import { planTier } from "./plan.ts";
import type { QueueOptions, Tier } from "./tier.ts";

const tierOf = (queues: Tier["queues"], largeInputs?: "s3" | "refuse"): Tier => ({
  name: "app",
  queues,
  jobs: [],
  ...(largeInputs === undefined ? {} : { largeInputs }),
});

function planned(tier: Tier) {
  const result = planTier(tier);
  if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
  return result.plan.largeInputs;
}

test("large inputs are refused, unless the tier says otherwise", () => {
  expect(planned(tierOf({ jobs: {} }))).toEqual({ kind: "refuse" });
  expect(planned(tierOf({ jobs: {} }, "refuse"))).toEqual({ kind: "refuse" });
});

test.each<[string, Readonly<Record<string, QueueOptions>>, number]>([
  ["the defaults, 4 and 14 days", { jobs: {} }, 2 * (4 + 14 + 4)],
  ["shorter ones", { jobs: { retention: "1 hour", deadLetterRetention: "12 hours" } }, 2],
  ["the longest of several queues", { jobs: {}, slow: { retention: "10 days" } }, 2 * (10 + 14 + 10)],
  ["a FIFO queue", { jobs: { fifo: true } }, 44],
])("objects are there as long as a message and its parent's can be: %s", (_, queues, expiryDays) => {
  expect(planned(tierOf(queues, "s3"))).toEqual({ kind: "s3", expiryDays });
});

test("a worker with little memory is refused, where inputs may be large", () => {
  const small = { jobs: { worker: { memoryMb: 256 } }, roomy: { worker: { memoryMb: 512 } } };
  expect(planned(tierOf(small))).toEqual({ kind: "refuse" });
  const result = planTier(tierOf(small, "s3"));
  expect(result).toMatchObject({
    kind: "refused",
    problems: [{ where: "queues.jobs.worker.memoryMb", given: "256 MB", allowed: expect.stringContaining("512 MB") }],
  });
});

test("a word that says neither is refused", () => {
  // @ts-expect-error: only the two words are known
  const result = planTier({ ...tierOf({ jobs: {} }), largeInputs: "S3" });
  const problems: readonly Problem[] = result.kind === "refused" ? result.problems : [];
  expect(problems).toEqual([{ where: "largeInputs", given: '"S3"', allowed: '"refuse" or "s3"' }]);
});
