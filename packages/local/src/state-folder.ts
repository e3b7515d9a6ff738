import { existsSync } from "node:fs";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { TendrilError } from "@tendril/core/errors";
import { dropPostgres } from "./postgres/postgres.ts";

/** The version of the state folder's layout that this release reads and writes. */
export const stateVersion = 1;

/** The folder in which a local tier keeps its messages, schedules and database; held by one process at a time. */
export interface StateFolder {
  readonly path: string;
  /** Gives the folder free for another process. */
  release(): Promise<void>;
}

/** How a state folder is opened. */
export interface StateFolderOptions {
  /** Empty it first. */
  readonly fresh: boolean;
  /** How long a process that holds it may take to stop, in milliseconds. Default 3,000. */
  readonly patienceMs?: number;
}

/**
 * Opens, or makes, the state folder. Errors: `state_locked` while another process uses it,
 * `state_version_unsupported` for a folder that another release wrote, `state_unwritable` on a full disk and the like.
 */
export function openStateFolder(path: string, options: StateFolderOptions): Promise<StateFolder> {
  return open(path, options).catch(unwritable(path));
}

/** Words what the system refuses (`ENOSPC`, `EACCES`, …) for people, as the error `state_unwritable`; passes every other error on. */
export function unwritable(path: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    throw new TendrilError("state_unwritable", {
      where: path,
      given: error.message,
      allowed: "a folder that can be written",
      fix: "Make room, or let this user write there, or choose another folder.",
      cause: error,
    });
  };
}

async function open(path: string, options: StateFolderOptions): Promise<StateFolder> {
  await mkdir(path, { recursive: true });
  const lock = join(path, "lock");
  await takeLock(path, lock, options.patienceMs ?? 3000);
  try {
    if (options.fresh) await empty(path);
    await checkVersion(path);
    await writeFile(join(path, ".gitignore"), "*\n"); // wherever the folder is, it is nobody's source
  } catch (error) {
    await rm(lock, { force: true });
    throw error;
  }
  return { path, release: () => rm(lock, { force: true }) };
}

async function empty(path: string): Promise<void> {
  const postgres = join(path, "postgres");
  if (existsSync(postgres)) await dropPostgres(postgres);
  for (const part of ["sqs", "scheduler", "lambda", "s3", "version"]) {
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
    fix: "Use the release of Tendril that wrote it, or start over with `--fresh`.",
  });
}

async function takeLock(path: string, lock: string, patienceMs: number): Promise<void> {
  const untilMs = Date.now() + patienceMs;
  for (;;) {
    if (await makeLock(lock)) return;
    const holder = Number(await readFile(lock, "utf8").catch(() => ""));
    if (!isRunning(holder))
      await rm(lock, { force: true }); // its process was killed
    else if (Date.now() > untilMs) throw locked(path, lock, holder);
    else await pause(100);
  }
}

/** Makes the lock with its holder's number in it, in one step; false when there is one. */
async function makeLock(lock: string): Promise<boolean> {
  const own = `${lock}.${process.pid}`;
  await writeFile(own, `${process.pid}\n`);
  try {
    await link(own, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    await rm(own, { force: true });
  }
}

function locked(path: string, lock: string, holder: number): TendrilError {
  return new TendrilError("state_locked", {
    where: path,
    given: `a folder that process ${holder} holds`,
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
