/** As little as a tier can be: one job type, whose effects need no ledger, and nothing that happens by itself. */
import { defineJob } from "@tendril/core/job";
import { defineTier } from "@tendril/core/tier";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;

export const tier = defineTier({
  name: "x",
  queues: { jobs: {} },
  jobs: [defineJob({ type: "Ping", input, effects: "at-least-once" })],
});
