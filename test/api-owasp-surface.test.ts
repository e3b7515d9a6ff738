/** OWASP's API Security Top 10 of 2023, row by row: what is open, and what is told. https://owasp.org/API-Security/editions/2023/en/0x11-t10/ */
import { tokenAccess } from "@tendril/api/bearer";
import { gatewayAccess } from "@tendril/api/gateway-access";
import { lambdaHandler } from "@tendril/api/lambda-handler";
import { corsRules } from "@tendril/core/api-plan";
import { systemClock } from "@tendril/local/clock";
import { listenHttpApi } from "@tendril/local/http-api/http-api";
import { describe, expect, test } from "vitest";
import { gatewayEvent, operationsIn, secret, textOf, tokens, useOwaspBench } from "./support/owasp-bench.ts";

const { as, ask, bench, json, post, room } = useOwaspBench();

describe("API8: security misconfiguration", () => {
  test.each<[string, string, Record<string, string>, number]>([
    ["GET", "/health", {}, 200],
    ["GET", "/jobs", as("all"), 200],
    ["GET", "/docs", as("read"), 200],
    ["GET", "/jobs", {}, 401],
    ["POST", "/jobs", as("read"), 403],
    ["GET", "/nothing", as("all"), 404],
    ["PUT", "/jobs", as("all"), 405],
    ["OPTIONS", "/jobs", { ...as("all"), origin: "https://evil.example" }, 405],
    ["POST", "/jobs", as("all"), 415],
  ])(
    "%s %s is answered with the headers that keep it safe, and with none that tell or open anything: %j",
    async (method, path, headers, status) => {
      const response = await bench.api.request(path, { method, headers });
      expect(response.status).toBe(status);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "x-content-type-options": "nosniff",
        "cache-control": expect.stringContaining("no-store"),
        "x-request-id": expect.stringMatching(/^[\w-]{36}$/),
      });
      for (const name of ["server", "x-powered-by", "access-control-allow-origin", "set-cookie"]) {
        expect(response.headers.has(name)).toBe(false);
      }
      if (status === 405) expect(response.headers.get("allow")).toBe("GET, HEAD, POST");
      if (status >= 400) expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.text()).not.toMatch(/ at .*:\d+|node_modules|stack/);
    },
  );

  test("pages of sites that were named may call it, and no others", async () => {
    const gateway = await behindGateway(["https://app.example.com"]);
    const preflight = (origin: string) =>
      fetch(`${gateway.url}/jobs`, { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } });
    const allowed = await preflight("https://app.example.com");
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
    expect(allowed.headers.get("access-control-allow-methods")).toBe("GET,POST,DELETE");
    expect(allowed.headers.has("access-control-allow-credentials")).toBe(false);
    for (const origin of [
      "https://evil.example",
      "https://app.example.com.evil.example",
      "http://app.example.com",
      "null",
    ]) {
      expect((await preflight(origin)).headers.has("access-control-allow-origin")).toBe(false);
      const answer = await fetch(`${gateway.url}/health`, { headers: { origin } });
      expect([answer.status, answer.headers.has("access-control-allow-origin")]).toEqual([200, false]);
    }
    await gateway.close();
  });

  test("methods that repeat a request's headers are refused, with a problem and a request id", async () => {
    const gateway = lambdaHandler(bench.api);
    for (const method of ["TRACE", "TRACK", "CONNECT", "BREW"]) {
      const answer = await gateway(gatewayEvent(method, "/jobs", as("all")));
      expect(answer).toMatchObject({
        statusCode: 405,
        headers: { allow: "GET, HEAD, POST", "x-request-id": expect.any(String) },
      });
      expect(textOf(answer)).not.toContain(tokens.all);
    }
  });

  test("its description is for callers alone, unless it was opened", async () => {
    for (const path of ["/docs", "/openapi.json"]) {
      expect((await bench.get(path)).status).toBe(401);
      expect((await ask("GET", path, undefined, "enqueue")).status).toBe(403);
    }
    bench.use({ access: tokenAccess(secret), docs: "open" });
    expect((await bench.get("/openapi.json")).status).toBe(200);
    expect((await bench.get("/jobs")).status).toBe(401);
  });
});

