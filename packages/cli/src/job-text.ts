/** What `tendril jobs`, `job` and `tail` print. */
import type { JobRecord, JobState } from "@tendril/core/job-record";
import type { SeenJob } from "./await-job.ts";
import { paint } from "./paint.ts";
import { columnLines, cut, plainLine, plainText } from "./plain-text.ts";
import { widest } from "./plan-table.ts";
import { shortSpan } from "./span.ts";

const colours = {
  queued: "dim",
  running: "cyan",
  retry: "yellow",
  done: "green",
  dead: "red",
  skipped: "yellow",
  cancelled: "yellow",
} as const satisfies Record<JobState, string>;

/** How a state is shown: in its colour. */
const painted = (line: string, { state }: JobRecord): string => line.replace(state, paint(colours[state], state));

/** When a job came to how it stands, in milliseconds since 1970; undefined when nobody knows. */
export function changedAtMs(job: JobRecord): number | undefined {
  const { finishedAt, failedAt, startedAt, enqueuedAt, state } = job;
  const failed = state === "dead" || state === "retry" ? failedAt : undefined;
  return (finishedAt ?? failed ?? startedAt ?? enqueuedAt)?.getTime();
}

/** Jobs as a table, the last error of each in a line of its own. */
export function jobsText(jobs: readonly JobRecord[], nowMs: number): string {
  const rows = jobs.map((job) => {
    const atMs = changedAtMs(job);
    const age = atMs === undefined ? "?" : shortSpan(nowMs - atMs);
    return [job.state, plainLine(job.type), job.id, plainLine(job.queue), String(job.attempts), age];
  });
  const [head = "", ...lines] = columnLines([["STATE", "TYPE", "JOB", "QUEUE", "ATTEMPTS", "AGE"], ...rows], [1, 3]);
  return [
    paint("dim", head),
    ...jobs.flatMap((job, index) => [painted(lines[index] ?? "", job), ...errorLine(job)]),
  ].join("\n");
}

function errorLine({ lastError, state }: JobRecord): string[] {
  if (lastError === undefined || state === "done") return [];
  return [paint("dim", `  ${cut(plainLine(lastError), widest - 2)}`)];
}

/** A line for how a job has come to stand, and one for its error. */
export function changeText(job: JobRecord, nowMs: number): string {
  const time = new Date(changedAtMs(job) ?? nowMs).toTimeString().slice(0, 8);
  const attempts = job.attempts > 1 ? `  attempt ${job.attempts}` : "";
  const type = cut(plainLine(job.type), 24);
  const line = `${time}  ${job.state.padEnd(9)}  ${type}  ${job.id}${attempts}`;
  return [painted(line, job), ...errorLine(job)].join("\n");
}

/** All of a job. */
export function jobText({ job, tracked }: SeenJob, nowMs: number): string {
  const time = (at: Date | undefined): string | undefined =>
    at && `${at.toISOString().replace("T", " ")}  ${paint("dim", `${shortSpan(nowMs - at.getTime())} ago`)}`;
  const facts: [string, string | undefined][] = [
    ["state", paint(colours[job.state], job.state)],
    ["type", job.type],
    ["queue", job.queue],
    ["attempts", String(job.attempts)],
    ["schedule", job.schedule && `${job.schedule.name}, for ${job.schedule.scheduledAt.toISOString()}`],
    ["enqueued", time(job.enqueuedAt)],
    ["first started", job.attempts > 1 ? time(job.firstStartedAt) : undefined],
    ["started", time(job.startedAt)],
    ["failed", time(job.failedAt)],
    ["finished", time(job.finishedAt)],
    ["last error", job.lastError && plainText(job.lastError)],
    ["result", job.result === undefined ? undefined : plainText(JSON.stringify(job.result, null, 2))],
    ["tracked", tracked ? undefined : "no: its effects are at-least-once, nothing tells when it has run"],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${name.padEnd(14)}${value.replaceAll("\n", `\n${" ".repeat(16)}`)}`],
  );
  return [paint("bold", job.id), ...lines].join("\n");
}
