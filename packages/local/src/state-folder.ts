import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TendrilError } from "@tendril/core/errors";

/** The version of the state folder's layout that this release reads and writes. */
export const stateVersion = 1;

/** The folder in which a local tier keeps its messages, schedules and database; held by one process at a time. */
export interface StateFolder {
  readonly path: string;
  /** Gives the folder free for another process. */
  release(): Promise<void>;
}

/**
 * Opens, or makes, the state folder. `fresh` empties it first. Errors: `state_locked` while another process uses it,
 * `state_version_unsupported` for a folder that another release wrote.
 */
export async function openStateFolder(path: string, options: { readonly fresh: boolean }): Promise<StateFolder> {
  await mkdir(path, { recursive: true });
  const lock = join(path, "lock");
  await takeLock(path, lock);
  try {
    if (options.fresh) await empty(path);
    await checkVersion(path);
  } catch (error) {
    await rm(lock, { force: true });
    throw error;
  }
  return { path, release: () => rm(lock, { force: true }) };
}

async function empty(path: string): Promise<void> {
  for (const part of ["sqs", "scheduler", "postgres", "version"]) {
    await rm(join(path, part), { recursive: true, force: true });
  }
}

async function checkVersion(path: string): Promise<void> {
  const file = join(path, "version");
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return writeFile(file, `${stateVersion}\n`);
  if (text.trim() === String(stateVersion)) return;
  throw new TendrilError("state_version_unsupported", {
    where: path,
    given: `version ${JSON.stringify(text.trim().slice(0, 20))}`,
    allowed: `version ${stateVersion}`,
    fix: "Use the release of Tendril that wrote it, or start over with `npm run dev -- --fresh`.",
  });
}

async function takeLock(path: string, lock: string): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const file = await open(lock, "wx").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    if (file !== undefined) {
      await file.writeFile(`${process.pid}\n`);
      return file.close();
    }
    const holder = Number(await readFile(lock, "utf8").catch(() => ""));
    if (holder !== process.pid && isRunning(holder)) throw locked(path, lock, holder);
    await rm(lock, { force: true }); // its process is gone: it was killed
  }
  throw locked(path, lock, Number.NaN);
}

function locked(path: string, lock: string, holder: number): TendrilError {
  return new TendrilError("state_locked", {
    where: path,
    given: Number.isNaN(holder) ? "a folder that another process holds" : `a folder that process ${holder} holds`,
    allowed: "one process a folder",
    fix: `Stop the other one, or delete ${lock} if it is not Tendril.`,
  });
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
