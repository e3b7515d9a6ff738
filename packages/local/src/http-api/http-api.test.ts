import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { createConnection } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemClock, virtualClock } from "../clock.ts";
import { testLambda } from "../lambda/lambda.fixture.ts";
import { type HttpApi, type HttpApiOptions, listenHttpApi } from "./http-api.ts";

/** Answers with the event, or with what the event's body says under "answer". */
const echo = `
  export const handler = async (event) => {
    const asked = event.headers["x-ask"];
    if (asked === "throw") throw new Error("no");
    if (asked === "hang") { console.log("hanging"); await new Promise((resolve) => setTimeout(resolve, 60_000)); }
    if (asked === "large") return "x".repeat(6_300_000);
    if (asked === "slow") await new Promise((resolve) => setTimeout(resolve, 300));
    return asked === "answer" ? JSON.parse(event.body) : { statusCode: 200, body: JSON.stringify(event) };
  };`;

interface Setup extends Pick<HttpApiOptions, "routes" | "cors"> {
  readonly clock?: ReturnType<typeof virtualClock>;
  readonly reservedConcurrency?: number;
}

async function setup({ clock, reservedConcurrency, ...options }: Setup = {}) {
  const config = reservedConcurrency === undefined ? {} : { reservedConcurrency };
  const { lambda, lines } = await testLambda(echo, { config: { timeoutMs: 40_000, ...config } });
  const place = { clock: clock ?? systemClock(), port: 0, accountId: "000000000000" };
  const api = await listenHttpApi({ ...place, lambda, functionName: "worker", ...options });
  onTestFinished(() => api.close({ graceMs: 0 }));
  return { api, lines };
}

type Event = Record<string, unknown> & { headers: Record<string, string>; requestContext: Record<string, unknown> };

async function eventOf(response: Response | Promise<Response>): Promise<Event> {
  return (await (await response).json()) as Event;
}

const ask = (api: HttpApi, answer: unknown): Promise<Response> =>
  fetch(api.url, {
    method: "POST",
    headers: { "x-ask": "answer", "content-type": "application/json" },
    body: JSON.stringify(answer),
  });

