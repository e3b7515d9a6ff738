import { expect, onTestFinished, test, vi } from "vitest";
import { virtualClock } from "../clock.ts";
import { answer, testLambda } from "./lambda.fixture.ts";

const pidHandler = "export const handler = async () => process.pid;";

test("a TypeScript handler gets the event and answers", async () => {
  const { invoke } = await testLambda(
    "interface In { n: number }\nexport const handler = async (event: In) => ({ twice: event.n * 2 });",
  );
  const invocation = await invoke({ n: 21 });
  expect(answer(invocation)).toEqual({ twice: 42 });
  expect(invocation).toMatchObject({ kind: "succeeded", requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
});

test.each([
  ["nothing", "async () => {}", null],
  ["a function", "async () => () => 1", null],
  ["a value without a promise", "() => 7", 7],
])("a handler that returns %s answers with JSON", async (_, handler, expected) => {
  const { invoke } = await testLambda(`export const handler = ${handler};`);
  expect(answer(await invoke())).toEqual(expected);
});

test("the context is Lambda's", async () => {
  const { invoke } = await testLambda(
    "export const handler = async (event, context) => ({ ...context, left: context.getRemainingTimeInMillis() });",
    { config: { timeoutMs: 5000, memoryMb: 512 } },
  );
  const invocation = await invoke();
  expect(answer(invocation)).toMatchObject({
    functionName: "worker",
    functionVersion: "$LATEST",
    memoryLimitInMB: "512",
    logGroupName: "/aws/lambda/worker",
    logStreamName: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/),
    invokedFunctionArn: "arn:aws:lambda:eu-central-1:000000000000:function:worker",
    awsRequestId: invocation.kind === "succeeded" ? invocation.requestId : "",
  });
});

test("the remaining time runs down to the timeout", async () => {
  const { invoke } = await testLambda(
    `export const handler = async (event, context) => {
      const first = context.getRemainingTimeInMillis();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return [first, context.getRemainingTimeInMillis()];
    };`,
    { config: { timeoutMs: 5000 } },
  );
  const [first, second] = answer(await invoke()) as [number, number];
  expect(first).toBeGreaterThan(3000);
  expect(first).toBeLessThanOrEqual(5000);
  expect(first - second).toBeGreaterThanOrEqual(195);
});

test("the environment holds Lambda's variables and the function's own, and not the developer's", async () => {
  vi.stubEnv("AWS_PROFILE", "production");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "the-real-one");
  vi.stubEnv("MY_SECRET", "x");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { invoke, project } = await testLambda(
    "export const handler = async () => ({ ...process.env, cwd: process.cwd() });",
    {
      config: { environment: { TABLE: "jobs", TZ: "Europe/Vienna" } },
    },
  );
  const variables = answer(await invoke());
  expect(variables).toMatchObject({
    AWS_REGION: "eu-central-1",
    AWS_DEFAULT_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
    AWS_LAMBDA_FUNCTION_NAME: "worker",
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    LAMBDA_TASK_ROOT: project.root,
    _HANDLER: "src/worker.handler",
    _X_AMZN_TRACE_ID: expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/),
    TABLE: "jobs",
    TZ: "Europe/Vienna",
    PATH: process.env.PATH,
  });
  expect(variables).not.toHaveProperty("AWS_PROFILE");
  expect(variables).not.toHaveProperty("MY_SECRET");
});

test("each invocation has a trace, its own or its caller's, in the environment and in the context", async () => {
  const { lambda } = await testLambda(
    "export const handler = async (event, context) => [process.env._X_AMZN_TRACE_ID, context.xRayTraceId];",
  );
  const traceHeader = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
  const traces: string[] = [];
  for (const options of [{}, { traceHeader }, {}]) {
    const [variable, ofContext] = answer(await lambda.invoke("worker", "{}", options)) as [string, string];
    expect(ofContext).toBe(variable);
    traces.push(variable);
  }
  expect(traces[1]).toMatch(/^Root=1-5759e988-bd862e3fe1be46a994272793;Parent=(?!53995c3f42cd8ad8)\w{16};Sampled=1$/);
  expect(new Set(traces.map((trace) => trace.split(";")[0])).size).toBe(3);
});

test("variables that Lambda refuses are refused", async () => {
  const { lambda } = await testLambda(pidHandler);
  const config = { name: "other", handler: "src/worker.handler", timeoutMs: 1000, memoryMb: 128 };
  expect(() => lambda.define({ ...config, environment: { AWS_REGION: "x", _HANDLER: "y" } })).toThrow(
    "Function other: environment variables reserved by Lambda: AWS_REGION, _HANDLER",
  );
  expect(() => lambda.define({ ...config, environment: { A: "x".repeat(4096) } })).toThrow("Lambda allows 4096");
});

test("a thrown error is answered as Lambda words it, and the environment lives on", async () => {
  const { invoke, lines } = await testLambda(
    `let calls = 0;
    export const handler = async (event) => {
      calls++;
      if (event.fail) throw new RangeError("out of bounds");
      return calls;
    };`,
  );
  const failed = await invoke({ fail: true });
  expect(failed).toMatchObject({ kind: "failed", errorType: "RangeError", errorMessage: "out of bounds" });
  expect(failed.kind === "failed" && failed.trace[0]).toBe("RangeError: out of bounds");
  expect(failed.kind === "failed" && failed.trace[1]).toMatch(/src\/worker\.ts:4:\d+/);
  expect(lines.some((line) => line.stream === "stderr" && line.text.startsWith("RangeError: out of bounds"))).toBe(
    true,
  );
  expect(answer(await invoke())).toBe(2);
});

