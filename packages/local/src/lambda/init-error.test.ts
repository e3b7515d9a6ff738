import { expect, test } from "vitest";
import { testLambda } from "./lambda.fixture.ts";

const pidHandler = "export const handler = async () => process.pid;";

test.each([
  [
    "TypeScript that is wrong",
    "export const a = 1;\nexport const handler = async () => { const x = ; };\n",
    { place: { file: "src/worker.ts", line: 2, column: 48 } },
    "SyntaxError [ERR_INVALID_TYPESCRIPT_SYNTAX]: Expression expected",
  ],
  [
    "an enum",
    "export enum Color { Red }\n",
    { place: { file: "src/worker.ts", line: 1, column: 8 } },
    "SyntaxError [ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX]: TypeScript enum is not supported in strip-only mode",
  ],
  [
    "a name declared twice",
    "const a = 1;\nexport const b = 2;\nconst a = 3;\n",
    { place: { file: "src/worker.ts", line: 3, column: 7 } },
    "SyntaxError: Identifier 'a' has already been declared",
  ],
  [
    "a file that is not there",
    '// tests\nimport { a } from "./other.ts";\nimport { b } from "./nowhere.ts";\n',
    { place: { file: "src/worker.ts", line: 3, column: 19 } },
    /Cannot find module '.*src\/nowhere.ts' imported from .*src\/worker.ts$/,
  ],
  [
    "a package that is not there",
    'import { b } from "nowhere/far";\n',
    { place: { file: "src/worker.ts", line: 1, column: 19 } },
    /Cannot find package 'nowhere' imported from .*src\/worker.ts$/,
  ],
  [
    "an import that is not exported",
    'import { zed } from "./other.ts";\n',
    { place: { file: "src/worker.ts", line: 1, column: 10 } },
    "SyntaxError: The requested module './other.ts' does not provide an export named 'zed'",
  ],
  [
    "an error in another file",
    'import "./broken.ts";\n',
    { place: { file: "src/broken.ts", line: 2, column: 7 } },
    "TypeError: Cannot read properties of undefined (reading 'x')",
  ],
  [
    "no such export",
    "export const other = 1;\n",
    {},
    "Runtime.HandlerNotFound: src/worker.handler is undefined or not exported",
  ],
  [
    "an export that is no function",
    "export const handler = 1;\n",
    {},
    "Runtime.HandlerNotFound: src/worker.handler is not a function",
  ],
  [
    "a callback",
    "export const handler = (event, context, callback) => {};\n",
    {},
    /Runtime.CallbackHandlerDeprecated: ERROR: AWS/,
  ],
  ["an exit", "process.exit(4);\n", {}, "Runtime.ExitError: Error: Runtime exited with error: exit status 4"],
  [
    "an error that nothing catches",
    "setTimeout(() => {\n  throw new Error('stray');\n});\nawait new Promise(() => {});\n",
    { errorType: "Runtime.ExitError", place: { file: "src/worker.ts", line: 2, column: 3 } },
    "Error: stray",
  ],
])("a module with %s is reported with its place, once", async (_, source, facts, message) => {
  const { invoke, lambda, initErrors } = await testLambda(source, {
    files: {
      "src/other.ts": "export const a = 1;",
      "src/broken.ts": "const value: any = undefined;\nvalue.x;",
    },
  });
  const kinds = (await Promise.all([invoke(), invoke()])).map((invocation) => invocation.kind);
  expect([...kinds, (await invoke()).kind, (await lambda.warm("worker")).kind]).toEqual(Array(4).fill("init-failed"));
  expect(initErrors).toHaveLength(1);
  const [error] = initErrors;
  expect(error).toMatchObject({ functionName: "worker", ...facts });
  const report = error?.report.split("\n") ?? [];
  expect(report.at(-1)).toMatch(message);
  const place = error?.place;
  if (!place) return expect(report).toHaveLength(1);
  expect(report.slice(0, 2)).toEqual([`${place.file}:${place.line}:${place.column}`, place.source]);
  expect(report[2]?.indexOf("^")).toBe(place.column - 1);
});

test("a handler in a file that is not there is an init error", async () => {
  const { invoke, initErrors } = await testLambda(pidHandler, { config: { handler: "src/nowhere.handler" } });
  expect(await invoke()).toMatchObject({ kind: "init-failed", errorType: "Runtime.ImportModuleError" });
  expect(initErrors).toHaveLength(1);
});

test("a module that never loads is given up", async () => {
  const { invoke } = await testLambda("setInterval(() => {}, 1000); await new Promise(() => {});", {
    config: { timeoutMs: 1000 },
    lambda: { initMs: 500 },
  });
  expect(await invoke()).toMatchObject({ kind: "init-failed", errorMessage: "Init timed out after 1.50 seconds" });
});