test("a request is an event of payload format 2.0", async () => {
  const clock = virtualClock(Date.parse("2026-03-12T19:03:58.120Z"));
  const { api } = await setup({ clock });
  const event = await eventOf(
    fetch(`${api.url}/job/post/A%20b?x=1&y=%C3%A4&x=2&empty=`, {
      method: "PUT",
      headers: { "User-Agent": "test", "Content-Type": "application/json", "X-Own": "Yes" },
      body: '{"data":1}',
    }),
  );
  const host = api.url.replace("http://", "");
  expect(event).toEqual({
    version: "2.0",
    routeKey: "$default",
    rawPath: "/job/post/A b",
    rawQueryString: "x=1&y=%C3%A4&x=2&empty=",
    queryStringParameters: { x: "1,2", y: "ä", empty: "" },
    headers: expect.objectContaining({
      host,
      "user-agent": "test",
      "content-type": "application/json",
      "content-length": "10",
      "x-own": "Yes",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-port": String(api.port),
    }),
    requestContext: {
      accountId: "000000000000",
      apiId: "local",
      domainName: host,
      domainPrefix: "127",
      http: { method: "PUT", path: "/job/post/A b", protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test" },
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      routeKey: "$default",
      stage: "$default",
      time: "12/Mar/2026:19:03:58 +0000",
      timeEpoch: clock.now(),
    },
    body: '{"data":1}',
    isBase64Encoded: false,
  });
});

test("a request without query, cookies and body has none of them in its event", async () => {
  const { api } = await setup();
  const event = await eventOf(fetch(api.url));
  expect(event).toMatchObject({ rawPath: "/", rawQueryString: "", isBase64Encoded: false });
  for (const name of ["queryStringParameters", "cookies", "body"]) expect(event).not.toHaveProperty(name);
  expect(event.headers).not.toHaveProperty("connection");
});

test("cookies stand on their own and headers of one name are joined", async () => {
  const { api } = await setup();
  const request = httpRequest(api.url, { headers: { Cookie: ["a=1; b=2", "c=3"], "X-Many": ["one", "two"] } });
  request.end();
  const [response] = await once(request, "response");
  const event = JSON.parse(Buffer.concat(await response.toArray()).toString()) as Event;
  expect(event).toMatchObject({ cookies: ["a=1", "b=2", "c=3"], headers: { "x-many": "one,two" } });
  expect(event.headers).not.toHaveProperty("cookie");
});

test("a body is Base64 unless its content type is one of API Gateway's texts", async () => {
  const { api } = await setup();
  const isBase64 = async (contentType: string): Promise<boolean> => {
    const headers = { "content-type": contentType };
    const event = await eventOf(fetch(api.url, { method: "POST", headers, body: "grün" }));
    expect(event.body).toBe(event.isBase64Encoded ? Buffer.from("grün").toString("base64") : "grün");
    return event.isBase64Encoded === true;
  };
  const texts = [
    "text/plain",
    "text/csv; charset=utf-8",
    "Application/JSON",
    "application/xml",
    "application/javascript",
  ];
  const others = [
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "application/problem+json",
    "image/png",
  ];
  expect(await Promise.all(texts.map(isBase64))).toEqual(texts.map(() => false));
  expect(await Promise.all(others.map(isBase64))).toEqual(others.map(() => true));
});

test("a body without a content type is Base64, and every byte arrives", async () => {
  const { api } = await setup();
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const event = await eventOf(fetch(api.url, { method: "POST", body: bytes }));
  expect(event).toMatchObject({ isBase64Encoded: true, body: Buffer.from(bytes).toString("base64") });
});

test("an answer with a status code is the response", async () => {
  const { api } = await setup();
  const response = await ask(api, {
    statusCode: 418,
    headers: { "Content-Type": "application/problem+json", "X-Count": 3, "Content-Length": "999", Connection: "close" },
    cookies: ["a=1; Path=/", "b=2"],
    body: '{"title":"Teapot"}',
  });
  expect(response.status).toBe(418);
  expect(await response.json()).toEqual({ title: "Teapot" });
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("x-count")).toBe("3");
  expect(response.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2"]);
  expect(response.headers.get("apigw-requestid")).toMatch(/^[0-9a-f-]{36}$/);
});

test("an answer that API Gateway cannot read is an internal server error", async () => {
  const { api } = await setup();
  const response = await ask(api, { statusCode: 200, headers: { "x-a": "b\r\nc: d" } });
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ message: "Internal Server Error" });
});

test("a function that throws is an internal server error", async () => {
  const { api } = await setup();
  const response = await fetch(api.url, { headers: { "x-ask": "throw" } });
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ message: "Internal Server Error" });
});

test("a throttled function is an unavailable service", async () => {
  const { api } = await setup({ reservedConcurrency: 0 });
  const response = await fetch(api.url);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ message: "Service Unavailable" });
});

test("a function that takes 30 seconds is an unavailable service", async () => {
  const clock = virtualClock(0);
  const { api, lines } = await setup({ clock });
  const responded = fetch(api.url, { headers: { "x-ask": "hang" } });
  await vi.waitFor(() => expect(lines).toHaveLength(1), 10_000);
  await clock.advance(29_999);
  expect(await Promise.race([responded, new Promise((resolve) => setImmediate(resolve, "waiting"))])).toBe("waiting");
  await clock.advance(1);
  const response = await responded;
  expect([response.status, await response.text()]).toEqual([503, '{"message":"Service Unavailable"}']);
});

test("a request of more than 10 MB is refused, one of 2 MB is taken", async () => {
  const { api } = await setup();
  const post = (bytes: number) =>
    fetch(api.url, { method: "POST", headers: { "content-type": "text/plain" }, body: "x".repeat(bytes) });
  const refused = await post(10 * 1024 * 1024 + 1);
  expect(refused.status).toBe(413);
  expect(await refused.json()).toEqual({ message: "Request Entity Too Large" });
  expect((await eventOf(post(2_000_000))).headers["content-length"]).toBe("2000000");
});

test("a request or an answer that does not fit the function's payload of 6 MB is refused", async () => {
  const { api } = await setup();
  const binary = { "content-type": "application/octet-stream" };
  const refused = await fetch(api.url, { method: "POST", headers: binary, body: new Uint8Array(4_800_000) });
  expect([refused.status, await refused.json()]).toEqual([413, { message: "Request Entity Too Large" }]);
  const answered = await fetch(api.url, { headers: { "x-ask": "large" } });
  expect([answered.status, await answered.json()]).toEqual([500, { message: "Internal Server Error" }]);
});

