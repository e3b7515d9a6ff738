import { availableParallelism } from "node:os";
import { type AwsOptions, awsUsage, localConfig, readAwsCommand } from "./aws-command.ts";
import {
  type CommandHelp,
  type CompletionCommand,
  completionUsage,
  readCompletionCommand,
} from "./completion-command.ts";
import { type CronCommand, cronUsage, readCronCommand } from "./cron-command.ts";
import { type DeadCommand, deadUsage, readDeadCommand } from "./dead-command.ts";
import { exitCodesText } from "./exit-code.ts";
import { type JobsCommand, jobsCommandNames, jobsOptions, jobsUsage, readJobsCommand } from "./jobs-command.ts";
import { type PlanCommand, planUsage, readPlanCommand } from "./plan-command.ts";
import { remoteConfig, remoteUsage } from "./remote-options.ts";
import { readSendCommand, type SendCommand, sendUsage } from "./send-command.ts";
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
  /** Of one command, or of all. */
  | { readonly kind: "help"; readonly topic: string | undefined }
  | { readonly kind: "dev"; readonly options: DevOptions }
  | { readonly kind: "aws"; readonly options: AwsOptions }
  | { readonly kind: "cron"; readonly command: CronCommand }
  | { readonly kind: "plan"; readonly command: PlanCommand }
  | { readonly kind: "dead"; readonly command: DeadCommand }
  | { readonly kind: "send"; readonly command: SendCommand }
  | { readonly kind: "jobs"; readonly command: JobsCommand }
  | { readonly kind: "completion"; readonly command: CompletionCommand };

const defaultEnvironments = Math.max(2, Math.min(4, availableParallelism()));

const devUsage = `tendril dev     run the worker tier on this machine

  --fresh                  start over: throw away messages, schedules and the database
  --port NUMBER            the enqueue endpoint's port (4747)
  --aws-port NUMBER        the port of SQS, S3, the RDS Data API and Scheduler (4748)
  --postgres-port NUMBER   the database's port (4749)
  --workers NUMBER         worker processes at once for each queue (${defaultEnvironments} on this machine)
  --chaos SEED             make faults on purpose, the same ones again for the same seed (any word)
  --inspect                let a debugger attach to the functions; their first log line says where

A port of 0 means any that is free. The tier's state lives in .tendril/. Through npm: npm run dev -- --fresh`;

const helpUsage = "tendril help [COMMAND]           this text, or that of a command";

export const usage = [
  devUsage,
  awsUsage,
  cronUsage,
  planUsage,
  deadUsage,
  sendUsage,
  jobsUsage,
  remoteUsage,
  exitCodesText,
  completionUsage,
  helpUsage,
].join("\n\n");

const remoteOptions = Object.keys(remoteConfig).filter((name) => name !== "token");
const remoteHelp = (help: string): string => [help, remoteUsage, exitCodesText].join("\n\n");

/** Every command with its help. */
export const helpOf: Readonly<Record<string, CommandHelp>> = {
  dev: { help: devUsage },
  aws: { help: awsUsage },
  cron: { help: cronUsage },
  plan: { help: planUsage },
  dead: { help: deadUsage },
  send: { help: remoteHelp(sendUsage) },
  ...Object.fromEntries(
    jobsCommandNames.map((name) => [
      name,
      { help: remoteHelp(jobsUsage), options: [...jobsOptions[name], ...remoteOptions] },
    ]),
  ),
  completion: { help: completionUsage },
  help: { help: helpUsage },
};

/** Reads the command line; `nowMs` (milliseconds since 1970) is what schedules are looked at from. Error: `usage`. */
export function readCommand(words: readonly string[], nowMs: number): Command {
  const [first] = words;
  if (first === undefined || first === "help" || words.includes("--help") || words.includes("-h")) {
    const topic = words.find((word) => word !== "help" && Object.hasOwn(helpOf, word));
    return { kind: "help", topic };
  }
  const rest = words.slice(1);
  if (first === "aws") return { kind: "aws", options: readAwsCommand(rest) };
  if (first === "cron") return { kind: "cron", command: readCronCommand(rest, nowMs) };
  if (first === "plan") return { kind: "plan", command: readPlanCommand(rest) };
  if (first === "dead") return { kind: "dead", command: readDeadCommand(rest, nowMs) };
  if (first === "send") return { kind: "send", command: readSendCommand(rest) };
  if (first === "completion") return { kind: "completion", command: readCompletionCommand(rest) };
  const jobsName = jobsCommandNames.find((name) => name === first);
  if (jobsName !== undefined) return { kind: "jobs", command: readJobsCommand(jobsName, rest, nowMs) };
  return { kind: "dev", options: readDevOptions(words) };
}

function readDevOptions(words: readonly string[]): DevOptions {
  const { values, positionals } = parse(words);
  if (positionals.length !== 1 || positionals[0] !== "dev") {
    throw usageError(positionals.join(" "), `tendril and one of ${Object.keys(helpOf).join(", ")}`);
  }
  return {
    fresh: values.fresh,
    ports: {
      api: readNumber("--port", values.port, [0, 65_535]),
      aws: readNumber("--aws-port", values["aws-port"], [0, 65_535]),
      postgres: readNumber("--postgres-port", values["postgres-port"], [0, 65_535]),
    },
    environmentsAtOnce: readNumber("--workers", values.workers, [1, 1000]),
    chaosSeed: values.chaos,
    inspect: values.inspect,
  };
}

function parse(words: readonly string[]) {
  const config = {
    args: [...words],
    allowPositionals: true,
    options: {
      ...localConfig,
      port: { type: "string", default: "4747" },
      "aws-port": { type: "string", default: "4748" },
      workers: { type: "string", default: String(defaultEnvironments) },
      inspect: { type: "boolean", default: false },
    },
  } as const;
  return parseWords(config, words.join(" "));
}
