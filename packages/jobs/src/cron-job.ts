import { defineJob } from "@tendril/core/job";
import * as z from "zod";

/** Runs every minute, see cron.yaml. */
export const CronJob = defineJob({
  type: "CronJob",
  input: z.unknown(),
  timeout: "30 seconds",
});
