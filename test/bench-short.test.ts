/** The short form of the benchmarks: what is the same on every machine, and its budgets. Calls are counted on the wire. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BatchEnd, callsOfBatch, callsToEnqueue, type Door, type Way } from "@tendril/core/call-budget";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "./support/aws-process.ts";
import { exceeded, type Row, unpaired } from "./support/bench/bench.ts";
import type { Counted } from "./support/bench/calls/count.ts";
import { repositoryRoot } from "./support/project.ts";

interface Result {
  readonly bench: string;
  readonly ended: string;
  readonly rows: readonly Row[];
  readonly found: Counted;
}

let stdout: string;
let exitCode: number | null;
let machine: string;
let results: readonly Result[];

beforeAll(async () => {
  const folder = await temporaryFolder();
  const file = join(folder.path, "short.json");
  const words = [join(repositoryRoot, "scripts/bench.ts"), "--short", "--json", file];
  // What it ended with, its results say.
  const run = promisify(execFile)(process.execPath, words);
  const ended: { stdout: string } = await run.catch((error) => error);
  exitCode = run.child.exitCode;
  stdout = ended.stdout;
  ({ machine, results } = JSON.parse(await readFile(file, "utf8")));
  await folder.remove();
}, 120_000);

const resultOf = (name: string): Result => {
  const result = results.find(({ bench }) => bench === name);
  if (result === undefined) throw new Error(`no bench ${name} in ${stdout}`);
  return result;
};

test("it has bytes, contents and calls, is within every budget, and says on what machine", () => {
  expect(results).toMatchObject([
    { bench: "bundles", ended: "measured" },
    { bench: "calls", ended: "measured" },
  ]);
  expect(exitCode).toBe(0);
  expect(machine).toMatch(/^\d+ cores of .*, \d+ GiB, .*, Node v24\./);
  expect(stdout).toContain(machine);
  for (const { rows } of results) {
    expect(exceeded(rows)).toEqual([]);
    expect(unpaired(rows)).toEqual([]);
  }
});

test("each entry point has its bytes, beside the same by hand", () => {
  const { rows } = resultOf("bundles");
  const of = (unit: string) => rows.filter((row) => row.unit === unit);
  expect(of("modules").map(({ value }) => value)).toEqual([0, 0, 0]);
  expect(of("kB").map(({ figure }) => figure)).toEqual(
    ["worker", "api", "migrate"].flatMap((name) => [`${name}, read at a cold start`, `${name}, all of it`]),
  );
  for (const { figure, value, ratios = [] } of of("kB")) {
    expect(stdout).toContain(figure);
    expect(value).toBeGreaterThan(100);
    if (figure.endsWith("at a cold start")) for (const { ratio } of ratios) expect(ratio).toBeLessThan(0.6);
  }
});

describe("the calls of a batch are those of the budget", () => {
  const ways: readonly Way[] = ["at-least-once", "exactly-once", "grouped"];
  const ends: readonly BatchEnd[] = [
    "done",
    "done with a result",
    "done with a follow-up",
    "failed",
    "dead",
    "delivered again, done",
    "delivered again, failed",
  ];
  const cases = ways.flatMap((way) => ends.map((end) => [way, end, 10] as const));

  test.each([...cases, ...ways.map((way) => [way, "done", 1] as const)])("%s, %s: %d", (way, end, jobs) => {
    const { batches } = resultOf("calls").found;
    const { calls } = batches.find((each) => each.way === way && each.end === end && each.jobs === jobs) ?? {};
    const budget = callsOfBatch(way, end, jobs);
    if (way === "exactly-once" && end === "done with a follow-up") {
      expect(calls?.database).toBe(budget.database);
      expect(calls?.sqs).toBeGreaterThanOrEqual(1);
      expect(calls?.sqs).toBeLessThanOrEqual(budget.sqs);
    } else {
      expect(calls).toEqual(budget);
    }
  });
});

describe("so are those of enqueueing", () => {
  const doors: readonly Door[] = ["sqs", "api", "api with keys"];

  test.each(doors.flatMap((door) => [1, 10, 100, 1000].map((jobs) => [door, jobs] as const)))(
    "%s: %d",
    (door, jobs) => {
      const { enqueues } = resultOf("calls").found;
      const { calls } = enqueues.find((each) => each.door === door && each.jobs === jobs) ?? {};
      expect(calls).toEqual(callsToEnqueue(door, jobs));
    },
  );
});

test("ten jobs that only write cost at most 0.2 calls each, enqueueing included", () => {
  const row = resultOf("calls").rows.find(({ figure }) => figure.startsWith("a grouped job in batches of ten"));
  expect(row?.value).toBeLessThanOrEqual(0.2);
  expect(row?.value).toBeGreaterThan(0);
});
