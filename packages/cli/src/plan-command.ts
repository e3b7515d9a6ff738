import { parseWords, readNumber, usageError } from "./usage-error.ts";

/** What `tendril plan` may be told. */
export interface PlanCommand {
  /** The stage that would be deployed: `production` is kept, and its database does not sleep. */
  readonly stage: string;
  /** The load that the costs are of. */
  readonly jobsPerMonth: number;
  readonly secondsPerJob: number;
  /** Memory of the workers; undefined for the plan's. */
  readonly memoryMb: number | undefined;
  /** Jobs that come to a queue at once; undefined for no such question. */
  readonly burst: number | undefined;
  readonly json: boolean;
}

export const planUsage = `tendril plan    what would be deployed, and what it would cost a month; looks at no account

  --stage NAME             the stage (production); others have a database that sleeps
  --jobs NUMBER            jobs a month that come through the API (100000)
  --seconds NUMBER         how long a job takes (0.2)
  --memory NUMBER          the workers' memory in MB, to see what it would cost (the tier's)
  --burst NUMBER           how long each queue would take for so many jobs at once, by AWS's published scaling
  --json                   all of it as JSON`;

/** Reads the words after `tendril plan`. Error: `usage`. */
export function readPlanCommand(words: readonly string[]): PlanCommand {
  const { values } = parse(words);
  return {
    stage: readStage(values.stage),
    jobsPerMonth: readNumber("--jobs", values.jobs, [0, 1_000_000_000]),
    secondsPerJob: readSeconds(values.seconds),
    memoryMb: values.memory === undefined ? undefined : readNumber("--memory", values.memory, [128, 10_240]),
    burst: values.burst === undefined ? undefined : readNumber("--burst", values.burst, [1, 100_000_000]),
    json: values.json,
  };
}

function parse(words: readonly string[]) {
  const config = {
    args: [...words],
    options: {
      stage: { type: "string", default: "production" },
      jobs: { type: "string", default: "100000" },
      seconds: { type: "string", default: "0.2" },
      memory: { type: "string" },
      burst: { type: "string" },
      json: { type: "boolean", default: false },
    },
  } as const;
  return parseWords(config, `plan ${words.join(" ")}`);
}

/** Lambda's longest run bounds a job, too. */
function readSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && seconds > 0 && seconds <= 900) return seconds;
  throw usageError(`--seconds ${text}`, "--seconds with a number above 0, at most 900, such as 0.2");
}

/** As SST has it. */
function readStage(text: string): string {
  if (/^[a-zA-Z0-9-]{1,64}$/.test(text)) return text;
  throw usageError(`--stage ${text}`, "--stage with letters, digits and -");
}
