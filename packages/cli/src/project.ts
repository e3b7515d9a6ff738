import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type CronEntry, cronYamlError, readCronYaml } from "@tendril/core/cron-yaml";
import { TendrilError } from "@tendril/core/errors";
import { type Plan, planTier, refusal } from "@tendril/core/plan";
import type { Tier } from "@tendril/core/tier";

/** A user's project: where it is, and its tier. */
export interface Project {
  readonly root: string;
  readonly tier: Tier;
}

const tierFile = "packages/jobs/src/tier.ts";

/** Finds the project that a folder belongs to and loads its tier. Errors: `project_missing`, `tier_refused`. */
export async function openProject(from: string): Promise<Project> {
  const root = findRoot(from);
  try {
    const module: unknown = await import(pathToFileURL(join(root, tierFile)).href);
    return { root, tier: exportedTier(module) };
  } catch (error) {
    if (error instanceof TendrilError) throw error;
    throw new TendrilError("tier_refused", {
      where: placeOf(error, root) ?? tierFile,
      given:
        error instanceof Error
          ? `a file that does not load (${error.name}: ${firstLine(error.message)})`
          : "a file that does not load",
      allowed: "a module that loads",
      fix: "Correct it and start again.",
      cause: error,
    });
  }
}

/** Plans the project's tier with its cron.yaml. Errors: `cron_yaml_invalid`, `tier_refused`, each with every reason. */
export async function planProject({ root, tier }: Project): Promise<Plan> {
  const result = planTier(tier, tier.cron === undefined ? [] : await readSchedules(tier.cron, root));
  if (result.kind === "refused") throw refusal(result.problems);
  return result.plan;
}

/** Reads a cron.yaml, by its path from a folder (default: the working folder). Error: `cron_yaml_invalid`, with every problem. */
export async function readSchedules(file: string, from = process.cwd()): Promise<readonly CronEntry[]> {
  const text = await readFile(resolve(from, file), "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new TendrilError("cron_yaml_invalid", {
      where: file,
      given: error.code === "ENOENT" ? "no file" : `a file that cannot be read (${error.code})`,
      allowed: "a file that can be read",
      fix: "Check its path: the project's own is the tier's `cron`.",
    });
  });
  const result = readCronYaml(text, file);
  if (result.kind === "schedules") return result.schedules;
  throw cronYamlError(result.errors);
}

function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, tierFile))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw new TendrilError("project_missing", {
    where: from,
    given: `a folder without ${tierFile}`,
    allowed: "a folder inside a Tendril project",
    fix: "Go to the project's folder and try again.",
  });
}

function exportedTier(module: unknown): Tier {
  const tier = typeof module === "object" && module !== null && "tier" in module ? module.tier : undefined;
  if (isTier(tier)) return tier;
  throw new TendrilError("tier_refused", {
    where: tierFile,
    given: "no export named `tier`",
    allowed: "export const tier = defineTier({ name, queues, jobs })",
  });
}

function isTier(value: unknown): value is Tier {
  if (typeof value !== "object" || value === null) return false;
  return "name" in value && "queues" in value && "jobs" in value && Array.isArray(value.jobs);
}

/** `file:line` of a module that does not load, as Node writes it at the head of the stack. */
function placeOf(error: unknown, root: string): string | undefined {
  const match = error instanceof Error ? /(file:\/\/[^\s:]+):(\d+)/.exec(error.stack ?? "") : null;
  return match === null ? undefined : `${relative(root, fileURLToPath(match[1] ?? ""))}:${match[2]}`;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
