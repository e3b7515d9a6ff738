import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "./project.ts";

/** How a run of `tendril` ended. */
export interface CommandEnd {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** A run of `tendril`, as a process of its own. */
export interface CommandRun {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandEnd>;
  /** What standard output has so far, and standard error. */
  out(): string;
  errors(): string;
}

/** Where and with what it runs. */
export interface CommandOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the repository's root. */
  readonly cwd?: string;
  /** What standard input has. Default: nothing. */
  readonly input?: string;
}

/** Starts `tendril`; standard input is no terminal. */
export function startTendril(words: readonly string[], { env, cwd, input = "" }: CommandOptions = {}): CommandRun {
  const child = spawn(process.execPath, [join(repositoryRoot, "packages/cli/src/main.ts"), ...words], {
    cwd: cwd ?? repositoryRoot,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      NO_COLOR: "1",
      NODE_COMPILE_CACHE: join(tmpdir(), "tendril-compile-cache"),
      npm_lifecycle_event: undefined,
      TENDRIL_URL: undefined,
      TENDRIL_TOKEN: undefined,
      ...env,
    },
  });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  child.stdin.on("error", () => {}); // it may end before it has read everything
  child.stdin.end(input);
  const ended = once(child, "close").then(() => ({ code: child.exitCode, out, errors }));
  return { child, ended, out: () => out, errors: () => errors };
}
