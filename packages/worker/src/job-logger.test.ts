import { Logger } from "@aws-lambda-powertools/logger";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { JobLogger } from "./job-logger.ts";

const context = {
  functionName: "jobs-worker",
  functionVersion: "$LATEST",
  invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:jobs-worker",
  memoryLimitInMB: "512",
  awsRequestId: "8f507cfc-0000-4000-8000-000000000000",
  coldStart: true,
};

let lines: string[];
let expected: string[];
let logger: JobLogger;
let plain: Logger;

beforeEach(() => {
  lines = [];
  expected = [];
  logger = new JobLogger({ serviceName: "tendril", write: (line) => lines.push(line) });
  plain = new Logger({ serviceName: "tendril" });
  for (const [from, kept] of [
    [logger, lines],
    [plain, expected],
  ] as const) {
    const keep = (line: string) => void kept.push(`${line}\n`);
    Reflect.set(from, "console", { debug: keep, info: keep, warn: keep, error: keep });
    from.addContext(context);
  }
});

/** Without the time, which passes. */
const untimed = (line: string | undefined) => line?.replace(/"timestamp":"[^"]*"/, '"timestamp":""');

const key = fc.oneof(
  fc.constantFrom("job_id", "queue", "attempt", "ms", "error", "stack", "level", "service", "function_name", "message"),
  fc.string(),
);
const value = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(undefined), fc.constant(null));

test("writes every line as Powertools' Logger does, byte for byte but for the time", () => {
  const level = fc.constantFrom("info", "warn", "error", "debug");
  fc.assert(
    fc.property(level, fc.string(), fc.dictionary(key, value), (name, message, facts) => {
      logger[name](message, facts);
      plain[name](message, facts);
      expect(lines.splice(0).map(untimed)).toEqual(expected.splice(0).map(untimed));
    }),
    { numRuns: 300 },
  );
});

test("writes errors and nested values as the Logger does", () => {
  const error = new Error("declined");
  for (const each of [logger, plain]) {
    each.error("no", error);
    each.info("nested", { order: { items: [1, 2] }, at: new Date(0), many: 1n });
    each.info({ message: "an object", order: 7 });
    each.info("no keys");
  }
  expect(lines.map(untimed)).toEqual(expected.map(untimed));
  expect(lines).toHaveLength(4);
});

test("says the time when the line was written, and the invocation that it belongs to", () => {
  logger.info("first", { job_id: "a" });
  logger.addContext({ ...context, awsRequestId: "another" });
  logger.info("second", { job_id: "b" });
  const [first, second] = lines.map((line) => JSON.parse(line));
  expect(Math.abs(Date.now() - Date.parse(first.timestamp))).toBeLessThan(60_000);
  expect([first.function_request_id, second.function_request_id]).toEqual([context.awsRequestId, "another"]);
});

test("keys that are appended stand in every line after that", () => {
  for (const each of [logger, plain]) {
    each.info("before", { job_id: "a" });
    each.appendKeys({ tenant: "x" });
    each.info("with", { job_id: "a" });
    each.appendPersistentKeys({ region: "y" });
    each.info("with both", { job_id: "a" });
  }
  expect(lines.map(untimed)).toEqual(expected.map(untimed));
});

test("says nothing below its level", () => {
  for (const each of [logger, plain]) {
    each.setLogLevel("WARN");
    each.info("not said", { job_id: "a" });
    each.warn("said", { job_id: "a" });
  }
  expect(lines.map(untimed)).toEqual(expected.map(untimed));
  expect(lines).toHaveLength(1);
});
