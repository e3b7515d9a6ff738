import { availableParallelism } from "node:os";
import { type AwsOptions, awsUsage, readAwsCommand } from "./aws-command.ts";
import { type CronCommand, cronUsage, readCronCommand } from "./cron-command.ts";
import { type DeadCommand, deadUsage, readDeadCommand } from "./dead-command.ts";
import { type PlanCommand, planUsage, readPlanCommand } from "./plan-command.ts";
import { parseWords, readNumber, usageError } from "./usage-error.ts";

/** What `tendril dev` may be told. */
export interface DevOptions {
  /** Throw the state folder away first. */
  readonly fresh: boolean;
  /** Ports on 127.0.0.1: the enqueue endpoint, the AWS endpoints, PostgreSQL; 0 for any that is free. */
  readonly ports: { readonly api: number; readonly aws: number; readonly postgres: number };
  /** Worker environments (processes) at once for each queue. */
  readonly environmentsAtOnce: number;
  /** Seed of the faults to make; undefined makes none. */
  readonly chaosSeed: string | undefined;
  /** Whether a debugger can attach to the functions' processes. */
  readonly inspect: boolean;
}

/** A command line that could be read. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "dev"; readonly options: DevOptions }
  | { readonly kind: "aws"; readonly options: AwsOptions }
  | { readonly kind: "cron"; readonly command: CronCommand }
  | { readonly kind: "plan"; readonly command: PlanCommand }
  | { readonly kind: "dead"; readonly command: DeadCommand };

const defaultEnvironments = Math.max(2, Math.min(4, availableParallelism()));

export const usage = `tendril dev     run the worker tier on this machine

  --fresh                  start over: throw away messages, schedules and the database
  --port NUMBER            the enqueue endpoint's port (4747)
  --aws-port NUMBER        the port of SQS, the RDS Data API and Scheduler (4748)
  --postgres-port NUMBER   the database's port (4749)
  --workers NUMBER         worker processes at once for each queue (${defaultEnvironments} on this machine)
  --chaos SEED             make faults on purpose, the same ones again for the same seed (any word)
  --inspect                let a debugger attach to the functions; their first log line says where

${awsUsage}

${cronUsage}

${planUsage}

${deadUsage}

tendril help    this text

A port of 0 means any that is free. The tier's state lives in .tendril/. Through npm: npm run dev -- --fresh`;

/** Reads the command line; `nowMs` (milliseconds since 1970) is what schedules are looked at from. Error: `usage`. */
export function readCommand(words: readonly string[], nowMs: number): Command {
  if (!words.includes("--help") && !words.includes("-h")) {
    if (words[0] === "aws") return { kind: "aws", options: readAwsCommand(words.slice(1)) };
    if (words[0] === "cron") return { kind: "cron", command: readCronCommand(words.slice(1), nowMs) };
    if (words[0] === "plan") return { kind: "plan", command: readPlanCommand(words.slice(1)) };
    if (words[0] === "dead") return { kind: "dead", command: readDeadCommand(words.slice(1), nowMs) };
  }
  const { values, positionals } = parse(words);
  const [name = "help", ...rest] = positionals;
  if (values.help || name === "help") return { kind: "help" };
  if (name !== "dev" || rest.length > 0)
    throw usageError(
      positionals.join(" "),
      "tendril dev, tendril aws, tendril cron, tendril plan, tendril dead, tendril help",
    );
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
      chaosSeed: values.chaos,
      inspect: values.inspect,
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
      chaos: { type: "string" },
      inspect: { type: "boolean", default: false },
    },
  } as const;
  return parseWords(config, words.join(" "));
}
