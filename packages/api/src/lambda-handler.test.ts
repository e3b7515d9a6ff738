import { Hono } from "hono";
import type { ApiGatewayRequestContextV2 } from "hono/aws-lambda";
import { expect, test } from "vitest";
import type { ApiEnv } from "./access.ts";
import { lambdaHandler } from "./lambda-handler.ts";

const app = new Hono<ApiEnv>();
app.all("/schedules/:name{[^]+}/run", async (context) =>
  context.json({ name: context.req.param("name"), query: context.req.query(), body: await context.req.text() }),
);
app.get("/key", (context) => context.json({ key: context.req.header("idempotency-key") ?? "none" }));
app.notFound((context) => context.json({}, 404));
const handler = lambdaHandler(app);

async function ask(method: string, rawPath: string, body: string | null = null, headers = {}): Promise<unknown> {
  const requestContext: Partial<ApiGatewayRequestContextV2> = { domainName: "api.test", http: httpOf(method, rawPath) };
  const event = { version: "2.0", routeKey: "$default", rawPath, rawQueryString: "a=b", headers, body };
  // @ts-expect-error: an event has more, which nobody reads
  const answer = await handler({ ...event, isBase64Encoded: false, requestContext });
  return { status: answer.statusCode, ...JSON.parse(answer.body) };
}

const httpOf = (method: string, path: string) => ({ method, path, protocol: "", sourceIp: "", userAgent: "" });

test.each(["a b", "a?b", "a#b", "a%b", "a%2Fb", "a/b", "äöü", "👩‍🚀", "%ff", "a\nb", "\u2028"])(
  "a path that API Gateway has decoded is that path: %s",
  async (name) => {
    expect(await ask("POST", `/schedules/${name}/run`)).toMatchObject({ status: 200, name, query: { a: "b" } });
  },
);

test.each(["/elsewhere/../schedules/a/run", "/elsewhere/../../schedules/a/run", "/./schedules/a/run", "/..", "/."])(
  "dots lead nowhere else: %s",
  async (path) => {
    expect(await ask("POST", path)).toEqual({ status: 404 });
  },
);

test("a path of half a character is answered", async () => {
  expect(await ask("POST", "/schedules/\ud800/run")).toMatchObject({ status: 200, name: "\ufffd" });
});

test("a GET's body is left out, a POST's is not", async () => {
  expect(await ask("GET", "/schedules/a/run", "{}")).toMatchObject({ status: 200, body: "" });
  expect(await ask("POST", "/schedules/a/run", "{}")).toMatchObject({ status: 200, body: "{}" });
});

test.each(["TRACE", "CONNECT", "TRACK"])(
  "%s, of which no Request can be made, goes to the app all the same",
  async (method) => {
    expect(await ask(method, "/nothing")).toEqual({ status: 404 });
  },
);

test("an empty header is there, and empty", async () => {
  expect(await ask("GET", "/key", null, { "idempotency-key": "" })).toEqual({ status: 200, key: "" });
  expect(await ask("GET", "/key")).toEqual({ status: 200, key: "none" });
});
