import type { HttpCall } from "@tendril/client/http-call";
import { awaitJob, failureOf, lookAtJob, type SeenJob } from "./await-job.ts";
import { jobsText, jobText } from "./job-text.ts";
import type { JobsCommand } from "./jobs-command.ts";
import { queuesText, schedulesText } from "./queue-text.ts";
import { openRemote, type Remote } from "./remote.ts";
import { jobPages, mostOfPage } from "./remote-pages.ts";
import { tail } from "./tail.ts";

type Command<Name extends JobsCommand["name"]> = Extract<JobsCommand, { readonly name: Name }>;

/**
 * `tendril jobs`, `job`, `queues`, `schedules` and `tail`: what a tier's API says, in words or with `--json` as it says it.
 * Errors: what the API answers, and for `job ID --wait` those of `awaitJob` and `job_failed`.
 */
export async function jobs(command: JobsCommand): Promise<void> {
  endWithReader();
  const remote = await openRemote(command.remote);
  switch (command.name) {
    case "jobs":
      return list(command, remote);
    case "job":
      return job(command, remote);
    case "queues":
      return queues(command, remote);
    case "schedules":
      return schedules(command, remote);
    case "tail":
      return tail(command, remote);
  }
}

/** `tendril jobs | head`: when nobody reads on, nothing is left to do. */
function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

async function list({ filter, limit, json }: Command<"jobs">, { call }: Remote): Promise<void> {
  const found: SeenJob[] = [];
  let isMore = false;
  for await (const page of jobPages(call, filter, Math.min(limit, mostOfPage))) {
    found.push(...page.jobs);
    isMore = page.next !== undefined || found.length > limit;
    if (found.length >= limit) break;
  }
  const shown = found.slice(0, limit);
  if (json) return printJson(shown.map((each) => each.json));
  if (shown.length === 0) return console.log("no jobs");
  console.log(
    jobsText(
      shown.map((each) => each.job),
      Date.now(),
    ),
  );
  if (isMore) console.error("there are more: --limit NUMBER, --all");
}

async function job(command: Command<"job">, { call }: Remote): Promise<void> {
  const { action, jobId, json } = command;
  if (action === "show") return showJob(command, call);
  const answer =
    action === "cancel"
      ? await call({ method: "DELETE", path: `/jobs/${jobId}`, repeatable: true })
      : await call({ method: "POST", path: `/jobs/${jobId}/retry`, repeatable: false });
  if (json) printJson(answer);
  else console.log(`${action === "cancel" ? "cancelled" : "sent back"} ${jobId}`);
}

type ShowJob = Extract<JobsCommand, { readonly action: "show" }>;

async function showJob({ jobId, waitMs, json }: ShowJob, call: HttpCall): Promise<void> {
  const seen = await (waitMs === undefined ? lookAtJob(call, jobId) : awaitJob(call, jobId, waitMs));
  if (json) printJson(seen.json);
  else console.log(jobText(seen, Date.now()));
  const failure = waitMs === undefined ? undefined : failureOf(seen.job);
  if (failure !== undefined) throw failure;
}

async function queues(command: Command<"queues">, { call }: Remote): Promise<void> {
  if (command.action === "list") {
    const answer = await call({ method: "GET", path: "/queues", repeatable: true });
    return command.json ? printJson(answer) : console.log(queuesText(answer));
  }
  const { action, queue, json } = command;
  const path = `/queues/${encodeURIComponent(queue)}/${action}`;
  const answer = await call({ method: "POST", path, repeatable: true });
  if (json) return printJson(answer);
  console.log(action === "pause" ? `paused ${queue}: what is running goes on to its end` : `resumed ${queue}`);
}

async function schedules(command: Command<"schedules">, { call }: Remote): Promise<void> {
  if (command.action === "list") {
    const answer = await call({ method: "GET", path: "/schedules", repeatable: true });
    return command.json ? printJson(answer) : console.log(schedulesText(answer));
  }
  const path = `/schedules/${encodeURIComponent(command.schedule)}/run`;
  const answer = await call({ method: "POST", path, repeatable: false });
  if (command.json) return printJson(answer);
  const hasId = typeof answer === "object" && answer !== null && "job_id" in answer;
  console.log(hasId ? String(answer.job_id) : "enqueued");
}

function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}
