import { execFileSync } from "node:child_process";

/** Whether `limitFileSize` works here: Linux with util-linux's `prlimit`. It needs no rights. */
export const canLimitFileSize = succeeds("prlimit", ["--version"]);

/** Whether `mountSmallDisk` works here: it takes root. */
export const canMount = succeeds("unshare", ["--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]);

/** From now on the kernel refuses a running process to make any file larger than this (`EFBIG`). */
export function limitFileSize(pid: number | undefined, bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
}

/** A disk of a size of its own, in memory. */
export interface SmallDisk {
  /** Makes room. */
  grow(megabytes: number): void;
  remove(): void;
}

/** Puts a disk of so many megabytes into a folder. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder]);
  return {
    grow: (larger) => void execFileSync("mount", ["-o", `remount,size=${larger}m`, folder]),
    remove: () => void execFileSync("umount", ["--lazy", folder]),
  };
}

function succeeds(command: string, words: readonly string[]): boolean {
  try {
    execFileSync(command, words, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
