import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { descendants } from "../../processes.ts";
import type { BenchReport } from "../bench.ts";

/** What the process of a bench says. */
export type Told = { readonly kind: "progress"; readonly line: string } | End;

/** How a bench ended. */
export type End =
  | { readonly kind: "measured"; readonly report: BenchReport }
  | { readonly kind: "failed"; readonly error: string; readonly stack: string }
  | { readonly kind: "interrupted" };

/** A bench that takes longer does not end. */
const mostMinutes = 30;

export interface BenchProcess {
  /** Once it has ended, and all that it has started, and its temporary files are gone. Never rejects. */
  readonly ended: Promise<End>;
  /** Ends it and all that it has started. */
  interrupt(): void;
}

/** How a bench is run. */
export interface ProcessOptions {
  readonly short: boolean;
  /** How long what it has started may take to end before it is killed. Default: 5 seconds. */
  readonly graceMs?: number;
}

/**
 * Runs a bench in a process of its own: what one leaves in memory does not weigh on the next, one that breaks ends alone, and
 * its group, in which a terminal's Ctrl-C is not heard, can be ended as one.
 */
export function startBench(name: string, options: ProcessOptions, onProgress: (line: string) => void): BenchProcess {
  const interrupted = new AbortController();
  return {
    ended: run(name, options, onProgress, interrupted.signal).catch((error: Error) => ({
      kind: "failed",
      error: error.message,
      stack: error.stack ?? "",
    })),
    interrupt: () => interrupted.abort(),
  };
}

async function run(
  name: string,
  { short, graceMs = 5_000 }: ProcessOptions,
  onProgress: (line: string) => void,
  interrupted: AbortSignal,
): Promise<End> {
  const folder = await mkdtemp(join(tmpdir(), "tendril-bench-"));
  const child = fork(join(import.meta.dirname, "one.ts"), [name, ...(short ? ["--short"] : [])], {
    detached: true,
    env: { ...process.env, TMPDIR: folder },
  });
  const { pid = 0 } = child;
  // What it has said last may come after its exit, but not after this.
  const exited = Promise.all([once(child, "exit"), once(child, "disconnect")]);
  let ending: Promise<void> | undefined;
  const end = (): void => {
    ending ??= endAll(pid, ["SIGINT"], graceMs);
  };
  const tooLong = setTimeout(end, mostMinutes * 60_000);
  interrupted.addEventListener("abort", end);
  try {
    if (interrupted.aborted) end();
    const told = await Promise.race([lastWord(child, onProgress), exited.then(() => undefined)]);
    const [[code, signal]] = await exited;
    // What it has started ends with it, by itself.
    await (ending ?? endAll(pid, [undefined], graceMs));
    if (interrupted.aborted) return { kind: "interrupted" };
    const error = ending
      ? `it took more than ${mostMinutes} minutes`
      : `its process ended with ${signal ?? `status ${code}`}`;
    return told ?? { kind: "failed", error, stack: "" };
  } finally {
    clearTimeout(tooLong);
    interrupted.removeEventListener("abort", end);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function lastWord(child: ChildProcess, onProgress: (line: string) => void): Promise<End> {
  return new Promise((resolve) => {
    child.on("message", (message) => {
      const told: Told = JSON.parse(String(message));
      if (told.kind === "progress") onProgress(told.line);
      else resolve(told);
    });
  });
}

/** Ends what is left of a bench, its group and whatever else descends from it: asks first, and kills after a while. */
async function endAll(pid: number, signals: readonly (NodeJS.Signals | undefined)[], graceMs: number): Promise<void> {
  const started = descendants(pid);
  for (const signal of [...signals, "SIGKILL" as const]) {
    const left = running(pid, started);
    if (signal !== undefined && left.length > 0) kill(-pid, signal);
    if (signal === "SIGKILL") for (const each of left) kill(each, signal);
    for (const endMs = Date.now() + graceMs; running(pid, started).length > 0 && Date.now() < endMs; ) await delay(100);
  }
}

/** Who of a process group, or of these, is still running. */
function running(group: number, processes: readonly number[]): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,pgid=,stat="], { encoding: "utf8" }).trim().split("\n");
  return rows.flatMap((row) => {
    const [pid, of, state = ""] = row.trim().split(/\s+/);
    const isOurs = Number(of) === group || processes.includes(Number(pid));
    return isOurs && !state.startsWith("Z") ? [Number(pid)] : [];
  });
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
