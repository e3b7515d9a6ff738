import { globSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../../test/support/bench/bench.ts";

/** The benches of this folder, by name. */
export async function findBenches(): Promise<readonly Bench[]> {
  const files = globSync("*.bench.ts", { cwd: import.meta.dirname }).sort();
  const modules: { readonly bench: Bench }[] = await Promise.all(
    files.map((file) => import(join(import.meta.dirname, file))),
  );
  return modules.map(({ bench }) => bench);
}
