/** The house's walls: which room may import which. The tables are the rules; the rest reads the sources and compares. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";

const anyRoom = ["core", "ledger", "client", "jobs", "worker", "api", "functions", "local", "testing", "cli", "stacks"];

/** Which rooms each room may import. Nobody but the proofs in test/ imports the ends: functions, stacks, cli, test. */
const roomsOf: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ledger: ["core"],
  client: ["core"],
  jobs: ["core"],
  worker: ["core", "ledger", "client"],
  api: ["core", "client", "ledger"],
  functions: ["core", "ledger", "client", "jobs", "worker", "api"],
  local: ["core"],
  testing: ["core", "ledger", "client", "worker", "local"],
  cli: ["core", "client", "local"],
  stacks: ["core", "jobs"],
  test: anyRoom,
};

/** What a room's tests may import besides, and its package.json have for development. */
const roomsOfTests: Readonly<Record<string, readonly string[]>> = { jobs: ["testing"] };

/** Foreign packages that a room must not import, although nothing else forbids it; `node:` stands for Node's own. */
const foreignBans: Readonly<Record<string, RegExp>> = {
  core: /^(?!(@standard-schema\/spec|uuid|yaml)$)/,
  stacks: /^@aws-sdk\//,
  testing: /^vitest$/,
};

/** Rooms that end up in Lambda bundles. They cannot know that they run on one machine: nothing there says so. */
const deployed = ["core", "ledger", "client", "jobs", "worker", "api", "functions"];
const localWords = /AWS_ENDPOINT_URL|TENDRIL_LOCAL|127\.0\.0\.1|\blocalhost\b|\bendpoint\s*:/;

