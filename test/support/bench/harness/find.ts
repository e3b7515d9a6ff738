import { globSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../project.ts";
import type { Bench } from "../bench.ts";

const folder = join(repositoryRoot, "scripts/bench");

/** The names of all benches, which are those of their files. */
export function benchNames(): readonly string[] {
  return globSync("*.bench.ts", { cwd: folder })
    .map((file) => file.replace(".bench.ts", ""))
    .sort();
}

/** The benches of these names. One whose file cannot be loaded is there too, and fails in each form. */
export function findBenches(names: readonly string[]): Promise<readonly Bench[]> {
  return Promise.all(names.map(loadBench));
}

async function loadBench(name: string): Promise<Bench> {
  try {
    return await importBench(name);
  } catch (error) {
    const run = (): Promise<never> => Promise.reject(error);
    return { name, compares: "nothing: its file cannot be loaded", run, runShort: run };
  }
}

/** The bench of this name. Rejects when its file cannot be loaded. */
export async function importBench(name: string): Promise<Bench> {
  const { bench }: { readonly bench: Bench } = await import(join(folder, `${name}.bench.ts`));
  return bench;
}
