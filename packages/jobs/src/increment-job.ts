import { defineJob } from "@tendril/core/job";
import * as z from "zod";

/** Keeps a text in job_server_data. */
export const IncrementJob = defineJob({
  type: "IncrementJob",
  input: z.string().max(100_000),
  timeout: "30 seconds",
  retry: { attempts: 5, backoff: { from: "2 seconds", to: "15 minutes" } },
});
