import { parseJobId } from "@tendril/core/job-id";
import { type JobState, jobStates } from "@tendril/core/job-record";
import { type RemoteOptions, readRemoteOptions, remoteConfig } from "./remote-options.ts";
import { readSpan } from "./span.ts";
import { parseWords, readNumber, usageError } from "./usage-error.ts";
import { fillWait, readWaitMs } from "./wait-option.ts";

/** What the commands that look at a tier, and change how it stands, may be told. */
export type JobsCommand = { readonly remote: RemoteOptions; readonly json: boolean } & (
  | { readonly name: "jobs"; readonly filter: JobFilter; readonly limit: number }
  | { readonly name: "job"; readonly action: "show"; readonly jobId: string; readonly waitMs: number | undefined }
  | { readonly name: "job"; readonly action: "cancel" | "retry"; readonly jobId: string }
  | { readonly name: "queues"; readonly action: "list" }
  | { readonly name: "queues"; readonly action: "pause" | "resume"; readonly queue: string }
  | { readonly name: "schedules"; readonly action: "list" }
  | { readonly name: "schedules"; readonly action: "run"; readonly schedule: string }
  | { readonly name: "tail"; readonly filter: JobFilter }
);

/** Which jobs. */
export interface JobFilter {
  readonly state: JobState | undefined;
  readonly type: string | undefined;
  readonly queue: string | undefined;
  /** Jobs whose last attempt began then or later, in milliseconds since 1970. */
  readonly sinceMs: number | undefined;
}

export const jobsUsage = `tendril jobs                     the jobs whose attempts began last, the newest first
tendril job ID                   all of a job: how it stands, its times, its last error, its result
tendril job cancel ID            keep a job that has not begun from running
tendril job retry ID             send a dead job back to its queue
tendril queues                   how many jobs wait, run and are dead in each queue, and whether it is paused
tendril queues pause|resume NAME stop or start running a queue's jobs; it takes jobs all the time
tendril schedules [run NAME]     the schedules with their next runs; run one now
tendril tail                     follow what becomes of jobs, until Ctrl-C; asking keeps a database awake

  --state STATE            ${jobStates.join(", ")}
  --type TYPE, --queue NAME
                           those of a job type, of a queue
  --since 1h               those whose last attempt began not longer ago; tail: begin that far back
  --limit NUMBER           jobs: at most so many (20)
  --all                    jobs: all of them
  --wait[=30s]             job ID: wait for its end; the exit code tells how it ended`;

/** The first words of `JobsCommand`s. */
export const jobsCommandNames = ["jobs", "job", "queues", "schedules", "tail"] as const;

/** Reads such a command with the words after it; `--since` is counted back from `nowMs`. Error: `usage`. */
export function readJobsCommand(
  name: (typeof jobsCommandNames)[number],
  words: readonly string[],
  nowMs: number,
): JobsCommand {
  const { values, positionals } = parse(name, words);
  const parts = { remote: readRemoteOptions(values), json: values.json };
  checkOptions(name, values);
  switch (name) {
    case "jobs":
      refuseWords(name, positionals);
      return { name, ...parts, filter: readFilter(values, nowMs), limit: readLimit(values) };
    case "tail":
      refuseWords(name, positionals);
      return { name, ...parts, filter: readFilter(values, nowMs) };
    case "job":
      return { ...parts, ...readJob(positionals, readWaitMs(values.wait)) };
    case "queues":
      return { ...parts, ...readQueues(positionals) };
    case "schedules":
      return { ...parts, ...readSchedules(positionals) };
  }
}

type Values = ReturnType<typeof parse>["values"];

function parse(name: string, words: readonly string[]) {
  const config = {
    args: fillWait(words),
    allowPositionals: true,
    options: {
      ...remoteConfig,
      state: { type: "string" },
      type: { type: "string" },
      queue: { type: "string" },
      since: { type: "string" },
      limit: { type: "string" },
      all: { type: "boolean", default: false },
      wait: { type: "string" },
    },
  } as const;
  return parseWords(config, name);
}

/** The options of each, besides those of every command that speaks to the API. */
export const jobsOptions: Readonly<Record<(typeof jobsCommandNames)[number], readonly (keyof Values)[]>> = {
  jobs: ["state", "type", "queue", "since", "limit", "all"],
  tail: ["state", "type", "queue", "since"],
  job: ["wait"],
  queues: [],
  schedules: [],
};

function checkOptions(name: (typeof jobsCommandNames)[number], values: Values): void {
  const options = new Set(Object.values(jobsOptions).flat());
  for (const option of options) {
    const isGiven = values[option] !== undefined && values[option] !== false;
    if (isGiven && !jobsOptions[name].includes(option)) {
      throw usageError(
        `${name} --${option}`,
        jobsOptions[name].map((each) => `--${each}`).join(", ") || "no such option",
      );
    }
  }
}

function refuseWords(name: string, words: readonly string[]): void {
  if (words.length > 0) throw usageError(`${name} ${words.join(" ")}`, `${name}, and options`);
}

function readFilter({ state, type, queue, since }: Values, nowMs: number): JobFilter {
  const known = jobStates.find((each) => each === state);
  if (state !== undefined && known === undefined) throw usageError(`--state ${state}`, jobStates.join(", "));
  return { state: known, type, queue, sinceMs: since === undefined ? undefined : nowMs - readSpan("--since", since) };
}

function readLimit({ limit, all }: Values): number {
  if (all && limit !== undefined) throw usageError("--all and --limit", "one of them");
  if (all) return Number.POSITIVE_INFINITY;
  return readNumber("--limit", limit ?? "20", [1, 1_000_000_000]);
}

function readJob(words: readonly string[], waitMs: number | undefined) {
  const [first, second] = words;
  if (first !== undefined && words.length === 1) {
    return { name: "job", action: "show", jobId: parseJobId(first, "ID"), waitMs } as const;
  }
  if (second !== undefined && words.length === 2 && (first === "cancel" || first === "retry")) {
    if (waitMs !== undefined) throw usageError(`job ${first} --wait`, "--wait with job ID");
    return { name: "job", action: first, jobId: parseJobId(second, "ID") } as const;
  }
  throw usageError(`job ${words.join(" ")}`.trim(), "job ID, job cancel ID, job retry ID");
}

function readQueues([action, queue, ...others]: readonly string[]) {
  if (action === undefined) return { name: "queues", action: "list" } as const;
  if ((action === "pause" || action === "resume") && queue !== undefined && others.length === 0) {
    return { name: "queues", action, queue } as const;
  }
  throw usageError(`queues ${action} ${queue ?? ""}`.trim(), "queues, queues pause NAME, queues resume NAME");
}

function readSchedules([action, ...names]: readonly string[]) {
  if (action === undefined) return { name: "schedules", action: "list" } as const;
  if (action === "run" && names.length > 0) {
    return { name: "schedules", action, schedule: names.join(" ") } as const; // names have spaces
  }
  throw usageError(`schedules ${action}`, "schedules, schedules run NAME");
}
