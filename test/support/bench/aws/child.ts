import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

/** A server in a process of its own, which ends with this one. */
export interface ServerProcess {
  readonly pid: number;
  readonly url: string;
}

/** Starts a file of this folder that calls `serve`, and waits until it is ready. */
export async function startServer(
  file: string,
  preloads: readonly string[] = [],
): Promise<ServerProcess & { stop(): Promise<void> }> {
  const execArgv = preloads.flatMap((preload) => ["--import", path.join(import.meta.dirname, preload)]);
  const child = fork(path.join(import.meta.dirname, file), { execArgv });
  const url = await new Promise<string>((resolve, reject) => {
    child.once("message", (told) => resolve(String(told)));
    child.once("exit", (code) => reject(new Error(`${file} ended with status ${code}.`)));
  });
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.disconnect();
    });
  return { pid: child.pid ?? 0, url, stop };
}

/** In the server's process: starts it, tells its URL, ends when the other side goes. */
export async function serve(
  start: () => Promise<{ readonly url: string; readonly close: () => Promise<void> }>,
): Promise<void> {
  const { url, close } = await start();
  process.on("disconnect", () => close().finally(() => process.exit()));
  process.send?.(url);
}

/** Linux counts processor time in these units, in microseconds: https://man7.org/linux/man-pages/man5/proc.5.html */
const tickMicroseconds = 10_000;

/** The processor time that a process has taken so far, in microseconds; NaN where the system does not tell. */
export function cpuMicroseconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return ((user ?? Number.NaN) + (system ?? Number.NaN)) * tickMicroseconds;
  } catch {
    return Number.NaN;
  }
}
