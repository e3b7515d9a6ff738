/** The README's commands for AWS cannot run without an account: SST's own command says whether they are commands. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { root } from "./support/stacks/cases.ts";

const readme = readFileSync(join(root, "README.md"), "utf8");
const commands = [...new Set([...readme.matchAll(/npx sst ([^`\n]+)/g)].map(([, words = ""]) => words.trim()))];

/** What `sst COMMAND --help` prints; it asks for nothing. */
async function helpOf(command: readonly string[]): Promise<string> {
  const env = { ...process.env, SST_SKIP_DEPENDENCY_CHECK: "1", SST_NO_BUN: "1", SST_TELEMETRY_DISABLED: "1" };
  const sst = join(root, "node_modules/.bin/sst");
  // It prints its help and ends with 1.
  const help = promisify(execFile)(sst, [...command, "--help"], { cwd: root, env });
  const { stdout, stderr } = await help.catch((ended: { stdout: string; stderr: string }) => ended);
  return stdout + stderr;
}

test("every way to deploy, look, remove and develop is told", () => {
  const told = commands.map((command) => command.split(" ")[0]);
  expect([...new Set(told)].sort()).toEqual(["deploy", "dev", "diff", "remove", "secret"]);
});

test.each(commands)("npx sst %s is a command with flags that SST has", async (command) => {
  const words = command.split(" ");
  const help = await helpOf(words[0] === "secret" ? words.slice(0, 2) : words.slice(0, 1));
  expect(help.toLowerCase()).toContain(`sst ${words[0]}`);
  for (const flag of words.filter((word) => word.startsWith("--"))) expect(help).toMatch(new RegExp(`${flag}\\b`));
});

test("the variable that lifts production's protection is the one that the stacks look at", () => {
  expect(readme).toContain("TENDRIL_UNPROTECT=1 npx sst deploy --stage production");
  for (const file of ["sst.config.ts", "stacks/stage.ts"]) {
    expect(readFileSync(join(root, file), "utf8"), file).toContain("process.env.TENDRIL_UNPROTECT");
  }
});
