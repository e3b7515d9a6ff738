import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Binaries, copyBinaries } from "./binaries.ts";
import { type Account, type Guarded, spawnGuarded } from "./guard.ts";

/** Where a server's data lies, and the programs and the account it is run with. */
export interface Place {
  /** PostgreSQL's data folder. */
  readonly dataDir: string;
  readonly binaries: Binaries;
  /** Given when this process is root's, whom PostgreSQL refuses. */
  readonly account: Account | undefined;
}

/** The account "nobody". Nothing is created on the machine for it. */
const nobody: Account = { uid: 65534, gid: 65534 };

/**
 * The data lies in `dir`/data. For root, PostgreSQL is run as the data's owner or as "nobody"; when that account does not
 * reach the programs (below a home folder of mode 700), a copy of them is kept in /var/lib/tendril, or in the folder for
 * temporary files where that cannot be written.
 */
export function findPlace(dir: string, binaries: Binaries): Place {
  mkdirSync(dir, { recursive: true });
  const dataDir = path.join(dir, "data");
  if (process.getuid?.() !== 0) return { dataDir, binaries, account: undefined };
  const account = ownerOf(dataDir) ?? nobody;
  const postgres = path.join(binaries.nativeDir, "bin", "postgres");
  return {
    dataDir,
    binaries: isReachable(postgres, account) ? binaries : copyBinaries(binaries, sharedFolder()),
    account,
  };
}

/**
 * Starts one of PostgreSQL's programs on a data folder. An account that does not reach the folder, because a folder above
 * is closed to it, is put into it, and calls it /proc/self/cwd.
 */
export function spawnProgram(
  { binaries, account }: Place,
  name: "initdb" | "postgres",
  dataDir: string,
  options: readonly string[],
): Guarded {
  const program = path.join(binaries.nativeDir, "bin", name);
  if (account === undefined || isReachable(dataDir, account))
    return spawnGuarded([program, "-D", dataDir, ...options], { account });
  if (process.platform !== "linux")
    throw new Error(`PostgreSQL does not run as root, and no other user reaches ${dataDir}. Run as another user.`);
  return spawnGuarded([program, "-D", "/proc/self/cwd", ...options], { account, cwd: dataDir });
}

/**
 * Makes the data folder (initdb, UTF-8, order by code point, every loopback connection trusted) when there is none.
 * It is made beside its place and moved there when it is whole; that it reaches the disk is not waited for, so only a
 * power cut in its first half minute could damage it. The server itself waits for the disk at every commit. Throws when
 * the folder is another major version's.
 */
export async function prepareDataFolder(place: Place, log: (line: string) => void): Promise<void> {
  const { dataDir, binaries } = place;
  const found = majorOf(dataDir);
  if (found === binaries.major) return;
  if (found !== undefined)
    throw new Error(
      `${dataDir} was made by PostgreSQL ${found}, this is PostgreSQL ${binaries.major}. ` +
        "Move the folder away (its data is then read with the older version), or delete it to start anew.",
    );
  log(`making a PostgreSQL ${binaries.major} data folder in ${dataDir}`);
  removeUnfinished(dataDir);
  const unfinished = `${dataDir}.new-${process.pid}`;
  mkdirSync(unfinished, { mode: 0o700 });
  if (place.account) chownSync(unfinished, place.account.uid, place.account.gid);
  await runInitdb(place, unfinished);
  renameSync(unfinished, dataDir);
}

async function runInitdb(place: Place, dataDir: string): Promise<void> {
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const options = ["-U", "postgres", "--auth=trust", "--no-instructions", "--no-sync", ...locale];
  const run = spawnProgram(place, "initdb", dataDir, options);
  const status = await run.exited;
  if (status !== 0) throw new Error(`initdb failed (${status}):\n${run.lastLines().join("\n")}`);
}

function majorOf(dataDir: string): string | undefined {
  try {
    return readFileSync(path.join(dataDir, "PG_VERSION"), "utf8").trim();
  } catch (error) {
    if (!existsSync(dataDir)) return undefined;
    throw new Error(
      `${dataDir} is not a data folder that this user can read. Run as the user who made it, or delete it to start anew.`,
      { cause: error },
    );
  }
}

function removeUnfinished(dataDir: string): void {
  const parent = path.dirname(dataDir);
  const prefix = `${path.basename(dataDir)}.new-`;
  for (const name of readdirSync(parent))
    if (name.startsWith(prefix)) rmSync(path.join(parent, name), { recursive: true, force: true });
}

function ownerOf(dataDir: string): Account | undefined {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}

const isReachable = (file: string, account: Account): boolean =>
  spawnSync("/bin/sh", ["-c", 'test -x "$0"', file], { cwd: "/", ...account }).status === 0;

function sharedFolder(): string {
  const folder = "/var/lib/tendril";
  try {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    return folder;
  } catch {
    return path.join(os.tmpdir(), "tendril");
  }
}
