import { jobStates } from "@tendril/core/job-record";
import { type Completable, type OptionValues, type Shell, shells } from "./completion-scripts.ts";
import { usageError } from "./usage-error.ts";

/** What `tendril completion` may be told: a shell, or `types`, which prints the job types. */
export type CompletionCommand = Shell | "types";

export const completionUsage = `tendril completion bash|zsh|fish print what completes tendril in a shell: source <(tendril completion bash)
tendril completion types         print the job types: those of the project in this folder, else the API's`;

/** Reads the words after `tendril completion`. Error: `usage`. */
export function readCompletionCommand(words: readonly string[]): CompletionCommand {
  const known = [...shells, "types"] as const;
  const command = known.find((each) => each === words[0]);
  if (command !== undefined && words.length === 1) return command;
  throw usageError(`completion ${words.join(" ")}`.trim(), known.join(", "));
}

/** A command's help, and the options that it has of those that its help names; without them, all of these. */
export interface CommandHelp {
  readonly help: string;
  readonly options?: readonly string[];
}

/** Commands with what their help says may follow them: `tendril dead list …`, `--json`. */
export function completables(helpOf: Readonly<Record<string, CommandHelp>>): Completable[] {
  return Object.entries(helpOf).map(([name, { help, options }]) => {
    const words = [...help.matchAll(new RegExp(`^tendril ${name} \\[?([a-z]+(?:\\|[a-z]+)*)`, "gm"))];
    const named = options?.map((option) => `--${option}`) ?? help.match(/--[a-z][a-z-]+/g) ?? [];
    return {
      name,
      words: words.flatMap(([, word = ""]) => word.split("|")),
      options: [...new Set(named)].sort(),
    };
  });
}

/** What is known of options' values. */
export const optionValues: OptionValues = {
  types: ["--type"],
  files: ["--file", "--refused", "--token-file"],
  folders: ["aws --state"],
  fixed: { "--state": jobStates },
};
