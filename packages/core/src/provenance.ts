/** Where each number of a plan comes from. */
import { parseDuration, wordDuration } from "./duration.ts";
import { longestLifeSeconds } from "./ledger-plan.ts";
import type { JobSpec } from "./job.ts";
import { type Plan, type QueuePlan, settleSlackSeconds } from "./plan.ts";
import type { QueueOptions, Tier } from "./tier.ts";
