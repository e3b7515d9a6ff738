import { handle } from "@tendril/core/handler";
import { CronJob } from "./cron-job.ts";

export const cron = handle(CronJob, async (_input, job) => {
  job.log("it is time", { scheduled_at: job.schedule?.scheduledAt.toISOString() ?? "not by a schedule" });
});
