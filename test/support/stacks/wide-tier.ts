/** A tier that says something about everything, with names as long as they may be. */
import { defineJob } from "@tendril/core/job";
import { defineTier } from "@tendril/core/tier";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;

const Mail = defineJob({
  type: "Mail",
  input,
  queue: "outgoing-mail-to-all",
  timeout: "2 minutes",
  effects: "at-least-once",
});
const Ledger = defineJob({ type: "Ledger", input, queue: "in-order", retry: { attempts: 12 } });
const Report = defineJob({ type: "Report", input, queue: "slow", timeout: "890 seconds" });

/** A stage's name that is longer than anybody's. */
export const wideStage = `feature-${"x".repeat(50)}`;

export const tier = defineTier({
  name: "a-rather-long-name-x",
  queues: {
    "outgoing-mail-to-all": {
      retention: "1 day",
      deadLetterRetention: "7 days",
      maxReceiveCount: 20,
      alarmAfter: "90 seconds",
      worker: { memoryMb: 1024, batchSize: 500, batchWindow: "5 seconds", maximumConcurrency: 2, jobsAtOnce: 50 },
    },
    "in-order": { fifo: true, worker: { timeout: "1 minute", batchSize: 5 } },
    slow: {},
  },
  jobs: [Mail, Ledger, Report],
  cron: "test/support/stacks/wide-cron.yaml",
  encryption: "kms",
  largeInputs: "s3",
  monitoring: { email: "ops@example.com", stages: ["production", wideStage] },
});
