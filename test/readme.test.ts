// Every fence of the README and of the pages in docs/ runs or compiles.
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ListSchedulesCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { readCronYaml } from "@tendril/core/cron-yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAws } from "./support/aws-process.ts";
import { type DevTier, startDev } from "./support/dev-tier.ts";
import { copyProject, type Project, repositoryRoot } from "./support/project.ts";

const run = promisify(execFile);
const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8");
const pages = globSync("docs/*.md", { cwd: repositoryRoot }).sort();
const fences = ["README.md", ...pages].flatMap((page) => {
  const text = readFileSync(join(repositoryRoot, page), "utf8");
  const found = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return found.map(([, language = "", fence = ""]) => ({ page, language, text: fence }));
});
const of = (language: string, page = "README.md"): string[] =>
  fences.filter((fence) => fence.language === language && fence.page === page).map(({ text }) => text);
const commands = of("sh").map((text) => text.trim());

/** The parts of the `aws` command that the README uses, over the AWS SDK, for machines without it. */
const awsCommand = `#!/usr/bin/env node
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { parseArgs } from "node:util";
const text = { type: "string" };
const options = { "endpoint-url": text, region: text, "queue-url": text, "message-body": text };
const { values, positionals } = parseArgs({ allowPositionals: true, options });
if (positionals.join(" ") !== "sqs send-message") throw new Error(positionals.join(" "));
const credentials = { accessKeyId: "any", secretAccessKey: "any" };
const sqs = new SQSClient({ endpoint: values["endpoint-url"], region: values.region, credentials });
const command = new SendMessageCommand({ QueueUrl: values["queue-url"], MessageBody: values["message-body"] });
console.log(JSON.stringify(await sqs.send(command)));
`;

const credentials = { accessKeyId: "any", secretAccessKey: "any" };

let project: Project;
let dev: DevTier;

beforeAll(async () => {
  project = await copyProject();
  for (const { text } of fences.filter(({ language }) => language === "ts" || language === "sql")) {
    const file = /^(?:\/\/|--) (packages\/\S+\.(?:ts|sql))$/m.exec(text)?.[1] ?? "";
    await project.write(file, text);
  }
  await project.write(
    "packages/jobs/src/tier.ts",
    readFileSync(join(project.root, "packages/jobs/src/tier.ts"), "utf8")
      .replace("jobs: [", "jobs: [WelcomeJob, SignupJob, VisitJob, ")
      .replace(/^/, 'import { VisitJob } from "./visit-job.ts";\n')
      .replace(/^/, 'import { SignupJob } from "./signup-job.ts";\nimport { WelcomeJob } from "./welcome-job.ts";\n'),
  );
  await project.write(
    "packages/jobs/src/handlers.ts",
    readFileSync(join(project.root, "packages/jobs/src/handlers.ts"), "utf8")
      .replace("= [", "= [welcome, signup, visit, ")
      .replace(/^/, 'import { visit } from "./visit-job.handler.ts";\n')
      .replace(/^/, 'import { signup } from "./signup-job.handler.ts";\n')
      .replace(/^/, 'import { welcome } from "./welcome-job.handler.ts";\n'),
  );
  await project.write("packages/jobs/cron.yaml", of("yaml")[0] ?? "");
  await project.write("bin/aws", awsCommand.replace("#!/usr/bin/env node", `#!${process.execPath}`));
  await project.write("bin/package.json", '{ "type": "module" }');
  await chmod(join(project.root, "bin/aws"), 0o755);
  dev = await startDev(project.root);
}, 120_000);

afterAll(async () => {
  await dev?.stop();
  await project?.remove();
});

/** Runs a fence as it stands, with the addresses of this test's tier. */
async function shell(command: string): Promise<string> {
  const here = command
    .replaceAll("npx tendril", `"${process.execPath}" packages/cli/src/main.ts`)
    .replaceAll("localhost:4747", new URL(dev.apiUrl).host)
    .replaceAll("http://127.0.0.1:4748", dev.awsUrl);
  const path = `${join(project.root, "bin")}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path, TENDRIL_URL: dev.apiUrl };
  return (await run("sh", ["-e", "-c", here], { env, cwd: project.root })).stdout;
}

test("there is no fence of a language that this test does not know", () => {
  expect([...new Set(fences.map(({ language }) => language))].sort()).toEqual(["sh", "sql", "text", "ts", "yaml"]);
});

test("its first command is npm's own install and a script that is there", () => {
  expect(commands[0]).toBe("npm install && npm run dev");
  const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8"));
  for (const [, script = ""] of readme.matchAll(/npm (?:run )?(dev|test|check)\b/g))
    expect(scripts).toHaveProperty(script);
});

test("the tier prints what the README shows", () => {
  const shape = (text: string): string[] =>
    text
      .split("\n")
      .filter((line) => /^ {2}\S/.test(line))
      .map((line) => line.trim().split(/ {2,}/)[0] ?? "");
  const [shown = ""] = of("text");
  expect(shape(dev.output())).toEqual(expect.arrayContaining(shape(shown)));
});

test("the curl command enqueues a job, which lives as shown", async () => {
  const curl = commands.find((command) => command.startsWith("curl")) ?? "";
  const { job_id: id } = JSON.parse(await shell(curl));
  await dev.printed(new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}enqueued {3}IncrementJob {2}${id}$`, "m"));
  await dev.printed(new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}started {4}IncrementJob {2}${id} {2}attempt 1$`, "m"));
  await dev.printed(new RegExp(`^\\d\\d:\\d\\d:\\d\\d {2}done {7}IncrementJob {2}${id} {2}\\d+ ms$`, "m"));
});

test("the aws command enqueues the same job", async () => {
  const aws = commands.find((command) => command.startsWith("aws")) ?? "";
  const { MessageId } = JSON.parse(await shell(aws));
  await dev.printed(new RegExp(`done +IncrementJob +${MessageId}`));
});

async function post(type: string, data: object = { name: "you" }): Promise<string> {
  const response = await fetch(`${dev.apiUrl}/job/post/${type}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ data }),
  });
  const { job_id: id } = (await response.json()) as { job_id: string };
  return id;
}

