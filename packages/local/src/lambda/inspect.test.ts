import { expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import type { FunctionLogLine } from "./invocation.ts";
import { answer, testLambda } from "./lambda.fixture.ts";

const addressIn = (lines: readonly FunctionLogLine[]): string | undefined =>
  lines.map(({ text }) => /^Debugger listening on (ws:\/\/127\.0\.0\.1:\d+\/[\w-]+)$/.exec(text)?.[1]).find(Boolean);

/** Evaluates an expression in the process whose inspector listens there. */
async function evaluate(address: string, expression: string): Promise<unknown> {
  const socket = new WebSocket(address);
  const answered = new Promise<unknown>((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(JSON.parse(String(data)));
    socket.onerror = () => reject(new Error(`No debugger at ${address}`));
  });
  socket.onopen = () => {
    const params = { expression, returnByValue: true };
    socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params }));
  };
  return answered.finally(() => socket.close());
}

test("a debugger attaches to the function's process at the address in its log", async () => {
  const source = "globalThis.seen = 0; export const handler = async () => { globalThis.seen++; return process.pid; };";
  const { invoke, lines } = await testLambda(source, { config: { inspect: true } });
  const pid = answer(await invoke());
  const address = addressIn(lines) ?? "";
  expect(await evaluate(address, "[process.pid, globalThis.seen]")).toMatchObject({
    result: { result: { value: [pid, 1] } },
  });
});

test("functions at once have a port each, and the log says it in one line of each, with the function's name", async () => {
  const source = `export const handler = () => new Promise((resolve) => setTimeout(resolve, 300));`;
  const { invoke, lines } = await testLambda(source, { config: { inspect: true } });
  await Promise.all([invoke(), invoke()]);
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).toMatchObject({ functionName: "worker", stream: "stderr" });
  const addresses = lines.map((line) => addressIn([line]));
  expect(addresses).not.toContain(undefined);
  expect(new Set(addresses).size).toBe(2);
});

test("a function that is debugged is not killed at its timeout", async () => {
  const clock = virtualClock(0);
  const source = `export const handler = async () => {
    console.log("running");
    await new Promise((resolve) => setTimeout(resolve, 400));
    return "stepped through";
  };`;
  const options = { config: { inspect: true, timeoutMs: 1000 }, lambda: { clock } };
  const { invoke, lines } = await testLambda(source, options);
  const invocation = invoke();
  await expect.poll(() => lines.some(({ text }) => text === "running"), { timeout: 20_000 }).toBe(true);
  await clock.advance(60_000);
  expect(answer(await invocation)).toBe("stepped through");
});

test("without it there is no debugger", async () => {
  const { invoke, lines } = await testLambda(
    "import inspector from 'node:inspector'; export const handler = () => inspector.url() ?? 'none';",
  );
  const invocation = await invoke();
  expect(answer(invocation)).toBe("none");
  expect(lines).toEqual([]);
});

test("an init error of a function that can be debugged names the same place", async () => {
  const source = "export const handler = () => {\n  const a = ;\n};";
  const plain = await testLambda(source);
  const inspected = await testLambda(source, { config: { inspect: true } });
  expect((await plain.invoke()).kind).toBe("init-failed");
  expect((await inspected.invoke()).kind).toBe("init-failed");
  expect(inspected.initErrors).toHaveLength(1);
  const place = (text: unknown) => JSON.stringify(text).replaceAll(/tendril-lambda-\w+/g, "project");
  expect(place(inspected.initErrors)).toBe(place(plain.initErrors));
});
