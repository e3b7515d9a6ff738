// What `tendril dev` says when it cannot start: one clear line with what to do, exit code 1, no stack trace.
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { failToStart, startDev } from "./support/dev-tier.ts";
import { copyProject, type Project } from "./support/project.ts";

let project: Project;

beforeAll(async () => {
  project = await copyProject();
});

afterEach(async () => {
  await project.restore();
  // The database stays; a schedule that came due in between would be told of in a line of its own.
  for (const part of ["scheduler", "sqs"])
    await rm(join(project.root, ".tendril", part), { recursive: true, force: true });
});

afterAll(() => project.remove());

/** What the user reads: one line, and with `problems` one more for each. */
async function complaint(flags: readonly string[] = [], { problems = 0 } = {}): Promise<string> {
  const { code, output } = await failToStart(project.root, flags);
  expect(code).toBe(1);
  expect(output).not.toMatch(/^\s+at /m);
  const lines = output.split("\n").filter((line) => line !== "" && !line.startsWith("·"));
  expect(lines).toHaveLength(1 + problems);
  return lines.join("\n");
}

test("a port in use", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? String(address.port) : "";
  for (const flag of ["--port", "--aws-port", "--postgres-port"]) {
    expect(await complaint([flag, port])).toMatch(new RegExp(`A port is in use \\(127.0.0.1:${port}\\).*${flag}\\.$`));
  }
  server.close();
});

test("a state folder of a newer version", async () => {
  await project.write(".tendril/version", "2\n");
  expect(await complaint()).toMatch(
    /state folder is of another version.*given version "2", allowed version 1\. .*--fresh/,
  );
});

test("a broken cron.yaml, every error at once with its place", async () => {
  await project.write(
    "packages/jobs/cron.yaml",
    'version: 1\ncron:\n  - name: "a"\n    url: "/job/post/CronJob"\n    schedule: "5/15 * * * *"\n  - name: "a"\n    url: "job"\n    schedule: "@daily"\n',
  );
  const lines = (await complaint([], { problems: 3 })).split("\n");
  expect(lines[0]).toBe("tendril: cron.yaml cannot be read: 3 problems");
  expect(lines[1]).toMatch(/^ {2}packages\/jobs\/cron\.yaml:5:.*given .*5\/15.*allowed/);
  expect(lines[2]).toMatch(/^ {2}packages\/jobs\/cron\.yaml:6:/);
  expect(lines[3]).toMatch(/^ {2}packages\/jobs\/cron\.yaml:7:/);
});

test("a schedule that leads to no job type", async () => {
  await project.write(
    "packages/jobs/cron.yaml",
    'version: 1\ncron:\n  - name: "a"\n    url: "/backup"\n    schedule: "@daily"\n',
  );
  expect(await complaint()).toContain(
    '(packages/jobs/cron.yaml:3:5 (a)): given url "/backup" and no job, allowed a job type of the tier',
  );
});

describe("a handler that does not load", () => {
  test.each([
    ["a syntax error", "export const increment = handle(;\n", /increment-job\.handler\.ts:1/],
    [
      "TypeScript that Node cannot strip",
      "enum A { B }\nexport const increment = A;\n",
      /increment-job\.handler\.ts:1/,
    ],
    ["a missing module", 'import "no-such-module";\nexport const increment = 1;\n', /no-such-module/],
    ["a throw at load", 'throw new Error("no configuration");\nexport const increment = 1;\n', /no configuration/],
  ])("%s", async (_, text, place) => {
    await project.write("packages/jobs/src/increment-job.handler.ts", text);
    expect(await complaint()).toMatch(place);
  });

  test("a job type without one", async () => {
    await project.write("packages/jobs/src/handlers.ts", "export const handlers = [];\n");
    expect(await complaint()).toMatch(/IncrementJob/);
  });
});

test("a tier that does not load, and a tier that loses jobs", async () => {
  await project.write("packages/jobs/src/tier.ts", "export const tier = {\n");
  expect(await complaint()).toContain("packages/jobs/src/tier.ts");
  await project.write(
    "packages/jobs/src/tier.ts",
    'export const tier = { name: "t", queues: { jobs: { maxReceiveCount: 1, retention: "14 days" } }, jobs: [] };\n',
  );
  expect(await complaint([], { problems: 2 })).toMatch(
    /2 problems\n {2}queues\.jobs\.deadLetterRetention: .*\n {2}queues\.jobs\.maxReceiveCount: /,
  );
});

test.each([
  [["--port", "many"], /--port many.*0 to 65535/],
  [["--frsh"], /--frsh/],
])("a command line that cannot be read: %j", async (flags, words) => {
  expect(await complaint(flags)).toMatch(words);
});

describe("a migration that fails", () => {
  const file = "packages/jobs/migrations/0002_broken.sql";

  test("names its file and Postgres' own words", async () => {
    await project.write(file, "create table half (id int);\ncreate tabel other ();\n");
    expect(await complaint()).toMatch(/0002_broken\.sql.*syntax error at or near "tabel"/);
  });

  test("leaves nothing behind; and the state folder of the tier that runs then is refused to another one", async () => {
    await project.write(file, "create table half (id int);\n");
    const dev = await startDev(project.root);
    try {
      expect(dev.output()).toMatch(/migrations applied: .*0002_broken\.sql/);
      expect(await dev.query("select count(*)::int as rows from half")).toEqual([{ rows: 0 }]);
      expect(await complaint()).toMatch(new RegExp(`The state folder is in use .*process ${dev.process.pid} holds`));
    } finally {
      await dev.stop();
    }
  });
});
