import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-cron-"));
  await writeFile(join(folder, "cron.yaml"), good);
  await writeFile(
    join(folder, "next.yaml"),
    good.replace("0 3 * * mon-fri", "0 4 * * mon-fri").replace("often", "often2"),
  );
  await writeFile(
    join(folder, "broken.yaml"),
    good.replace("*/5", "5/15").replace("0 3", "61 3").replace("/often", "often"),
  );
});

afterAll(() => rm(folder, { recursive: true }));

const good = `version: 1
cron:
  - name: "nightly report"
    url: "/job/post/Report"
    schedule: "0 3 * * mon-fri"
    timezone: Europe/Berlin
  - name: often
    url: /often
    schedule: "*/5 * * * *"
  - name: both days
    url: /both
    schedule: "30 12 1 * mon"
    missed: run within 6 hours
    overlap: skip
`;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs the command as a user would, without a terminal, in a folder that is no project. */
const tendril = (...words: string[]): Promise<Ended> => tendrilIn(folder, words);

function tendrilIn(cwd: string, words: readonly string[]): Promise<Ended> {
  const main = join(import.meta.dirname, "main.ts");
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...words], { cwd }, (_, out, error) => {
      resolve({ code: child.exitCode ?? -1, out, error });
    });
  });
}

const inFile = ["--file", "cron.yaml", "--from", "2027-01-01"];

test("check of a right file says so, without colours", async () => {
  expect(await tendril("cron", "check", ...inFile)).toEqual({
    code: 0,
    out: "cron.yaml: 3 schedules, no problems\n",
    error: "",
  });
});

test("check without a file is about the project's own, also from a folder inside it", async () => {
  const { code, out, error } = await tendrilIn(import.meta.dirname, ["cron", "check"]);
  expect({ code, error }).toEqual({ code: 0, error: "" });
  expect(out).toMatch(/^packages\/jobs\/cron\.yaml: \d+ schedules?, no problems/);
});

test("check and list know the job type by its own path, and in what /job/run is given", async () => {
  const project = join(folder, "project");
  await mkdir(join(project, "packages/jobs/src"), { recursive: true });
  const slow =
    '{ type: "Slow", path: "/slow", queue: "jobs", timeoutMs: 300_000, retry: { attempts: 1, fromMs: 1, toMs: 1 } }';
  await writeFile(
    join(project, "packages/jobs/src/tier.ts"),
    `export const tier = { name: "t", queues: { jobs: {} }, jobs: [${slow}], cron: "cron.yaml" };\n`,
  );
  await writeFile(
    join(project, "cron.yaml"),
    `version: 1
cron:
  - { name: by path, url: /slow, schedule: "* * * * *" }
  - { name: by message, url: /job/run, schedule: "* * * * *", data: { job_type: Slow, data: 1 } }
`,
  );
  const { out } = await tendrilIn(project, ["cron", "check"]);
  expect(out).toContain("short period (by path)");
  expect(out).toContain("short period (by message)");
  const list = await tendrilIn(project, ["cron", "list", "--json"]);
  expect(JSON.parse(list.out)).toMatchObject([{ job: "Slow" }, { job: "Slow" }]);
});

test("check tells what is allowed but probably not meant", async () => {
  await writeFile(join(folder, "odd.yaml"), good.replace("0 3 * * mon-fri", "30 2 * * *"));
  const { code, out } = await tendril("cron", "check", "--file", "odd.yaml", "--from", "2027-01-01");
  expect(code).toBe(0);
  expect(out).toContain("odd.yaml: 3 schedules, no problems, 2 warnings");
  expect(out).toMatch(/odd\.yaml:3:5: clock change \(nightly report\): clocks in Europe\/Berlin skip 02:00 to 03:00/);
});

test("check of a broken file tells every problem by its place, and fails", async () => {
  const { code, out, error } = await tendril("cron", "check", "--file", "broken.yaml");
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(error.split("\n").map((line) => line.split(": ")[0])).toEqual([
    "tendril",
    "  broken.yaml:5:16",
    "  broken.yaml:8:10",
    "  broken.yaml:9:16",
    "",
  ]);
});

