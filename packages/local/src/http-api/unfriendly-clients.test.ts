import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { virtualClock } from "../clock.ts";
import type { Invocation } from "../lambda/invocation.ts";
import type { Lambda } from "../lambda/lambda.ts";
import { listenHttpApi } from "./http-api.ts";

type Call = { payload: string; traceHeader: string | undefined; answer(result: unknown): void };

/** An API in front of a function in this process, whose invocations the test answers. */
async function setup({ answerAtOnce }: { answerAtOnce?: unknown } = {}) {
  const calls: Call[] = [];
  const invoke: Lambda["invoke"] = (_, payload, options) => {
    const { promise, resolve } = Promise.withResolvers<Invocation>();
    const answer = (result: unknown): void =>
      resolve({ kind: "succeeded", payload: JSON.stringify(result), requestId: "r", durationMs: 1 });
    calls.push({ payload, traceHeader: options?.traceHeader, answer });
    if (answerAtOnce !== undefined) answer(answerAtOnce);
    return promise;
  };
  const place = { clock: virtualClock(0x6a1b2c3d * 1000), port: 0, accountId: "000000000000" };
  const api = await listenHttpApi({ ...place, lambda: { invoke }, functionName: "worker" });
  onTestFinished(() => api.close({ graceMs: 0 }));
  const connect = (): Socket => {
    const socket = createConnection(api.port, "127.0.0.1");
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  return { api, calls, connect };
}

const head = (...headers: string[]): string => ["POST /x HTTP/1.1", "host: api", ...headers, "", ""].join("\r\n");

/** What the server sends until it closes the connection. */
const allOf = async (socket: Socket): Promise<string> => Buffer.concat(await socket.toArray()).toString();

test("a body that comes byte by byte arrives whole, and nobody else waits for it", async () => {
  const { api, calls, connect } = await setup({ answerAtOnce: "fine" });
  const slow = connect();
  slow.write(head("content-length: 5", "content-type: text/plain", "connection: close"));
  for (const byte of "hello") {
    slow.write(byte);
    expect((await fetch(api.url)).status).toBe(200);
  }
  expect(await allOf(slow)).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(calls).toHaveLength(6);
  expect(calls.some(({ payload }) => JSON.parse(payload).body === "hello")).toBe(true);
});

test("a request that is cut in the middle of its body reaches no function", async () => {
  const { api, calls, connect } = await setup({ answerAtOnce: "fine" });
  for (const sent of ["", "hel"]) {
    const socket = connect();
    socket.write(head("content-length: 5") + sent);
    await once(socket, "connect");
    expect((await fetch(api.url)).status).toBe(200);
    socket.destroy();
    await once(socket, "close");
  }
  expect((await fetch(api.url)).status).toBe(200);
  await api.close();
  expect(calls.map(({ payload }) => JSON.parse(payload).rawPath)).toEqual(["/", "/", "/"]);
});

test("a client that goes away while the function runs holds up neither the others nor the end", async () => {
  const { api, calls, connect } = await setup();
  const socket = connect();
  socket.write(head("content-length: 0"));
  await expect.poll(() => calls.length).toBe(1);
  socket.destroy();
  await once(socket, "close");
  const other = fetch(api.url);
  await expect.poll(() => calls.length).toBe(2);
  for (const call of calls) call.answer("late");
  expect(await (await other).json()).toBe("late");
  await api.close({ graceMs: 3_600_000 });
});

test("a client that reads late is sent the whole answer", async () => {
  const answerAtOnce = { statusCode: 200, body: "x".repeat(5_000_000) };
  const { api, calls, connect } = await setup({ answerAtOnce });
  const socket = connect();
  socket.pause();
  socket.write(head("content-length: 0", "connection: close"));
  await expect.poll(() => calls.length).toBe(1);
  expect((await fetch(api.url)).status).toBe(200);
  expect((await allOf(socket)).endsWith("x".repeat(5_000_000))).toBe(true);
});

test.each([
  ["garbage", "\u0000\u0001 oops\r\n\r\n", "400 Bad Request"],
  ["another protocol", "GET / FTP/1.1\r\n\r\n", "400 Bad Request"],
  ["two lengths", head("content-length: 1", "content-length: 2"), "400 Bad Request"],
  ["a length and chunks", head("content-length: 1", "transfer-encoding: chunked"), "400 Bad Request"],
  ["a head of 60 KB", head(`x-large: ${"x".repeat(60_000)}`), "431 Request Header Fields Too Large"],
])("a client that sends %s is refused, and the API goes on", async (_, sent, status) => {
  const { api, calls, connect } = await setup({ answerAtOnce: "fine" });
  const socket = connect();
  socket.write(sent);
  expect((await allOf(socket)).split("\r\n")[0]).toBe(`HTTP/1.1 ${status}`);
  expect(calls).toEqual([]);
  expect((await fetch(api.url)).status).toBe(200);
});

test("a request line and header values of more than 10,240 bytes are refused", async () => {
  const { calls, connect } = await setup({ answerAtOnce: "fine" });
  const answerTo = async (bytes: number): Promise<string> => {
    const socket = connect();
    // "POST /x HTTP/1.1", "api", "0" and "close" are 16, 3, 1 and 5 bytes.
    socket.write(head("content-length: 0", "connection: close", `x-own: ${"x".repeat(bytes - 25)}`));
    return allOf(socket);
  };
  expect(await answerTo(10_240)).toMatch(/^HTTP\/1\.1 200 OK/);
  const refused = await answerTo(10_241);
  expect(refused).toMatch(/^HTTP\/1\.1 431 /);
  expect(refused.endsWith('{"message":"Request Header Fields Too Large"}')).toBe(true);
  expect(calls).toHaveLength(1);
});

test.each([{ headers: { "x-a": "b\r\nc: d" } }, { headers: { "x a": "1" } }, { cookies: ["a=1\r\nx: y"] }])(
  "an answer that HTTP cannot carry, %j, is an internal server error and cuts nobody off",
  async (answer) => {
    const { api } = await setup({ answerAtOnce: { statusCode: 200, ...answer } });
    const response = await fetch(api.url);
    expect([response.status, await response.text()]).toEqual([500, '{"message":"Internal Server Error"}']);
  },
);

test.each([
  [
    "its caller's trace",
    { "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1" },
    /^Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1$/,
  ],
  ["a new trace in the place of an unreadable one", { "X-Amzn-Trace-Id": "oops" }, /^Root=1-6a1b2c3d-[0-9a-f]{24}$/],
  ["a trace", {}, /^Root=1-6a1b2c3d-[0-9a-f]{24}$/],
])("a request has %s in the event's headers, and its function goes on with it", async (_, headers, expected) => {
  const { api, calls } = await setup({ answerAtOnce: "fine" });
  await fetch(api.url, { headers });
  expect(calls[0]?.traceHeader).toMatch(expected);
  expect(JSON.parse(calls[0]?.payload ?? "")).toMatchObject({ headers: { "x-amzn-trace-id": calls[0]?.traceHeader } });
});
