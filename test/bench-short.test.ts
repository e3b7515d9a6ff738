/** The short form of the benchmarks: what is the same on every machine, and its budgets. */
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { exceeded } from "./support/bench/bench.ts";
import { medianOf, ratioOf, spreadOf } from "./support/bench/statistics.ts";
import { repositoryRoot } from "./support/project.ts";

const script = join(repositoryRoot, "scripts/bench.ts");

test("the short form counts bytes, and is within every budget", async () => {
  const file = join(tmpdir(), `bench-short-${process.pid}.json`);
  const { stdout } = await promisify(execFile)(process.execPath, [script, "bundles", "--short", "--json", file]);
  const { machine, results } = JSON.parse(await readFile(file, "utf8"));
  await rm(file);
  expect(machine).toMatch(/^\d+ cores of .*, \d+ GiB, .*, Node v24\./);
  expect(stdout).toContain(machine);
  expect(results).toHaveLength(1);
  const figures = results[0].rows.map(({ figure }: { figure: string }) => figure);
  expect(figures).toEqual(
    ["worker", "api", "migrate"].flatMap((name) => [`${name}, at a cold start`, `${name}, all of it`]),
  );
  for (const figure of figures) expect(stdout).toContain(figure);
  expect(exceeded(results[0].rows)).toEqual([]);
  for (const { value, ratios = [] } of results[0].rows) {
    expect(value).toBeGreaterThan(100);
    for (const { ratio } of ratios) expect(ratio).toBeLessThan(0.6);
  }
}, 60_000);

test("a bench that there is not is named, with those that there are", async () => {
  const run = promisify(execFile)(process.execPath, [script, "nope"]);
  await expect(run).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no bench nope\..*cold-start.*warm/),
  });
});

test("a figure above its budget is found, one without a budget never", () => {
  const row = { figure: "calls", unit: "", value: 3 };
  expect(exceeded([row, { ...row, atMost: 3 }, { ...row, atMost: 2 }])).toEqual([{ ...row, atMost: 2 }]);
});

test("medians, spreads and ratios are not moved by one slow round", () => {
  expect(medianOf([3, 1, 2])).toBe(2);
  expect(medianOf([4, 1, 2, 3])).toBe(2.5);
  expect(spreadOf([10, 11, 9, 1000, 10])).toBe(1);
  expect(ratioOf([2, 4, 900], [4, 8, 10])).toBe(0.5);
});
