import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import { TendrilError } from "@tendril/core/errors";
import { type MigrationSet, readMigrations } from "@tendril/ledger/migrations";

/** The ledger's own migrations, and the app's when there is a folder of them. Error: `migration_invalid`. */
export async function readSets(folder: string | undefined): Promise<MigrationSet[]> {
  const ledgerRoom = dirname(dirname(createRequire(import.meta.url).resolve("@tendril/ledger/ledger")));
  const ledger: MigrationSet = { name: "ledger", migrations: await readMigrations(join(ledgerRoom, "migrations")) };
  if (folder === undefined) return [ledger];
  return [ledger, { name: "jobs", migrations: await readMigrations(findFile(folder)) }];
}

/** A file or folder by its path from the working folder or from one above it: tests run in either. Error: `project_missing`. */
export function findFile(path: string): string {
  if (isAbsolute(path)) return path;
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const file = join(folder, path);
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) break;
  }
  throw new TendrilError("project_missing", {
    where: process.cwd(),
    given: `no ${path}, here or in a folder above`,
    allowed: "a path from the project's root, or an absolute one",
  });
}