test("the job that it shows how to write runs", async () => {
  const id = await post("WelcomeJob");
  await dev.printed(new RegExp(`done +WelcomeJob +${id}`));
  expect(await dev.query("select data from job_server_data where data like 'welcome%'")).toEqual([
    { data: "welcome, you" },
  ]);
});

test("the job with a follow-up writes through Drizzle, keeps its result, and leaves no follow-up unsent", async () => {
  const id = await post("SignupJob");
  await dev.printed(new RegExp(`done +SignupJob +${id}`));
  expect(await dev.query("select data from job_server_data where data like 'signed%'")).toEqual([
    { data: "signed up: you" },
  ]);
  expect(await dev.query(`select result from tendril.jobs where id = '${id}'`)).toEqual([{ result: { name: "you" } }]);
  const { Schedules } = await new SchedulerClient({ endpoint: dev.awsUrl, region: "us-east-1", credentials }).send(
    new ListSchedulesCommand({ GroupName: "tendril-later" }),
  );
  expect(Schedules).toHaveLength(1);
});

test.each(["jobs", "functions"])("the TypeScript in packages/%s compiles", async (room) => {
  const check = await run(join(repositoryRoot, "node_modules/.bin/tsc"), ["-p", `packages/${room}`], {
    cwd: project.root,
  }).catch((error: { stdout: string }) => error);
  expect(check.stdout).toBe("");
});

test("the test of a job that it shows how to write passes", async () => {
  const file = "packages/jobs/src/welcome-job.test.ts";
  const vitest = join(repositoryRoot, "node_modules/vitest/vitest.mjs");
  const { stdout } = await run(process.execPath, [vitest, "run", file], { cwd: project.root });
  expect(stdout).toMatch(/Tests.*2 passed/);
});

test("the job that only writes runs", async () => {
  const id = await post("VisitJob", { page: "/", at: "2026-11-20T10:00:00Z" });
  await dev.printed(new RegExp(`done +VisitJob +${id}`));
  expect(await dev.query("select id, page from visits")).toEqual([{ id, page: "/" }]);
});

describe("the requests of docs/http-api.md", () => {
  test.each(of("sh", "docs/http-api.md").map((text) => text.trim()))("%s", async (request) => {
    const answer: unknown = JSON.parse(await shell(request));
    expect(answer).not.toHaveProperty("title");
  });
});

test("the command of docs/performance.md lists the benches of its table", async () => {
  const [list = ""] = of("sh", "docs/performance.md").map((text) => text.trim());
  const page = readFileSync(join(repositoryRoot, "docs/performance.md"), "utf8");
  const [table = ""] = page.split("\n\n").filter((part) => part.startsWith("| bench "));
  const shown = [...table.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name);
  const { stdout } = await run("sh", ["-c", list], { cwd: repositoryRoot });
  expect(shown.length).toBeGreaterThan(5);
  for (const name of shown) expect(stdout).toMatch(new RegExp(`^${name} `, "m"));
});

test("the commands of docs/cli.md do what they say", async () => {
  const [jobs = "", file = ""] = of("sh", "docs/cli.md");
  // The page before this one has paused the queue: its own `--wait` needs it to run.
  await shell("npx tendril queues resume jobs");
  const shown = await shell(jobs);
  expect(shown).toMatch(/IncrementJob/);
  expect(shown).toMatch(/^resumed jobs$/m);
  const refused = await shell(file);
  expect(refused).toMatch(/"line":3/);
});

test("the local AWS alone serves an SDK client that has the variables it prints", async () => {
  const [, flags = ""] = /^npx tendril aws(.*)$/m.exec(commands.join("\n")) ?? [undefined, "is not shown"];
  const aws = await startAws({ folder: project.root, flags: flags.split(" ").filter((flag) => flag !== "") });
  try {
    const script = commands.find((command) => command.startsWith("node ")) ?? "";
    const env = { PATH: process.env.PATH, ...aws.variables };
    const { stdout } = await run("sh", ["-c", script], { env, cwd: project.root });
    expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/);
  } finally {
    await aws.stop();
  }
});

test("its schedules are read, and are running", () => {
  expect(readCronYaml(of("yaml")[0] ?? "", "README.md")).toMatchObject({ kind: "schedules", schedules: [{}, {}] });
  expect(dev.output()).toMatch(/schedule nightly welcome +0 3 \* \* mon-fri {2}→ {2}WelcomeJob, next/);
});
