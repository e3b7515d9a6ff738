import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A script of this folder, running in a process of its own. */
export interface Child {
  readonly pid: number;
  /** The JSON that it printed in its first line. */
  readonly ready: unknown;
  /** The next line that it prints, as JSON. */
  next(): Promise<unknown>;
  /** Says a line to it. */
  say(line: string): void;
  /** Lets it end by itself. */
  end(): Promise<void>;
}

/** Starts a script by its path, which says on its first line that it is ready, and ends when its standard input does. */
export async function startChild(script: string, words: readonly string[], nodeFlags: readonly string[] = []) {
  const child = spawn(process.execPath, [...nodeFlags, script, ...words], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${script} has ended`);
    return JSON.parse(value);
  };
  const started: Child = {
    pid: child.pid ?? 0,
    ready: await next(),
    next,
    say: (line) => void child.stdin.write(`${line}\n`),
    async end() {
      child.stdin.end();
      await ended;
    },
  };
  return started;
}
