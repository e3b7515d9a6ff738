import type { Handler } from "@tendril/core/handler";
import { cron } from "./cron-job.handler.ts";
import { increment } from "./increment-job.handler.ts";

/** Every job type's handler. Only workers import this. */
export const handlers: readonly Handler[] = [increment, cron];
