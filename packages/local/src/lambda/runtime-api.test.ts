import { expect, onTestFinished, test } from "vitest";
import type { FunctionError } from "./invocation.ts";
import { type RuntimeInvocation, startRuntimeApi } from "./runtime-api.ts";

const invocation: RuntimeInvocation = {
  requestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
  payload: '{"n":1}',
  deadlineMs: 1_542_409_706_888.7,
  functionArn: "arn:aws:lambda:eu-central-1:000000000000:function:worker",
  traceId: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
};

async function setup() {
  const heard: (string | FunctionError)[] = [];
  const api = await startRuntimeApi({
    onNext: () => heard.push("next"),
    onTaken: () => heard.push("taken"),
    onResponse: (payload) => heard.push(payload),
    onError: (error) => heard.push(error),
    onInitError: (error) => heard.push("init", error),
  });
  onTestFinished(() => api.close());
  const url = `http://${api.address}/2018-06-01/runtime`;
  const post = (path: string, body: string) => fetch(`${url}${path}`, { method: "POST", body });
  return { api, heard, post, next: () => fetch(`${url}/invocation/next`), url };
}

test("an invocation that is offered is given to the runtime that waits, with Lambda's headers", async () => {
  const { api, heard, next } = await setup();
  const waiting = next();
  await expect.poll(() => heard).toEqual(["next"]);
  api.offer(invocation);
  const response = await waiting;
  expect(heard).toEqual(["next", "taken"]);
  expect(await response.text()).toBe('{"n":1}');
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "lambda-runtime-aws-request-id": invocation.requestId,
    "lambda-runtime-deadline-ms": "1542409706889",
    "lambda-runtime-invoked-function-arn": invocation.functionArn,
    "lambda-runtime-trace-id": invocation.traceId,
  });
});

test("an invocation that is offered first waits for the runtime", async () => {
  const { api, next, heard, post } = await setup();
  api.offer(invocation);
  expect(await (await next()).text()).toBe('{"n":1}');
  const response = await post(`/invocation/${invocation.requestId}/response`, '"done"');
  expect([response.status, await response.json()]).toEqual([202, { status: "OK" }]);
  expect(heard).toEqual(["next", "taken", '"done"']);
});

test.each([
  ["trace", '{"errorType":"E","errorMessage":"m","trace":["a","b"]}', { errorType: "E", trace: ["a", "b"] }],
  ["stackTrace", '{"errorType":"E","errorMessage":"m","stackTrace":["a"]}', { errorType: "E", trace: ["a"] }],
  ["nothing readable", "oops", { errorType: "Runtime.Unknown", errorMessage: "", trace: [] }],
])("an error with %s is told", async (_, body, error) => {
  const { api, next, heard, post } = await setup();
  api.offer(invocation);
  await next();
  expect((await post(`/invocation/${invocation.requestId}/error`, body)).status).toBe(202);
  expect(heard.at(-1)).toMatchObject(error);
  expect((await post("/init/error", body)).status).toBe(202);
  expect(heard.slice(-2)).toMatchObject(["init", error]);
});

test("an answer to an invocation that does not run is refused, also a second one", async () => {
  const { api, next, heard, post } = await setup();
  api.offer(invocation);
  await next();
  const path = `/invocation/${invocation.requestId}/response`;
  expect((await post("/invocation/other/response", "1")).status).toBe(400);
  expect((await post(path, "1")).status).toBe(202);
  const second = await post(path, "2");
  expect([second.status, await second.json()]).toMatchObject([400, { errorType: "InvalidRequestID" }]);
  expect(heard).toEqual(["next", "taken", "1"]);
});

test("an answer of more than 6 MB is refused and fails the invocation", async () => {
  const { api, next, heard, post } = await setup();
  api.offer(invocation);
  await next();
  const response = await post(`/invocation/${invocation.requestId}/response`, "x".repeat(6_291_557));
  expect(response.status).toBe(413);
  expect(heard.at(-1)).toMatchObject({ errorType: "Function.ResponseSizeTooLarge" });
});

test("a runtime that asks for more before it has answered is refused, and so is what Lambda does not know", async () => {
  const { api, next, post, url } = await setup();
  api.offer(invocation);
  await next();
  expect((await next()).status).toBe(403);
  expect((await fetch(`${url}/invocation/other`)).status).toBe(404);
  expect((await post("/invocation/next", "")).status).toBe(404);
});
