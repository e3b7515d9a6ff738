import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/aws-process.ts";

/** Runs a bench that is a script of its own, which prints its own tables; what it has written as JSON. */
export async function runScript(script: string, words: readonly string[] = []): Promise<unknown> {
  const folder = await temporaryFolder();
  try {
    const file = join(folder.path, "found.json");
    const child = spawn(process.execPath, [script, ...words, "--json", file], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`${script} ended with ${code}`);
    return JSON.parse(await readFile(file, "utf8"));
  } finally {
    await folder.remove();
  }
}
