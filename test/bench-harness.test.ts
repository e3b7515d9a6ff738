/** That one run of all benchmarks is robust: what breaks, breaks alone; what is interrupted leaves nothing behind. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "./support/aws-process.ts";
import { type Bench, exceeded, type Row, unpaired } from "./support/bench/bench.ts";
import { startBench } from "./support/bench/harness/process.ts";
import { paragraph, tableOf } from "./support/bench/harness/table.ts";
import { chooseNames, chooseShort, readWords } from "./support/bench/harness/words.ts";
import { medianOf, ratioOf, spreadOf } from "./support/bench/statistics.ts";
import { isRunning } from "./support/processes.ts";
import { repositoryRoot } from "./support/project.ts";
import { waitUntil } from "./support/wait-until.ts";

const script = join(repositoryRoot, "scripts/bench.ts");
const here = "../../test/support/bench/fixtures";
const runOfFixtures = join(repositoryRoot, "test/support/bench/fixtures/run.ts");

/** What that bench says. */
interface Lingering {
  readonly grouped: number;
  readonly deaf: number;
  readonly folder: string;
}

function lingeringIn(output: string): Lingering {
  return JSON.parse(/lingering: (\{.*\})/.exec(output)?.[1] ?? "");
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe("a bench in its process", () => {
  test("fails with what it threw", async () => {
    const end = await startBench(`${here}/failing`, { short: false }, () => {}).ended;
    expect(end).toMatchObject({ kind: "failed", error: "there is nothing to measure" });
  });

  test("fails when its process ends, or cannot be loaded", async () => {
    const ends = [["nowhere", false] as const, [`${here}/failing`, true] as const].map(([name, short]) =>
      startBench(name, { short }, () => {}),
    );
    expect(await Promise.all(ends.map(({ ended }) => ended))).toMatchObject([
      { kind: "failed", error: expect.stringContaining("nowhere.bench.ts") },
      { kind: "failed", error: "its process ended with status 3" },
    ]);
  });

  test("that is interrupted leaves no process and no file", async () => {
    const said = Promise.withResolvers<Lingering>();
    const options = { short: false, graceMs: 500 };
    const bench = startBench(`${here}/lingering`, options, (line) => said.resolve(JSON.parse(line)));
    const { grouped, deaf, folder: used } = await said.promise;
    expect([grouped, deaf].map(isRunning)).toEqual([true, true]);
    expect(existsSync(used)).toBe(true);
    bench.interrupt();
    expect(await bench.ended).toEqual({ kind: "interrupted" });
    expect([grouped, deaf].filter(isRunning)).toEqual([]);
    expect(existsSync(used)).toBe(false);
  });
});

describe("a run", () => {
  async function runFixtures(names: readonly string[], onOutput: (output: string, run: ChildProcess) => void) {
    const json = join(folder.path, `${names.join("-")}.json`);
    const run = spawn(process.execPath, [runOfFixtures, json, ...names], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(run, "exit");
    let output = "";
    for await (const text of run.stdout.setEncoding("utf8")) {
      output += text;
      onOutput(output, run);
    }
    const [code] = await ended;
    const { results }: { results: readonly object[] } = JSON.parse(await readFile(json, "utf8"));
    return { code, output, results };
  }
  const one = { ended: "measured", rows: [{ figure: "one", value: 1 }], missing: ["two: it is not installed"] };

  test("goes on after a bench that failed, and ends with 1", async () => {
    const { code, output, results } = await runFixtures(["failing", "counting"], () => {});
    expect(code).toBe(1);
    expect(output).toMatch(/FAILED: there is nothing to measure.*one +1 calls +of 2.*LEFT OUT: two/s);
    expect(results).toMatchObject([{ ended: "failed", error: "there is nothing to measure", rows: [] }, one]);
  });

  test("that is interrupted ends with 130; what was measured stands in the JSON, and what is missing is said", async () => {
    const names = ["counting", "lingering", "counting"];
    const { code, output, results } = await runFixtures(names, (soFar, run) => {
      if (/lingering: \{.*\}\n/.test(soFar) && !run.killed) run.kill("SIGINT");
    });
    expect(code).toBe(130);
    expect(output).toMatch(/2 of 3: .*lingering.*INTERRUPTED.*NOT RUN: .*counting/s);
    expect(results).toMatchObject([one, { ended: "interrupted", rows: [] }]);
    const { grouped, deaf } = lingeringIn(output);
    expect([grouped, deaf].filter(isRunning)).toEqual([]);
  });

  test("that is killed takes along what its bench has started", async () => {
    const json = join(folder.path, "killed.json");
    const run = spawn(process.execPath, [runOfFixtures, json, "lingering"], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    for await (const text of run.stdout.setEncoding("utf8")) {
      output += text;
      if (/lingering: \{.*\}\n/.test(output)) run.kill("SIGKILL");
    }
    const { grouped, deaf, folder: used } = lingeringIn(output);
    process.kill(-deaf, "SIGKILL");
    await waitUntil("its bench's child ends", 20_000, async () => (isRunning(grouped) ? undefined : true));
    await rm(dirname(used), { recursive: true });
  });
});

test("a JSON file that cannot be written is refused before anything is measured", async () => {
  const run = promisify(execFile)(process.execPath, [script, "bundles", "--json", join(folder.path, "no/where.json")]);
  await expect(run).rejects.toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^The figures cannot be written to .*where\.json: ENOENT/),
  });
});