test("an answer to HEAD has no body", async () => {
  const { api } = await setup();
  const response = await fetch(api.url, { method: "HEAD" });
  expect([response.status, await response.text()]).toEqual([200, ""]);
  expect(Number(response.headers.get("content-length"))).toBeGreaterThan(0);
});

test("a status of 204 is sent without a body", async () => {
  const { api } = await setup();
  const response = await ask(api, { statusCode: 204, body: "ignored" });
  expect([response.status, await response.text(), response.headers.get("content-length")]).toEqual([204, "", null]);
});

test("a request that takes a route has its key and its variables in its event", async () => {
  const { api } = await setup({ routes: ["POST /job/post/{type}", "$default"] });
  const event = await eventOf(fetch(`${api.url}/job/post/a%20b?x=1`, { method: "POST" }));
  expect(event).toMatchObject({
    routeKey: "POST /job/post/{type}",
    rawPath: "/job/post/a b",
    pathParameters: { type: "a b" },
    requestContext: { routeKey: "POST /job/post/{type}" },
  });
  const other = await eventOf(fetch(api.url));
  expect(other.routeKey).toBe("$default");
  expect(other).not.toHaveProperty("pathParameters");
});

test.each([
  ["GET", "/job/other"],
  ["GET", "/job/post"],
  ["OPTIONS", "/job/post"],
])("%s %s, which no route takes, is not found, and reaches no function", async (method, path) => {
  const { api, lines } = await setup({ routes: ["POST /job/post"] });
  const response = await fetch(api.url + path, { method, headers: { "x-ask": "throw" } });
  expect([response.status, response.headers.get("content-type")]).toEqual([404, "application/json"]);
  expect(await response.text()).toBe('{"message":"Not Found"}');
  expect(lines).toEqual([]);
});

test("with CORS a preflight is answered by the API, and a function's answer carries the API's headers", async () => {
  const cors = { allowOrigins: ["https://a.example"], allowMethods: ["POST"], exposeHeaders: ["x-own"] };
  const { api } = await setup({ cors });
  const asking = { origin: "https://a.example", "access-control-request-method": "POST" };
  const preflight = await fetch(api.url, { method: "OPTIONS", headers: { ...asking, "x-ask": "throw" } });
  expect([preflight.status, await preflight.text()]).toEqual([204, ""]);
  expect(preflight.headers.get("access-control-allow-methods")).toBe("POST");
  const response = await fetch(api.url, {
    method: "POST",
    headers: { origin: "https://a.example", "x-ask": "answer", "content-type": "application/json" },
    body: JSON.stringify({ statusCode: 200, headers: { "Access-Control-Allow-Origin": "*", "x-own": "1" } }),
  });
  expect(response.headers.get("access-control-allow-origin")).toBe("https://a.example");
  expect(response.headers.get("access-control-expose-headers")).toBe("x-own");
  const options = await eventOf(fetch(api.url, { method: "OPTIONS" }));
  expect(options.requestContext).toMatchObject({ http: { method: "OPTIONS" } });
});

test("without CORS a preflight and the function's own CORS headers are passed on", async () => {
  const { api } = await setup();
  const asking = { origin: "https://a.example", "access-control-request-method": "POST" };
  expect((await fetch(api.url, { method: "OPTIONS", headers: asking })).status).toBe(200);
  const response = await ask(api, { statusCode: 200, headers: { "Access-Control-Allow-Origin": "*" } });
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
});

test("a port that is taken rejects with Node's own error", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const { lambda } = await testLambda("export const handler = async () => 1;");
  await expect(
    listenHttpApi({ clock: systemClock(), port, lambda, functionName: "worker", accountId: "0" }),
  ).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("close lets running requests end, and waits for no idle connection", async () => {
  const { api } = await setup();
  const idle = createConnection(api.port, "127.0.0.1");
  await once(idle, "connect");
  idle.resume();
  const idleClosed = once(idle, "close");
  const running = fetch(api.url, { headers: { "x-ask": "slow" } });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const startMs = performance.now();
  await api.close();
  expect(performance.now() - startMs).toBeLessThan(4000);
  expect((await running).status).toBe(200);
  await idleClosed;
  await expect(fetch(api.url)).rejects.toThrow();
});
