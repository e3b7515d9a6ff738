import { handle } from "@tendril/core/handler";
import { IncrementJob } from "./increment-job.ts";

export const increment = handle(IncrementJob, async (data, job) => {
  await job.sql`insert into job_server_data (data) values (${data})`;
});