/** Time and chance, which core is told. */
const impureWords = /\bDate\.now\s*\(|\bnew Date\s*(?:\(\s*\)|(?![\s(]))|\bMath\.random\b/;

/** Folders of packages/local that stand alone, each over the shared parts. */
const services = ["sqs", "rds-data", "scheduler", "lambda", "http-api", "postgres"];
const sharedByServices = ["wire/", "clock.ts", "journal.ts"];
/** What a service may import of another one all the same, as a type. */
const typesBetweenServices: readonly (readonly [from: string, to: string])[] = [
  ["lambda", "sqs/message-source.ts"],
  ["http-api", "lambda/lambda.ts"],
];

/** The only files that link handlers, beside tests: whoever else did would carry every job's code. */
const handlerImporters = ["packages/jobs/src/handlers.ts", "packages/functions/src/worker.ts"];

interface Source {
  readonly path: string;
  readonly text: string;
}

interface Manifest {
  readonly room: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** The path of a file that is named relatively. */
  readonly file?: string;
  readonly room?: string;
}

function violations(sources: readonly Source[], manifests: readonly Manifest[]): string[] {
  return [...manifests.flatMap(badEdges), ...sources.flatMap((source) => badSource(source, manifests))];
}

function badEdges({ room, dependencies, devDependencies }: Manifest): string[] {
  const isBad = (name: string, allowed: readonly string[]): boolean =>
    name.startsWith("@tendril/") && !allowed.includes(name.slice("@tendril/".length));
  const rooms = roomsOf[room] ?? [];
  const withTests = [...rooms, ...(roomsOfTests[room] ?? [])];
  const bad = [
    ...dependencies.filter((name) => isBad(name, rooms)),
    ...devDependencies.filter((name) => isBad(name, withTests)),
  ];
  return bad.map((name) => `packages/${room}/package.json: ${room} depends on ${name}`);
}

function badSource(source: Source, manifests: readonly Manifest[]): string[] {
  const room = roomOf(source.path);
  const manifest = manifests.find((each) => each.room === room);
  const imports = importsOf(source);
  const reasons = [
    ...imports.map((each) => badRoom(room, each, isTest(source.path))),
    ...imports.map((each) => badPackage(source, room, each, manifest)),
    ...imports.map((each) => badService(source, each)),
    ...imports.map((each) => badHandlerImport(source, each)),
    ...badWords(source, room),
  ];
  return reasons.filter((reason) => reason !== undefined).map((reason) => `${source.path}: ${reason}`);
}

function badRoom(room: string, { room: to, specifier }: Import, inTest: boolean): string | undefined {
  if (to === undefined || to === room || roomsOf[room]?.includes(to)) return undefined;
  if (inTest && roomsOfTests[room]?.includes(to)) return undefined;
  return `${room} imports ${to} (${specifier})`;
}

/** A foreign package must be allowed in the room, and declared: tests may use the root's, and types may be for development. */
function badPackage(source: Source, room: string, given: Import, manifest?: Manifest): string | undefined {
  if (given.room !== undefined || given.file !== undefined) return undefined;
  const name = packageOf(given.specifier);
  const inTest = isTest(source.path);
  if (!inTest && foreignBans[room]?.test(name)) return `${room} imports ${given.specifier}`;
  if (manifest === undefined || name === "node:" || inTest) return undefined;
  const declared = given.typeOnly ? [...manifest.dependencies, ...manifest.devDependencies] : manifest.dependencies;
  const known = declared.includes(name) || (given.typeOnly && declared.includes(`@types/${name}`));
  return known ? undefined : `imports ${name}, which packages/${room}/package.json does not declare`;
}

function badService(source: Source, given: Import): string | undefined {
  const from = localFolder(source.path);
  if (from === undefined || isTest(source.path) || given.file === undefined) return undefined;
  const to = given.file.replace("packages/local/src/", "");
  if (to.startsWith(`${from}/`) || sharedByServices.some((shared) => to.startsWith(shared))) return undefined;
  if (given.typeOnly && typesBetweenServices.some(([f, t]) => f === from && t === to)) return undefined;
  return `local's ${from}/ imports ${to}`;
}

/** The service, or the wire under all of them, that a file of packages/local belongs to. */
function localFolder(path: string): string | undefined {
  const folder = /^packages\/local\/src\/([^/]+)\//.exec(path)?.[1];
  return folder === "wire" || services.includes(folder ?? "") ? folder : undefined;
}

function badHandlerImport(source: Source, { specifier }: Import): string | undefined {
  const isHandler = /\.handler(?:\.ts)?$/.test(specifier) || /^@tendril\/jobs\/handlers$/.test(specifier);
  const allowed = isTest(source.path) || roomOf(source.path) === "test" || handlerImporters.includes(source.path);
  return isHandler && !allowed ? `imports a handler (${specifier})` : undefined;
}

function badWords(source: Source, room: string): (string | undefined)[] {
  if (isTest(source.path)) return [];
  const impure = room === "core" ? impureWords.exec(source.text)?.[0] : undefined;
  const local = deployed.includes(room) ? localWords.exec(source.text)?.[0] : undefined;
  return [
    impure && `core has time or chance of its own (${impure})`,
    local && `${room} knows of the local machine (${local})`,
  ];
}

const staticImport =
  /^\s*(?:import|export)\s+(?<type>type\s)?(?:[\w*{}\s,$]*?\s*from\s*)?["'](?<specifier>[^"']+)["']/gm;
const otherImport =
  /\b(?:import|require|import\.meta\.resolve|require\.resolve)\s*\(\s*["'`](?<specifier>[^"'`$]+)["'`]/g;

function importsOf({ path, text }: Source): Import[] {
  return [...text.matchAll(staticImport), ...text.matchAll(otherImport)].map(({ groups }) => {
    const specifier = groups?.specifier ?? "";
    const typeOnly = groups?.type !== undefined;
    if (specifier.startsWith(".")) {
      const file = normalize(join(dirname(path), specifier));
      return { specifier, typeOnly, file, room: roomOf(file) };
    }
    const room = /^@tendril\/([^/]+)/.exec(specifier)?.[1];
    return room === undefined ? { specifier, typeOnly } : { specifier, typeOnly, room };
  });
}

function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return "node:";
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function roomOf(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "packages" ? second : first;
}

/** `x.test.ts`, and what only tests import: `x.fixture.ts`, `test-x.ts`, which in the testing kit is a source. */
const isTest = (path: string): boolean =>
  /(?:\.test|\.fixture)\.ts$/.test(path) || (/\/test-[a-z-]+\.ts$/.test(path) && roomOf(path) !== "testing");

const root = join(import.meta.dirname, "..");

function readSources(): Source[] {
  const patterns = ["packages/*/src/**/*.ts", "stacks/**/*.ts", "test/**/*.ts"];
  return globSync(patterns, { cwd: root })
    .filter((path) => path !== "test/boundaries.test.ts")
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

function readManifests(): Manifest[] {
  return globSync("packages/*/package.json", { cwd: root }).map((path) => {
    const manifest: Record<string, unknown> = JSON.parse(readFileSync(join(root, path), "utf8"));
    const names = (key: string): string[] => Object.keys(manifest[key] ?? {});
    const dependencies = [...names("dependencies"), ...names("optionalDependencies"), ...names("peerDependencies")];
    return { room: roomOf(path), dependencies, devDependencies: names("devDependencies") };
  });
}

test("every room imports only what it may", () => {
  expect(violations(readSources(), readManifests())).toEqual([]);
});

test("every room is in the table, and has sources that were read", () => {
  const rooms = readManifests().map(({ room }) => room);
  expect(rooms.filter((room) => roomsOf[room] === undefined)).toEqual([]);
  const read = new Set(readSources().map(({ path }) => roomOf(path)));
  expect(rooms.filter((room) => !read.has(room))).toEqual([]);
  expect(handlerImporters.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

describe("a violation is found", () => {
  const manifests: Manifest[] = [{ room: "worker", dependencies: ["p-limit"], devDependencies: ["@types/aws-lambda"] }];
  test.each([
    [
      "a room by its name",
      "packages/api/src/a.ts",
      'import { x } from "@tendril/worker/worker";',
      "api imports worker",
    ],
    [
      "a room by its path",
      "packages/worker/src/a.ts",
      'import { x } from "../../local/src/clock.ts";',
      "worker imports local",
    ],
    [
      "a list over several lines",
      "packages/jobs/src/a.ts",
      'import {\n  type X,\n  y,\n} from "@tendril/ledger/y";',
      "jobs imports ledger",
    ],
    ["a type", "packages/ledger/src/a.ts", 'import type { X } from "@tendril/client/x";', "ledger imports client"],
    ["an export from", "packages/client/src/a.ts", 'export * from "@tendril/api/api";', "client imports api"],
    ["an import for its effect", "packages/local/src/a.ts", 'import "@tendril/cli/main";', "local imports cli"],
    ["an import at run time", "packages/cli/src/a.ts", 'await import("@tendril/jobs/tier");', "cli imports jobs"],
    [
      "a test beside its file",
      "packages/api/src/a.test.ts",
      'import { x } from "@tendril/local/clock";',
      "api imports local",
    ],
    [
      "the testing kit beside jobs",
      "packages/jobs/src/a.ts",
      'import { x } from "@tendril/testing/test-tier";',
      "jobs imports testing",
    ],
    [
      "local in a test of jobs",
      "packages/jobs/src/a.test.ts",
      'import { x } from "@tendril/local/clock";',
      "jobs imports local",
    ],
    [
      "the testing kit in a test of another room",
      "packages/worker/src/a.test.ts",
      'import { x } from "@tendril/testing/test-tier";',
      "worker imports testing",
    ],
    [
      "jobs in the testing kit",
      "packages/testing/src/a.ts",
      'import { x } from "@tendril/jobs/tier";',
      "testing imports jobs",
    ],
    [
      "vitest in what the testing kit calls a test",
      "packages/testing/src/test-a.ts",
      'import { x } from "vitest";',
      "testing imports vitest",
    ],
    ["vitest in the testing kit", "packages/testing/src/a.ts", 'import { x } from "vitest";', "testing imports vitest"],
    ["stacks with local", "stacks/a.ts", 'import { x } from "@tendril/local/clock";', "stacks imports local"],
    [
      "stacks with an SDK",
      "stacks/a.ts",
      'import { x } from "@aws-sdk/client-sqs";',
      "stacks imports @aws-sdk/client-sqs",
    ],
    ["Node in core", "packages/core/src/a.ts", 'import { x } from "node:fs";', "core imports node:fs"],
    [
      "AWS in core",
      "packages/core/src/a.ts",
      'import { x } from "@aws-sdk/client-sqs";',
      "core imports @aws-sdk/client-sqs",
    ],
    ["the time in core", "packages/core/src/a.ts", "const now = Date.now();", "core has time or chance of its own"],
    ["today in core", "packages/core/src/a.ts", "const now = new Date();", "core has time or chance of its own"],
    ["chance in core", "packages/core/src/a.ts", "const x = Math.random();", "core has time or chance of its own"],
    [
      "the machine in a bundle",
      "packages/worker/src/a.ts",
      'if (url.includes("localhost")) x();',
      "worker knows of the local machine",
    ],
    [
      "a package that is not declared",
      "packages/worker/src/a.ts",
      'import pg from "pg";',
      "imports pg, which packages/worker/package.json",
    ],
    [
      "a value of a package for types",
      "packages/worker/src/a.ts",
      'import { x } from "aws-lambda";',
      "imports aws-lambda, which",
    ],
    ["a handler from a spec", "packages/jobs/src/tier.ts", 'import { x } from "./x.handler.ts";', "imports a handler"],
    [
      "handlers in the API",
      "packages/functions/src/api.ts",
      'import { x } from "@tendril/jobs/handlers";',
      "imports a handler",
    ],
    [
      "a service in a service",
      "packages/local/src/sqs/a.ts",
      'import { x } from "../lambda/x.ts";',
      "local's sqs/ imports lambda/x.ts",
    ],
    [
      "a service in the wire",
      "packages/local/src/wire/a.ts",
      'import { x } from "../sqs/x.ts";',
      "local's wire/ imports sqs/x.ts",
    ],
    [
      "a declared type as a value",
      "packages/local/src/lambda/a.ts",
      'import { x } from "../sqs/message-source.ts";',
      "local's lambda/ imports",
    ],
  ])("%s", (_name, path, text, reason) => {
    expect(violations([{ path, text }], manifests)).toEqual([expect.stringContaining(`${path}: ${reason}`)]);
  });

  test("a dependency in a package.json", () => {
    const manifest = {
      room: "client",
      dependencies: ["@tendril/core", "@tendril/ledger"],
      devDependencies: ["@tendril/local"],
    };
    expect(violations([], [manifest])).toEqual([
      "packages/client/package.json: client depends on @tendril/ledger",
      "packages/client/package.json: client depends on @tendril/local",
    ]);
  });

  test("the testing kit as a dependency", () => {
    const manifest = { room: "jobs", dependencies: ["@tendril/core"], devDependencies: ["@tendril/testing"] };
    expect(violations([], [manifest])).toEqual([]);
    expect(violations([], [{ ...manifest, dependencies: ["@tendril/testing"] }])).toEqual([
      "packages/jobs/package.json: jobs depends on @tendril/testing",
    ]);
  });

  test.each([
    ["the testing kit in a test of jobs", "packages/jobs/src/a.test.ts", 'import { x } from "@tendril/testing/x";'],
    ["handlers in a test of jobs", "packages/jobs/src/a.test.ts", 'import { x } from "./a.handler.ts";'],
    ["a declared package", "packages/worker/src/a.ts", 'import limit from "p-limit";'],
    ["a type for development", "packages/worker/src/a.ts", 'import type { SQSEvent } from "aws-lambda";'],
    [
      "a type between services that is declared",
      "packages/local/src/lambda/a.ts",
      'import type { X } from "../sqs/message-source.ts";',
    ],
    ["a date that is given", "packages/core/src/a.ts", "const at = new Date(timeMs);"],
    ["an import in a comment", "packages/core/src/a.ts", ' * import { x } from "@tendril/worker/worker";'],
  ])("and no other: %s", (_name, path, text) => {
    expect(violations([{ path, text }], manifests)).toEqual([]);
  });
});
