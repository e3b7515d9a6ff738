/** Evaluated stacks that several tests look at: an evaluation takes seconds, and says the same for the same sources. */
import { createHash } from "node:crypto";
import { globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { evaluate } from "./evaluate.ts";
import type { EvaluationOptions, Stack } from "./stack.ts";

/** Everything that an evaluation reads, but what npm and SST have installed, of which the lock file tells. */
const sources = [
  "sst.config.ts",
  "package-lock.json",
  ".sst/platform/version",
  "stacks/**/*",
  "packages/*/src/**/*.ts",
  "packages/*/package.json",
  "packages/**/*.{yaml,sql}",
  "test/support/stacks/*",
];

/**
 * Evaluates, or reads what another test file, or an earlier run, has evaluated of the very same sources: `.sst/evaluated/`
 * holds it, by a hash of all of them. Errors: those of `evaluate`, which are not kept.
 */
export async function evaluated(options: Partial<EvaluationOptions> & { readonly root: string }): Promise<Stack> {
  const folder = join(options.root, ".sst/evaluated");
  const sourcesHash = hashOf(options.root);
  const stackFile = join(folder, `${sourcesHash}.${hash(JSON.stringify(options))}.json`);
  mkdirSync(folder, { recursive: true });
  const release = await lock(`${stackFile}.lock`);
  try {
    const found = readIfThere(stackFile);
    if (found !== undefined) return JSON.parse(found);
    const stack = await evaluate(options);
    const temporary = `${stackFile}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(stack));
    renameSync(temporary, stackFile);
    for (const file of readdirSync(folder)) {
      if (!file.startsWith(sourcesHash)) rmSync(join(folder, file), { force: true });
    }
    return stack;
  } finally {
    release();
  }
}

/** Waits until no other process that lives holds the lock; takes it, and gives what lets it go. */
async function lock(file: string): Promise<() => void> {
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = Number(readIfThere(file));
    if (holder > 0 && !isAlive(holder)) rmSync(file, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function hashOf(root: string): string {
  const hash = createHash("sha256").update(process.version);
  for (const pattern of sources) {
    for (const file of globSync(pattern, { cwd: root, exclude: (path) => path.includes("node_modules") }).sort()) {
      hash.update(`\0${file}\0`).update(readIfThere(join(root, file)) ?? "");
    }
  }
  return hash.digest("hex").slice(0, 16);
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
