// `tendril completion` in a real bash, which asks a real `tendril` for the job types.
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { helpOf, readCommand } from "@tendril/cli/command-line";
import { completables, optionValues } from "@tendril/cli/completion-command";
import { completionScript, shells } from "@tendril/cli/completion-scripts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "./support/project.ts";

const bash = (script: string, env: NodeJS.ProcessEnv) =>
  promisify(execFile)("bash", ["--norc", "-c", script], { cwd: repositoryRoot, env });

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-completion-"));
  const main = join(repositoryRoot, "packages/cli/src/main.ts");
  await writeFile(join(folder, "tendril"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  await chmod(join(folder, "tendril"), 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What bash offers for the last of some words. */
async function offers(...lines: readonly (readonly string[])[]): Promise<string[][]> {
  const asks = lines.map((words) => {
    const quoted = words.map((word) => `'${word}'`).join(" ");
    return `COMP_WORDS=(tendril ${quoted}); COMP_CWORD=${words.length}; _tendril; echo "\${COMPREPLY[*]}"`;
  });
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
  const script = ["set -eu", "source <(tendril completion bash)", "complete -p tendril >&2", ...asks].join("\n");
  const { stdout, stderr } = await bash(script, env);
  expect(stderr).toBe("complete -F _tendril tendril\n");
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ").filter((word) => word !== ""));
}

test("bash completes commands, what follows them, their options, states and job types", async () => {
  const [commands, verbs, options, states, folders, files, sent, typed, none] = await offers(
    ["s"],
    ["dead", "re"],
    ["jobs", "--s"],
    ["jobs", "--state", "d"],
    ["aws", "--state", "packages/cl"],
    ["send", "--file", "packages/cli/pa"],
    ["send", "I"],
    ["tail", "--type", ""],
    ["send", "IncrementJob", ""],
  );
  expect(commands).toEqual(["send", "schedules"]);
  expect(verbs).toEqual(["redrive"]);
  expect(options).toEqual(["--sign", "--since", "--state"]);
  expect(states).toEqual(["done", "dead"]);
  expect(folders?.toSorted()).toEqual(["packages/cli", "packages/client"]);
  expect(files).toEqual(["packages/cli/package.json"]);
  expect(sent).toEqual(["IncrementJob"]);
  expect(typed).toEqual(["IncrementJob", "CronJob"]);
  expect(none ?? []).toEqual([]);
});

describe("what is completed", () => {
  test("every command is there, with options that it takes, and a token's value never", () => {
    const commands = completables(helpOf);
    expect(commands.map(({ name }) => name)).toEqual(expect.arrayContaining(["dev", "dead", "send", "tail"]));
    for (const { name, options } of commands) {
      expect(options, name).not.toContain("--token");
      for (const option of options) {
        const says = refusalOf([name, option]) + refusalOf([name, `${option}=1`]);
        expect(says, `${name} ${option}`).not.toContain("Unknown option");
      }
    }
  });

  test.each(shells)("%s is given all of them", (shell) => {
    const commands = completables(helpOf);
    const script = completionScript(shell, commands, optionValues);
    for (const { name } of commands) expect(script).toContain(name);
    expect(script).toContain("completion types");
  });

  test("the folder of `tendril aws` is no state of jobs in fish, nor are those of `tendril jobs` a folder", () => {
    const lines = completionScript("fish", completables(helpOf), optionValues).split("\n");
    const ofState = (name: string) => lines.find((line) => line.includes(`_from ${name}" -l state `));
    expect(ofState("aws")).toContain("__fish_complete_directories");
    expect(ofState("jobs")).toContain("done");
  });
});

function refusalOf(words: readonly string[]): string {
  try {
    readCommand(words, 0);
    return "";
  } catch (error) {
    return String(error);
  }
}
