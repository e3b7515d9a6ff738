/** The tiers whose stacks are held against their plans. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CronEntry, readCronYaml } from "@tendril/core/cron-yaml";
import { type Plan, planTier } from "@tendril/core/plan";
import type { Tier } from "@tendril/core/tier";
import { tier } from "@tendril/jobs/tier";
import { tier as bareTier } from "./bare-tier.ts";
import { evaluated } from "./shared.ts";
import type { Stack } from "./stack.ts";
import { wideStage, tier as wideTier } from "./wide-tier.ts";

/** The project's root. */
export const root = join(import.meta.dirname, "../../..");

/** Where the tier stands, from the root. */
export const tierFile = "packages/jobs/src/tier.ts";

/** How long an evaluation may take, the first of all with the platform's installation. */
export const threeMinutesMs = 180_000;

/** A tier's plan with its cron.yaml. */
export function planOf(given: Tier): Plan {
  const result = planTier(given, given.cron === undefined ? [] : schedulesOf(given.cron));
  if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

function schedulesOf(file: string): readonly CronEntry[] {
  const cron = readCronYaml(readFileSync(join(root, file), "utf8"), file);
  return cron.kind === "schedules" ? cron.schedules : [];
}

/** A tier of a stage, and what would be deployed of it. */
export interface Case {
  readonly name: string;
  readonly plan: Plan;
  readonly stage: string;
  /** What is evaluated in place of the project's own files. */
  readonly replaced: Readonly<Record<string, string>>;
  readonly stack: () => Promise<Stack>;
}

function caseOf(name: string, given: Tier, { stage, file }: { stage: string; file?: string }): Case {
  const replaced =
    file === undefined ? {} : { [tierFile]: `export { tier } from "../../../test/support/stacks/${file}";` };
  return { name, plan: planOf(given), stage, replaced, stack: () => evaluated({ root, stage, replaced }) };
}

/** The project's own tier, as somebody's own stage: the evaluated stack is shared by all test files. */
export const own = caseOf("the project's tier, stage test", tier, { stage: "test" });

/** The project's own tier in production. */
export const production = caseOf("the project's tier, in production", tier, { stage: "production" });

/** A tier that says something about everything: three queues, one of them FIFO, a key of its own, alarms, a long stage. */
export const wide = caseOf("a wide tier, a long stage", wideTier, { stage: wideStage, file: "wide-tier.ts" });

/** A tier that says nothing, and whose jobs need no ledger. */
export const bare = caseOf("a bare tier", bareTier, { stage: "test", file: "bare-tier.ts" });

/** All of them. */
export const cases: readonly Case[] = [own, production, wide, bare];
