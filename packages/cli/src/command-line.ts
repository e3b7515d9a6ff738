import { availableParallelism } from "node:os";
import { type CronCommand, cronUsage, readCronCommand } from "./cron-command.ts";
import { parseWords, readNumber, usageError } from "./usage-error.ts";

/** What `tendril dev` may be told. */
export interface DevOptions {
  /** Throw the state folder away first. */
  readonly fresh: boolean;
  /** Ports on 127.0.0.1: the enqueue endpoint, the AWS endpoints, PostgreSQL; 0 for any that is free. */
  readonly ports: { readonly api: number; readonly aws: number; readonly postgres: number };
  /** Worker environments (processes) at once for each queue. */
  readonly environmentsAtOnce: number;
}

/** A command line that could be read. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "dev"; readonly options: DevOptions }
  | { readonly kind: "cron"; readonly command: CronCommand };

const defaultEnvironments = Math.max(2, Math.min(4, availableParallelism()));

export const usage = `tendril dev     run the worker tier on this machine

  --fresh                  start over: throw away messages, schedules and the database
  --port NUMBER            the enqueue endpoint's port (4747)
  --aws-port NUMBER        the port of SQS, the RDS Data API and Scheduler (4748)
  --postgres-port NUMBER   the database's port (4749)
  --workers NUMBER         worker processes at once for each queue (${defaultEnvironments} on this machine)

${cronUsage}

tendril help    this text

A port of 0 means any that is free. State lives in .tendril/. Through npm: npm run dev -- --fresh`;

/** Reads the command line; `nowMs` (milliseconds since 1970) is what schedules are looked at from. Error: `usage`. */
export function readCommand(words: readonly string[], nowMs: number): Command {
  if (words[0] === "cron" && !words.includes("--help") && !words.includes("-h")) {
    return { kind: "cron", command: readCronCommand(words.slice(1), nowMs) };
  }
  const { values, positionals } = parse(words);
  const [name = "help", ...rest] = positionals;
  if (values.help || name === "help") return { kind: "help" };
  if (name !== "dev" || rest.length > 0)
    throw usageError(positionals.join(" "), "tendril dev, tendril cron, tendril help");
  return {
    kind: "dev",
    options: {
      fresh: values.fresh,
      ports: {
        api: readNumber("--port", values.port, [0, 65_535]),
        aws: readNumber("--aws-port", values["aws-port"], [0, 65_535]),
        postgres: readNumber("--postgres-port", values["postgres-port"], [0, 65_535]),
      },
      environmentsAtOnce: readNumber("--workers", values.workers, [1, 1000]),
    },
  };
}

function parse(words: readonly string[]) {
  const config = {
    args: [...words],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h", default: false },
      fresh: { type: "boolean", default: false },
      port: { type: "string", default: "4747" },
      "aws-port": { type: "string", default: "4748" },
      "postgres-port": { type: "string", default: "4749" },
      workers: { type: "string", default: String(defaultEnvironments) },
    },
  } as const;
  return parseWords(config, words.join(" "));
}
