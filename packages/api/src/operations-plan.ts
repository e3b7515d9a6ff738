import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CronEntry } from "@tendril/core/cron-yaml";
import type { Plan } from "@tendril/core/plan";
import type { Tier } from "@tendril/core/tier";

/**
 * The tier's plan with the schedules of its cron.yaml, which lies below `root`: worked out when it is first asked for, with
 * code that is loaded then, and kept. Errors: `cron_yaml_invalid`, `tier_refused`; asked again, it tries again.
 */
export function lazyPlan(tier: Tier, root: string): () => Promise<Plan> {
  let plan: Promise<Plan> | undefined;
  return () => {
    plan ??= makePlan(tier, root).catch((error: unknown) => {
      plan = undefined;
      throw error;
    });
    return plan;
  };
}

async function makePlan(tier: Tier, root: string): Promise<Plan> {
  const { planTier, refusal } = await import("@tendril/core/plan");
  const result = planTier(tier, tier.cron === undefined ? [] : await readSchedules(join(root, tier.cron), tier.cron));
  if (result.kind === "refused") throw refusal(result.problems);
  return result.plan;
}

async function readSchedules(path: string, name: string): Promise<readonly CronEntry[]> {
  const { cronYamlError, readCronYaml } = await import("@tendril/core/cron-yaml");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    const problem = {
      file: name,
      line: 1,
      column: 1,
      given: `no file (${error.code})`,
      allowed: "the tier's cron.yaml",
    };
    throw cronYamlError([{ ...problem, fix: "It is copied into the function's bundle: see stacks/api.ts." }]);
  });
  const result = readCronYaml(text, name);
  if (result.kind === "schedules") return result.schedules;
  throw cronYamlError(result.errors);
}
