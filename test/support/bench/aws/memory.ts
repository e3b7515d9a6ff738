import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { descendants } from "../../processes.ts";

/** The memory of a process and of all that it has started: proportional set sizes, in which shared pages count once. */
export interface Memory {
  readonly ownMegabytes: number;
  readonly othersMegabytes: number;
  readonly processes: number;
}

/** Measures a process that has been idle for some seconds; undefined where the system does not tell. */
export async function idleMemory(pid: number, idleSeconds: number): Promise<Memory | undefined> {
  await delay(idleSeconds * 1000);
  const ownMegabytes = megabytesOf(pid);
  const others = descendants(pid).flatMap((each) => megabytesOf(each) ?? []);
  if (ownMegabytes === undefined) return undefined;
  const othersMegabytes = others.reduce((sum, each) => sum + each, 0);
  return { ownMegabytes, othersMegabytes, processes: 1 + others.length };
}

function megabytesOf(pid: number): number | undefined {
  try {
    const kilobytes = /^Pss: +(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
  } catch {
    return undefined;
  }
}
