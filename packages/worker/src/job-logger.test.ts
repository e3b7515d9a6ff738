import { spawnSync } from "node:child_process";
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
      if (name !== "debug") {
        logger.line(name, message, facts);
        plain[name](message, facts);
      }
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

test("says of each invocation what the Logger says: a cold start, request, trace, tenant and function", () => {
  const [one, other] = ["1-5759e988-bd862e3fe1be46a994272793", "1-6759e988-bd862e3fe1be46a994272793"];
  const invocation = fc.record({
    awsRequestId: fc.oneof(fc.uuid(), fc.constantFrom("", '"')),
    functionName: fc.oneof({ weight: 9, arbitrary: fc.constant("jobs-worker") }, { weight: 1, arbitrary: fc.string() }),
    memoryLimitInMB: fc.constantFrom("512", "1024"),
    tenantId: fc.option(fc.string(), { nil: undefined, freq: 9 }),
    trace: fc.constantFrom(undefined, one, `Root=${one};Parent=53995c3f42cd8ad8;Sampled=1`, `Root=${other}`, "Self=1"),
    facts: fc.array(fc.constantFrom({ job_id: "a" }, { nested: [1] }, { error: "no" }), { maxLength: 3 }),
  });
  const before = process.env._X_AMZN_TRACE_ID;
  fc.assert(
    fc.property(fc.array(invocation, { maxLength: 12 }), (invocations) => {
      for (const { trace, facts, ...own } of invocations) {
        if (trace === undefined) delete process.env._X_AMZN_TRACE_ID;
        else process.env._X_AMZN_TRACE_ID = trace;
        for (const each of [logger, plain]) {
          each.addContext({ ...context, ...own });
          for (const fact of facts) each.info("said", fact);
        }
      }
      expect(lines.splice(0).map(untimed)).toEqual(expected.splice(0).map(untimed));
      expect(untimed(childLine(logger))).toEqual(untimed(childLine(plain)));
    }),
  );
  if (before === undefined) delete process.env._X_AMZN_TRACE_ID;
  else process.env._X_AMZN_TRACE_ID = before;
});

/** A line of a logger's child. */
function childLine(parent: Logger): string {
  const child = parent.createChild();
  const said: string[] = [];
  Reflect.set(child, "console", { info: (line: string) => said.push(line) });
  child.info("child", { job_id: "a" });
  return said.join("");
}

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

test("kept lines of a turn are written together, in their order, before what waits for them goes on", async () => {
  const first = logger.keep();
  logger.info("first", { job_id: "a" });
  const second = logger.keep();
  logger.info("second", { job_id: "b" });
  expect(lines).toEqual([]);
  await Promise.all([first, second]);
  expect(lines.map((line) => line.split("\n").length - 1)).toEqual([2]);
  expect(lines[0]).toMatch(/"first".*\n.*"second"/);
});

test("lines that are kept longer are written before any other, when the turn ends, or when they are asked for", async () => {
  const say = (message: string): void => logger.info(message, { job_id: "a" });
  logger.keepLonger();
  say("first");
  await Promise.resolve();
  expect(lines).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(lines.join("")).toMatch(/"first"/);
  logger.keepLonger();
  say("second");
  say("third");
  expect(lines.slice(1).join("")).toMatch(/"second".*\n.*"third"/);
  logger.keepLonger();
  say("fourth");
  logger.writeKept("more\n");
  logger.writeKept();
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/"fourth".*\nmore\n$/);
});

test.each([
  ["plain", { job_id: "b" }],
  ["of the Logger's own making", { order: { items: [1] } }],
])("a line that is not kept (%s) is written at once, after those that were", (_, facts) => {
  void logger.keep();
  logger.info("kept", { job_id: "a" });
  logger.info("at once", facts);
  expect(lines.join("")).toMatch(/"kept".*\n.*"at once"/);
});

test("a line below the level is not kept in place of the next one", () => {
  void logger.keep();
  logger.debug("not said", { job_id: "a" });
  logger.info("said", { job_id: "b" });
  expect(lines).toHaveLength(1);
});

test.each([
  "process.exit(3)",
  "setImmediate(() => { throw new Error('uncaught') })",
  "process.kill(process.pid, 'SIGKILL')",
])("a handler that ends its process with %s has its line in the log", (end) => {
  const script = `import { JobLogger } from ${JSON.stringify(import.meta.resolve("./job-logger.ts"))};
      const logger = new JobLogger({ serviceName: "tendril" });
      const written = logger.keep();
      logger.info("job started", { job_id: "a" });
      await written;
      void logger.keep();
      logger.info("job done", { job_id: "b" });
      ${end};`;
  const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
  });
  expect(status).not.toBe(0);
  expect(stdout).toContain('"job started"');
  // What is kept by then is lost to nothing but a kill.
  expect(stdout.includes('"job done"')).toBe(!end.includes("SIGKILL"));
});
