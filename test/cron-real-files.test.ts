// cron.yaml files as people have them: the next ten runs, and what is said to those that never worked.
import { readCronYaml } from "@tendril/core/cron-yaml";
import { expect, test } from "vitest";
import { awsRuns, compareMinutes, cronOf, toldRuns } from "./support/cron/compare.ts";
import { brokenFiles, realTasks } from "./support/cron/real-files.ts";

const fromMs = Date.parse("2026-02-28T12:34:01Z");
const tenDays = { fromMs: Date.parse("2026-02-28T12:35Z"), toMs: Date.parse("2026-03-10T12:35Z") };

const written = (runs: Set<number>): string[] =>
  [...runs]
    .sort((a, b) => a - b)
    .slice(0, 10)
    .map((run) => new Date(run).toISOString().slice(0, 16).replace("T", " "));

test.each(realTasks)("$expression ($use) has its next ten runs, and each minute of ten days agrees", (task) => {
  const cron = cronOf(task.expression);
  const period = { fromMs, toMs: Date.parse(`${task.runs.at(-1)}Z`) + 1 };
  expect(written(toldRuns(cron, "UTC", period))).toEqual(task.runs);
  expect(written(awsRuns(cron, "UTC", period))).toEqual(task.runs);
  expect(compareMinutes(cron, "UTC", tenDays).differences).toEqual([]);
});

test("all of them in one file are read as they stand", () => {
  const entries = realTasks.map(
    ({ expression }, index) => ` - name: "task ${index}"\n   url: "/task"\n   schedule: "${expression}"\n`,
  );
  const read = readCronYaml(`version: 1\ncron:\n${entries.join("")}`, "cron.yaml");
  expect(read).toMatchObject({ kind: "schedules", schedules: realTasks.map(({ expression }) => ({ expression })) });
});

test.each(brokenFiles)("$mistake: is refused with a fix", ({ text, fix }) => {
  const read = readCronYaml(text, "cron.yaml");
  if (read.kind !== "errors") throw new Error("it was read");
  expect(read.errors.map((error) => `${error.allowed}; ${error.fix}`).join("\n")).toMatch(fix);
  for (const { line } of read.errors) expect(line).toBeLessThanOrEqual(text.split("\n").length);
});