describe("API9: improper inventory management", () => {
  test("every route is in the document, and everything in the document is a route", async () => {
    const documented = operationsIn((await ask("GET", "/openapi.json")).body).map(
      ({ method, path }) => `${method} ${path.replace(/^\/job\/post\/.*/, "/job/post/{job_type}")}`,
    );
    const routed = bench.api.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`);
    expect([...new Set(routed)].sort()).toEqual([...new Set(documented)].sort());
  });

  test.each([
    "/",
    "/v1/jobs",
    "/api/jobs",
    "/admin",
    "/metrics",
    "/debug",
    "/.env",
    "/.git/config",
    "/swagger.json",
    "/openapi.yaml",
    "/jobs/",
    "/JOBS",
    "/job/post",
    "/job/post/",
    "/queues/jobs/purge",
    "/graphql",
  ])("%s is not there", async (path) => {
    for (const method of ["GET", "POST", "DELETE"]) {
      expect(await ask(method, path)).toMatchObject({ status: 404, body: { code: "route_unknown" } });
      expect((await bench.ask(method, path)).status).toBe(401);
    }
  });
});

describe("what is written elsewhere", () => {
  const evil = "a\r\nSet-Cookie: evil=1\r\n\u001b[31m\u0000\u2028";

  test("lines of the log stay lines, and control characters out of them, whatever is sent", async () => {
    const gateway = lambdaHandler(bench.api);
    const path = `/job/post/${evil}`;
    const answers = [
      await gateway(gatewayEvent("POST", path, json("all"))),
      await gateway(gatewayEvent("GET", `/jobs/${evil}`, as("all"))),
      await gateway(gatewayEvent("POST", `/schedules/${evil}/run`, as("all"))),
      await gateway(gatewayEvent("GET", `/queues/${evil}/dead-letters`, as("all"))),
      await gateway(gatewayEvent("GET", "/jobs", { ...as("all"), "x-request-id": "an id with spaces; and=more" })),
    ];
    for (const { statusCode } of answers) expect(statusCode).toBeLessThan(500);
    await post({ type: evil, input: evil });
    await post({ type: "Note", input: evil, [evil]: evil });
    await post({ type: "Note", input: evil });
    expect(bench.lines.length).toBeGreaterThan(7);
    for (const { message, facts } of bench.lines) {
      expect(textOf(message, facts)).not.toMatch(/\\[rn]|\\u0000|\\u001b|\u2028|evil/);
    }
    for (const { headers } of answers) expect(textOf(headers)).not.toMatch(/evil|spaces/);
  });

  test("a group or key that would be a header's second line is refused", async () => {
    for (const member of ["group", "key"]) {
      expect(await post({ type: "Note", input: "x", [member]: evil })).toMatchObject({
        status: 422,
        body: { code: "input_invalid" },
      });
    }
    expect(await room.queue.count()).toBe(0);
  });

  test("a caller's name out of a token of another's making is one line in the log", async () => {
    bench.use({ access: gatewayAccess({ kind: "jwt", issuer: "https://a.example", audience: ["a"] }) });
    const env = { event: { requestContext: { authorizer: { jwt: { claims: { sub: evil } } } } } };
    await bench.api.request("/jobs", {}, env);
    expect(JSON.stringify(bench.lines.at(-1))).not.toContain("\n");
  });

  test("no name of every object's changes anything but the input that it stands in", async () => {
    const input = '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}';
    const response = await bench.api.request("/jobs", {
      method: "POST",
      headers: json("all"),
      body: `{"type": "Bag", "input": ${input}}`,
    });
    expect(response.status).toBe(202);
    expect(JSON.parse(Reflect.get((await room.queue.receive()).Records[0] ?? {}, "body")).data.constructor).toEqual({
      prototype: { polluted: true },
    });
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      expect((await post({ type: name, input: "x" })).status).toBe(404);
      expect((await ask("GET", `/jobs?state=${name}`)).status).toBe(400);
      expect((await ask("GET", `/jobs?${name}=x`)).status).toBe(400);
    }
  });
});

/** The API behind the local HTTP API, with the CORS rules that are deployed. */
async function behindGateway(allowOrigins: readonly string[]) {
  const handler = lambdaHandler(bench.api);
  const { methods, headers, exposedHeaders, maxAgeSeconds } = corsRules;
  return listenHttpApi({
    clock: systemClock(),
    port: 0,
    functionName: "api",
    accountId: "000000000000",
    cors: { allowOrigins, allowMethods: methods, allowHeaders: headers, exposeHeaders: exposedHeaders, maxAgeSeconds },
    lambda: {
      async invoke(_name, payload) {
        const answer = await handler(JSON.parse(payload));
        return { kind: "succeeded", payload: JSON.stringify(answer), requestId: "", durationMs: 0 };
      },
    },
  });
}