test.each([
  ["a string", 'throw "no"', { errorType: "string", errorMessage: "no" }],
  ["an error whose name is a number", "throw Object.assign(new Error('no'), { name: 42 })", { errorType: "handled" }],
  ["undefined", "throw undefined", { errorType: "undefined", errorMessage: "undefined" }],
  [
    "an answer that has no JSON",
    "return 1n",
    { errorType: "Error", errorMessage: "Unable to stringify response body" },
  ],
])("%s fails the invocation", async (_, body, error) => {
  const { invoke } = await testLambda(`export const handler = async () => { ${body}; };`);
  expect(await invoke()).toMatchObject({ kind: "failed", ...error });
});

test("an answer of more than 6 MB fails the invocation", async () => {
  const { invoke } = await testLambda('export const handler = async () => "x".repeat(6_291_556);');
  expect(await invoke()).toMatchObject({ kind: "failed", errorType: "Function.ResponseSizeTooLarge" });
});

test("a payload of more than 6 MB is refused", async () => {
  const { lambda } = await testLambda(pidHandler);
  expect(await lambda.invoke("worker", `"${"x".repeat(6_291_455)}"`)).toMatchObject({
    kind: "failed",
    errorType: "RequestTooLargeException",
  });
});

test("an invocation that outlasts the timeout is killed, by the clock", async () => {
  const clock = virtualClock(0);
  const { invoke, lines } = await testLambda(
    "export const handler = async () => { console.log(process.pid); for (;;) {} };",
    { lambda: { clock }, config: { timeoutMs: 3000 } },
  );
  const invoked = invoke();
  await vi.waitFor(() => expect(lines).toHaveLength(1), 10_000);
  await clock.advance(2999);
  expect(await Promise.race([invoked, "running"])).toBe("running");
  await clock.advance(1);
  expect(await invoked).toMatchObject({
    kind: "timed-out",
    errorType: "Sandbox.Timedout",
    errorMessage: expect.stringMatching(/^RequestId: \S+ Error: Task timed out after 3\.00 seconds$/),
  });
});

test("the invocation after a timeout gets a new environment", async () => {
  const { invoke } = await testLambda(
    "export const handler = async (event) => { if (event.hang) for (;;) {}; return process.pid; };",
    { config: { timeoutMs: 1000 } },
  );
  const before = answer(await invoke());
  expect((await invoke({ hang: true })).kind).toBe("timed-out");
  expect(answer(await invoke())).not.toBe(before);
});

test.each([
  ["process.exit(3)", "exit status 3"],
  ["process.exit(0)", "without providing a reason"],
  ["process.kill(process.pid, 'SIGKILL')", "signal: SIGKILL"],
  ["setTimeout(() => { throw new Error('stray'); }); await new Promise(() => {})", "exit status 1"],
  ["Promise.reject(new Error('stray')); await new Promise((r) => setTimeout(r, 5000))", "exit status 1"],
  ["await new Promise(() => {})", "exit status 13"],
])("a process that ends by %s crashes its invocation alone", async (body, reason) => {
  const { invoke } = await testLambda(
    `export const handler = async (event) => { if (event.crash) { ${body}; } return "fine"; };`,
  );
  expect(await invoke({ crash: true })).toMatchObject({
    kind: "crashed",
    errorType: "Runtime.ExitError",
    errorMessage: expect.stringMatching(new RegExp(`^RequestId: \\S+ Error: Runtime exited.*${reason}`)),
  });
  expect(answer(await invoke())).toBe("fine");
});

test.each([128, 512, 2048])("a function of %i MB has a heap of nearly as much", async (memoryMb) => {
  const { invoke } = await testLambda(
    'import { getHeapStatistics } from "node:v8"; export const handler = () => getHeapStatistics().heap_size_limit;',
    { config: { memoryMb } },
  );
  const heapMb = Number(answer(await invoke())) / 2 ** 20;
  expect(heapMb / memoryMb).toBeGreaterThan(0.85);
  expect(heapMb / memoryMb).toBeLessThan(1.15);
});

test("a heap larger than the function's memory crashes the invocation", async () => {
  const { invoke } = await testLambda(
    "export const handler = async () => { const all = []; for (;;) all.push(new Array(1e5).fill({})); };",
    { config: { memoryMb: 128 } },
  );
  expect((await invoke()).kind).toBe("crashed");
});

test("lines carry the request id of the invocation that wrote them", async () => {
  const { invoke, lines } = await testLambda(
    `console.log("loading");
    export const handler = async (event) => {
      for (let i = 0; i < 50; i++) console.log(event.name, i);
      process.stderr.write("no end of line");
    };`,
  );
  const ids = [];
  for (const name of ["a", "b", "c"]) {
    const invocation = await invoke({ name });
    ids.push(invocation.kind === "succeeded" ? invocation.requestId : "");
  }
  expect(lines[0]).toEqual({ functionName: "worker", stream: "stdout", text: "loading" });
  const named = (name: string) => lines.filter((line) => line.text.startsWith(`${name} `));
  for (const [index, name] of ["a", "b", "c"].entries()) {
    expect(named(name)).toHaveLength(50);
    expect(new Set(named(name).map((line) => line.requestId))).toEqual(new Set([ids[index]]));
  }
});
