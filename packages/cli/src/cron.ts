import { diffSchedules } from "@tendril/core/cron-diff";
import { warnOfSchedules } from "@tendril/core/cron-warnings";
import type { CronEntry } from "@tendril/core/cron-yaml";
import { nextRunIn } from "@tendril/core/cron-zone";
import { type Problem, TendrilError } from "@tendril/core/errors";
import { refusal } from "@tendril/core/plan";
import { planSchedules, routeOf } from "@tendril/core/schedule-plan";
import type { Tier } from "@tendril/core/tier";
import { calendarText } from "./cron-calendar.ts";
import type { CronCommand } from "./cron-command.ts";
import { checkText, diffText, explainText, listText, nextText, zoneOf } from "./cron-text.ts";
import { openProject, readSchedules } from "./project.ts";

/**
 * `tendril cron`: looks into a cron.yaml, runs nothing. Errors: `cron_yaml_invalid` and `tier_refused`, each with every
 * reason; `usage` for a task that the file does not have.
 */
export async function cron(command: CronCommand): Promise<void> {
  if (command.name === "diff") return diff(command);
  const { file, entries, tier } = await openSchedules(command.file);
  switch (command.name) {
    case "check":
      checkRoutes(entries, tier);
      return console.log(checkText(file, entries, warningsOf(entries, command.fromMs, tier)));
    case "list":
      return command.json
        ? printJson(entries.map((entry) => listed(entry, command.fromMs, tier)))
        : console.log(listText(entries, command.fromMs));
    case "next": {
      const entry = entryOf(entries, command.task, file);
      const runs = nextRuns(entry, command.fromMs, command.count);
      return command.json ? printJson(runs.map(isoTime)) : console.log(nextText(entry, runs));
    }
    case "explain":
      return console.log(explainText(entryOf(entries, command.task, file)));
    case "calendar":
      return console.log(calendarText(entries, command));
    default:
      command satisfies never;
  }
}

async function diff(command: Extract<CronCommand, { name: "diff" }>): Promise<void> {
  const [before, after] = [await readSchedules(command.before), await readSchedules(command.after)];
  const changes = diffSchedules(before, after, { fromMs: command.fromMs });
  if (command.json) return printJson(changes);
  console.log(diffText(changes));
}

interface Schedules {
  readonly file: string;
  readonly entries: readonly CronEntry[];
  /** The project's, when the file is the project's own. */
  readonly tier?: Tier;
}

async function openSchedules(file: string | undefined): Promise<Schedules> {
  if (file !== undefined) return { file, entries: await readSchedules(file) };
  const { root, tier } = await openProject(process.cwd());
  if (tier.cron === undefined) return { file: "no cron.yaml", entries: [], tier };
  return { file: tier.cron, entries: await readSchedules(tier.cron, root), tier };
}

/** Every entry has to lead to a job type of the tier; without a tier nobody knows. */
function checkRoutes(entries: readonly CronEntry[], tier: Tier | undefined): void {
  if (tier === undefined) return;
  const problems: Problem[] = [];
  planSchedules(tier, entries, (problem) => problems.push(problem));
  if (problems.length > 0) throw refusal(problems);
}

function warningsOf(entries: readonly CronEntry[], fromMs: number, tier: Tier | undefined) {
  const timeoutMsOf = (entry: CronEntry): number | undefined => {
    const { type } = routeOf(entry, tier);
    return tier?.jobs.find((job) => job.type === type)?.timeoutMs;
  };
  return warnOfSchedules(entries, { fromMs, timeoutMsOf });
}

function entryOf(entries: readonly CronEntry[], name: string, file: string): CronEntry {
  const entry = entries.find((each) => each.name === name);
  if (entry !== undefined) return entry;
  throw new TendrilError("usage", {
    where: file,
    given: `task ${JSON.stringify(name)}`,
    allowed: entries.map((each) => JSON.stringify(each.name)).join(", ") || "no task: the file has none",
    fix: "See `tendril cron list`.",
  });
}

/** The next runs of an entry, whether it is enabled or not. */
function nextRuns(entry: CronEntry, fromMs: number, count: number): number[] {
  const runs: number[] = [];
  for (let runMs = fromMs - 1; runs.length < count; runs.push(runMs)) {
    runMs = nextRunIn(entry.schedule, zoneOf(entry), runMs);
  }
  return runs;
}

function listed(entry: CronEntry, fromMs: number, tier: Tier | undefined) {
  const { name, url, expression, enabled } = entry;
  const next = enabled ? isoTime(nextRunIn(entry.schedule, zoneOf(entry), fromMs - 1)) : null;
  return {
    name,
    url,
    job: routeOf(entry, tier).type ?? null,
    schedule: expression,
    timezone: zoneOf(entry),
    enabled,
    next,
  };
}

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString().replace(".000", "");

function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