test("list tells each schedule in words with its zone and next run", async () => {
  const { out } = await tendril("cron", "list", ...inFile);
  expect(out).toMatch(/^nightly report {2}at 03:00 on Monday to Friday \(Europe\/Berlin\)$/m);
  expect(out).toMatch(/^ +0 3 \* \* mon-fri {2}→ {2}\/job\/post\/Report, next Fri 2027-01-01 03:00 Europe\/Berlin$/m);
  const json = JSON.parse((await tendril("cron", "list", "--json", ...inFile)).out);
  expect(json[0]).toMatchObject({ name: "nightly report", job: "Report", next: "2027-01-01T02:00:00Z" });
});

test("next tells as many runs as asked for", async () => {
  const { out } = await tendril("cron", "next", "nightly report", "-n", "2", ...inFile);
  expect(out.trim().split("\n")).toEqual([
    "Fri 2027-01-01 03:00 Europe/Berlin  Fri 2027-01-01 02:00 UTC",
    "Mon 2027-01-04 03:00 Europe/Berlin  Mon 2027-01-04 02:00 UTC",
  ]);
  expect(JSON.parse((await tendril("cron", "next", "often", "--json", ...inFile)).out)).toHaveLength(10);
});

test("explain shows the AWS expressions and why there are two", async () => {
  const { out } = await tendril("cron", "explain", "both days", ...inFile);
  expect(out).toContain("cron(30 12 1 * ? *)");
  expect(out).toContain("cron(30 12 ? * MON *)");
  expect(out).toContain("Why two:");
  expect(out).toContain("tried again for 6 h");
  expect((await tendril("cron", "explain", "often", ...inFile)).out).toContain("Why one:");
});

test("calendar has a line for every day, and one for what runs often", async () => {
  const { out } = await tendril("cron", "calendar", "--month", "2027-02", ...inFile);
  const lines = out.split("\n");
  expect(lines.slice(0, 3)).toEqual([
    "2027-02, times in UTC",
    "Mon 01  02:00 nightly report · 12:30 both days",
    "Tue 02  02:00 nightly report",
  ]);
  expect(lines.filter((line) => /^\w{3} \d\d {2}/.test(line))).toHaveLength(28);
  expect(lines).toContain("  often: every 5 minutes (UTC), 8064 runs");
});

test("diff tells what is added, removed and changed", async () => {
  const { out } = await tendril("cron", "diff", "cron.yaml", "next.yaml", "--from", "2027-01-01");
  expect(out.split("\n")).toEqual([
    "~ nightly report: 20 runs in 28 days become 20: 20 lost (first Fri 2027-01-01 02:00 UTC), 20 gained (first Fri 2027-01-01 03:00 UTC)",
    '    schedule: "0 3 * * mon-fri" → "0 4 * * mon-fri"',
    "+ often2: every 5 minutes (UTC), 8064 runs in 28 days",
    "- often: every 5 minutes (UTC), 8064 runs in 28 days",
    "",
  ]);
  expect((await tendril("cron", "diff", "cron.yaml", "cron.yaml")).out).toBe("no difference\n");
});

test.each([
  ["no command", ["cron"], "check, list, next NAME"],
  ["an unknown command", ["cron", "bla"], "check, list, next NAME"],
  ["a missing name", ["cron", "next"], "check, list, next NAME"],
  ["an unknown task", ["cron", "next", "other", ...inFile], '"nightly report", "often", "both days"'],
  ["a bad number", ["cron", "next", "often", "-n", "0", ...inFile], "a number from 1 to 10000"],
  ["a bad time", ["cron", "list", "--file", "cron.yaml", "--from", "soon"], "2027-01-01"],
  ["a bad month", ["cron", "calendar", "--month", "2027-13", ...inFile], "2027-01"],
  ["a bad zone", ["cron", "calendar", "--timezone", "Mars", ...inFile], "Europe/Berlin"],
  ["an unknown option", ["cron", "list", "--colour"], "--colour"],
  ["a file that is not there", ["cron", "list", "--file", "none.yaml"], "a file that can be read"],
  ["no project", ["cron", "list"], "a folder inside a Tendril project"],
])("%s is one line with what is allowed, and exit code 1", async (_, words, allowed) => {
  const { code, out, error } = await tendril(...words);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(error).toContain(allowed);
  expect(error.trim().split("\n")).toHaveLength(1);
});
