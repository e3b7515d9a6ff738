import { readdirSync, readFileSync } from "node:fs";

/** Who a process works for. */
export type Part = "enqueuer" | "local AWS" | "environments" | "PostgreSQL" | "callers" | "peer's worker" | "Redis";

/** Microseconds of CPU that each part has taken, user and system; a part that has no process is missing. */
export type CpuByPart = ReadonlyMap<Part, number>;

/** Linux counts in hundredths of a second, whatever the machine: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const tickMicroseconds = 10_000;

/**
 * What this process (the enqueuer) and the processes that it has started have taken until now, with those that have ended
 * since their parents did; undefined where there is no /proc.
 */
export function cpuByPart(): CpuByPart | undefined {
  const processes = readProcesses();
  if (processes.size === 0) return undefined;
  const found = new Map<Part, number>();
  const add = (part: Part, microseconds: number): void => void found.set(part, (found.get(part) ?? 0) + microseconds);
  const { user, system } = process.cpuUsage();
  add("enqueuer", user + system);
  const visit = (parent: number): void => {
    for (const { pid, ticks } of processes.get(parent) ?? []) {
      const part = partOf(pid);
      if (part !== undefined) add(part, ticks * tickMicroseconds);
      visit(pid);
    }
  };
  visit(process.pid);
  return found;
}

/** What was taken between two readings, by part, for one of so many jobs. */
export function cpuPerJob(before: CpuByPart | undefined, after: CpuByPart | undefined, jobs: number): CpuByPart {
  return new Map([...(after ?? [])].map(([part, until]) => [part, (until - (before?.get(part) ?? 0)) / jobs]));
}

interface Process {
  readonly pid: number;
  readonly ticks: number;
}

/** All processes of the machine, by their parents. */
function readProcesses(): Map<number, Process[]> {
  const byParent = new Map<number, Process[]>();
  for (const name of listed()) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    // The program's name stands in brackets and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const parent = Number(fields[1]);
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    const siblings = byParent.get(parent) ?? [];
    byParent.set(parent, siblings);
    siblings.push({ pid: Number(name), ticks });
  }
  return byParent;
}

function partOf(pid: number): Part | undefined {
  const words = read(`/proc/${pid}/cmdline`).split("\0");
  // PostgreSQL's processes call themselves "postgres: …"; the first of them has its path.
  const program = /^(?:.*\/)?(postgres|redis-server)(?=[: ]|$)/.exec(words[0] ?? "")?.[1];
  if (program !== undefined) return program === "postgres" ? "PostgreSQL" : "Redis";
  return parts.find(([script]) => words.some((word) => word.endsWith(script)))?.[1];
}

const parts: readonly (readonly [string, Part])[] = [
  ["end-to-end/tier.ts", "local AWS"],
  ["lambda/bootstrap.ts", "environments"],
  ["end-to-end/bare.ts", "callers"],
  ["end-to-end/peer-worker.ts", "peer's worker"],
];

function listed(): string[] {
  try {
    return readdirSync("/proc");
  } catch {
    return [];
  }
}

/** A process that has ended meanwhile has nothing to say. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
