import { join, relative } from "node:path";
import { wordDuration } from "@tendril/core/duration";
import { TendrilError } from "@tendril/core/errors";
import { parseInput } from "@tendril/core/job";
import type { Plan } from "@tendril/core/plan";
import type { Tier } from "@tendril/core/tier";
import { systemClock } from "@tendril/local/clock";
import { type LocalTier, startLocalTier } from "@tendril/local/local-tier";
import { openStateFolder, type StateFolder } from "@tendril/local/state-folder";
import { chaosOf } from "./chaos.ts";
import type { DevOptions } from "./command-line.ts";
import { logLine, lostBatchLine, pauseLine, sentLine } from "./job-lines.ts";
import { paint } from "./paint.ts";
import { openProject, type Project, planProject } from "./project.ts";
import { stopSignal } from "./stop-signal.ts";
import { watchSources } from "./watch.ts";

/** `tendril dev`: runs the worker tier on this machine until it is told to stop. Errors: what cannot be started, and why. */
export async function dev(options: DevOptions): Promise<void> {
  const startedMs = Date.now();
  const project = await openProject(process.cwd());
  const plan = await planProject(project);
  const folder = await openStateFolder(join(project.root, ".tendril"), { fresh: options.fresh });
  try {
    const tier = await start(project, plan, folder, options);
    console.log(await readyText(project.tier, plan, tier, Date.now() - startedMs));
    const watcher = watchSources(project.root, (files) => void reload(project, tier, files));
    const reason = await Promise.race([stopSignal(), tier.broken]);
    watcher.close();
    console.log(`\n${reason}: stopping, running jobs finish first (Ctrl-C again: at once) …`);
    await tier.stop();
    console.log("stopped");
    if (reason.startsWith("PostgreSQL")) process.exitCode = 1;
  } finally {
    await folder.release();
  }
}

async function start(project: Project, plan: Plan, folder: StateFolder, options: DevOptions): Promise<LocalTier> {
  const broken: string[] = [];
  let shown: string | undefined;
  let running = false;
  const tier = await startLocalTier({
    plan,
    clock: systemClock(),
    root: project.root,
    stateDir: folder.path,
    ports: options.ports,
    environmentsAtOnce: options.environmentsAtOnce,
    inspect: options.inspect,
    ...chaosOf(options.chaosSeed),
    onProgress: (step) => print(paint("dim", `· ${step} …`)),
    onSent({ queueName, ...message }) {
      const sources = plan.sources.filter(({ queue }) => queue === queueName);
      print(sentLine(queueName, message, sources));
    },
    onLog({ functionName, text }) {
      // What the migrations came to is told by the tier.
      if (functionName !== plan.migrate.name) print(logLine(functionName, text));
    },
    onLostBatch: (batch) => print(lostBatchLine(batch)),
    onPause: ({ queue, paused }) => print(pauseLine(queue, paused)),
    onReload: () => {
      shown = undefined;
    },
    onInitError({ place, errorType, errorMessage, report }) {
      const where = place === undefined ? "" : `${place.file}:${place.line}:${place.column} `;
      if (!running) broken.push(`${where}${errorType}: ${errorMessage.split("\n")[0]}`);
      else if (shown !== report) print(paint("red", `${report}\nIts queue waits until it is corrected.`));
      shown = report; // several functions may load the same broken file
    },
  });
  running = true;
  if (broken.length === 0) return tier;
  await tier.stop();
  throw new TendrilError("handler_missing", {
    where: [...new Set(broken)].join("; "),
    given: "code that does not load",
    allowed: "handlers that load",
    fix: "Correct it and start again.",
  });
}

/** Code was saved: the functions run it from the next job on; schedules follow cron.yaml. */
async function reload(project: Project, tier: LocalTier, files: readonly string[]): Promise<void> {
  print(paint("dim", `reloaded: ${files.map((file) => relative("packages", file)).join(", ")}`));
  if (files.some((file) => file === project.tier.cron)) {
    try {
      await tier.reschedule(await planProject(project));
    } catch (error) {
      print(paint("red", error instanceof Error ? `${error.message} The schedules stay as they were.` : String(error)));
    }
  }
  if (files.some((file) => file.endsWith("/tier.ts"))) {
    print(paint("yellow", "the tier itself changed: restart `npm run dev` for new queues, numbers and schedules"));
  }
  tier.reload();
}

function print(line: string | undefined): void {
  if (line !== undefined) console.log(line);
}

/** Where a browser shows the API's reference; it sends no token. */
function referenceRow({ apiAccess }: Plan, apiUrl: string): [string, string][] {
  return apiAccess.auth.kind === "token" && apiAccess.docs === "read" ? [] : [["reference", `${apiUrl}/docs`]];
}

const sample = "sendin some sweet data yo";

async function readyText(tier: Tier, plan: Plan, running: LocalTier, tookMs: number): Promise<string> {
  const { aws, apiUrl, queues } = running;
  const rows: [string, string][] = [
    ["enqueue", apiUrl],
    ...referenceRow(plan, apiUrl),
    ["SQS", aws.url],
    ["RDS Data API", aws.url],
    ["Scheduler", aws.url],
    ["Lambda", aws.url],
    ["database", aws.postgres.url],
    ...queues.flatMap(({ name, url, deadLetterUrl }): [string, string][] => [
      [`queue ${name}`, url],
      ["  dead letters", deadLetterUrl],
    ]),
    ...plan.schedules.map((schedule): [string, string] => [
      `schedule ${schedule.task}`,
      `${schedule.entry.expression}  →  ${schedule.jobType}, ${nextText(running.nextRun(schedule.name))}`,
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    "",
    `${paint("bold", "Tendril is running")} ${paint("dim", `(ready in ${wordDuration(tookMs)}; Ctrl-C stops it)`)}`,
    ...(running.migrated.length === 0 ? [] : [paint("dim", `migrations applied: ${running.migrated.join(", ")}`)]),
    "",
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    "",
    "  Try it:",
    `  curl -X POST ${apiUrl}/job/post/${await sampleRequest(tier)}${tokenHeader(running)}`,
    ...accessLines(plan),
    "",
  ].join("\n");
}

const tokenHeader = ({ apiToken }: LocalTier): string =>
  apiToken === undefined ? "" : ` -H 'authorization: Bearer ${apiToken}'`;

/** What the API asks of its callers on AWS, where it is not asked here. */
function accessLines({ apiAccess: { auth } }: Plan): string[] {
  if (auth.kind === "token") return [];
  const asked = auth.kind === "iam" ? "requests signed with AWS credentials" : `a JWT of ${auth.issuer}`;
  return [paint("dim", `  (on AWS the API takes ${asked} only; here it does not look)`)];
}

/** The first job type that takes the sample text, as a request to paste; else the first job type with no input. */
async function sampleRequest(tier: Tier): Promise<string> {
  const body = (value: object): string => `-H 'content-type: application/json' -d '${JSON.stringify(value)}'`;
  for (const spec of tier.jobs) {
    const fits = await parseInput(spec, sample).then(
      () => true,
      () => false,
    );
    if (fits) return `${spec.type} ${body({ data: sample })}`;
  }
  return `${tier.jobs[0]?.type ?? "JOB_TYPE"} ${body({})}`;
}

function nextText(timeMs: number | undefined): string {
  if (timeMs === undefined) return "no next run";
  const leftSeconds = Math.max(0, Math.round((timeMs - Date.now()) / 1000));
  return `next ${new Date(timeMs).toISOString().replace(".000", "")} (in ${wordDuration(leftSeconds * 1000)})`;
}
