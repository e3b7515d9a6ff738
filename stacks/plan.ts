/**
 * The tier, worked out: the same plan that the local runtime reads. A tier that cannot be planned ends the deployment
 * here, before SST makes anything; sst.config.ts imports this file first.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CronEntry, cronYamlError, readCronYaml } from "@tendril/core/cron-yaml";
import { type Plan, planTier, refusal } from "@tendril/core/plan";
import type { Tier } from "@tendril/core/tier";
import { tier } from "@tendril/jobs/tier";

/** Every number that AWS is given. */
export const plan = planned(tier);

function planned(given: Tier): Plan {
  const result = planTier(given, readSchedules(given));
  if (result.kind === "refused") throw refusal(result.problems);
  return result.plan;
}

function readSchedules({ cron }: Tier): readonly CronEntry[] {
  if (cron === undefined) return [];
  const result = readCronYaml(readFileSync(join($cli.paths.root, cron), "utf8"), cron);
  if (result.kind === "schedules") return result.schedules;
  throw cronYamlError(result.errors);
}
