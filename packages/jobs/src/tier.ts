import { defineTier } from "@tendril/core/tier";
import { CronJob } from "./cron-job.ts";
import { IncrementJob } from "./increment-job.ts";

export const tier = defineTier({
  name: "tendril",
  queues: { jobs: {} },
  jobs: [IncrementJob, CronJob],
  cron: "packages/jobs/cron.yaml",
});