describe("the command line", () => {
  const run = async (): Promise<never> => {
    throw new Error("not here");
  };
  const benches: readonly Bench[] = [
    { name: "calls", compares: "calls", run, runShort: run },
    { name: "warm", compares: "time", run },
  ];
  test("names benches, a form and a file", () => {
    expect(readWords([])).toEqual({ kind: "run", names: [], short: false, json: "bench.json" });
    expect(readWords(["warm", "--short", "calls", "--json", "x.json"])).toEqual({
      kind: "run",
      names: ["warm", "calls"],
      short: true,
      json: "x.json",
    });
    expect([readWords(["--help"]), readWords(["--list"])]).toEqual([{ kind: "help" }, { kind: "list" }]);
  });

  test("with a flag that there is not says so in one line", () => {
    expect(readWords(["--fast"])).toEqual({ kind: "wrong", why: "Unknown option '--fast'." });
    expect(readWords(["--json"])).toMatchObject({ kind: "wrong", why: expect.stringContaining("--json") });
  });

  test("without names chooses all benches; with the name of none it names those that there are", () => {
    const all = ["calls", "cold-start", "warm"];
    expect(chooseNames(all, [])).toEqual(all);
    expect(chooseNames(all, ["warm", "calls"])).toEqual(["calls", "warm"]);
    expect(chooseNames(all, ["warm", "nope"])).toBe("There is no bench nope. There are calls, cold-start, warm.");
  });

  test("chooses those that have a short form, and refuses to run one that has none", () => {
    const [calls] = benches;
    expect(chooseShort(benches, false)).toEqual([calls]);
    expect(chooseShort(benches.slice(0, 1), true)).toEqual([calls]);
    expect(chooseShort(benches, true)).toBe("There is no short form of warm: all of it is time.");
  });
});

describe("the table", () => {
  const row: Row = { figure: "calls", unit: "", value: 3 };

  test("has no line longer than 120 columns, and loses no word of it", () => {
    const to = "what somebody else would have needed for very much the same, by hand";
    const rows: Row[] = [1, 2].map((value) => ({
      figure: `${"a long figure, ".repeat(9)}: X`,
      value: value * 1234.5,
      unit: "jobs/s",
      spread: 0.123,
      ratios: [
        { to, ratio: 0.0123 },
        { to, ratio: 1234 },
      ],
    }));
    const table = tableOf(rows);
    for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
    expect(table.match(/somebody/g)).toHaveLength(4);
    expect(table.match(/long/g)).toHaveLength(18);
    for (const text of ["1,235 jobs/s", "2,469 jobs/s", "± 0.12", "0.012", "1,234"]) expect(table).toContain(text);
    for (const line of paragraph("word ".repeat(100)).split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  });

  test("finds a figure above its budget, and one without a budget never", () => {
    expect(exceeded([row, { ...row, atMost: 3 }, { ...row, atMost: 2 }])).toEqual([{ ...row, atMost: 2 }]);
  });

  test("finds a figure that is held against nothing", () => {
    const pair: Row = { ...row, figure: "calls: ours", ratios: [{ to: "theirs", ratio: 2 }] };
    expect(unpaired([row, pair, { ...row, figure: "calls: theirs" }, { ...row, atMost: 3 }])).toEqual([row]);
  });
});

test("medians, spreads and ratios are not moved by one slow round", () => {
  expect(medianOf([3, 1, 2])).toBe(2);
  expect(medianOf([4, 1, 2, 3])).toBe(2.5);
  expect(spreadOf([10, 11, 9, 1000, 10])).toBe(1);
  expect(ratioOf([2, 4, 900], [4, 8, 10])).toBe(0.5);
});
