import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** How long a server may take for its fast shutdown (SIGINT), and then for its immediate one (SIGQUIT). */
const patienceMs = 15_000;

/**
 * Stops the server that still runs on `dataDir`, if there is one: what a killed machine or a killed guard leaves behind.
 * A pid file that names some other process, which got the number since, is removed: PostgreSQL would refuse to start.
 * Throws when the server cannot be stopped.
 */
export async function stopLeftover(dataDir: string, log: (line: string) => void): Promise<void> {
  const pid = pidIn(dataDir);
  if (pid === undefined) return;
  if (runsOn(pid, dataDir)) {
    log(`stopping the PostgreSQL (process ${pid}) that was left running on ${dataDir}`);
    await stopServer(pid, dataDir);
  }
  if (pidIn(dataDir) === pid) rmSync(path.join(dataDir, "postmaster.pid"), { force: true });
}

/** The process id in the data folder's pid file. */
function pidIn(dataDir: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path.join(dataDir, "postmaster.pid"), "utf8"), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function stopServer(pid: number, dataDir: string): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const untilMs = Date.now() + patienceMs;
    while (Date.now() < untilMs) {
      if (!runsOn(pid, dataDir)) return;
      await delay(10);
    }
  }
  throw new Error(`PostgreSQL (process ${pid}) runs on ${dataDir} and does not stop`);
}

/** A server's working folder is its data folder; where there is no /proc, its command line names it. */
function runsOn(pid: number, dataDir: string): boolean {
  if (process.platform === "linux") {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir);
    } catch {
      return false;
    }
  }
  const ps = spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
  return ps.status === 0 && ps.stdout.includes("postgres") && ps.stdout.includes(dataDir);
}
