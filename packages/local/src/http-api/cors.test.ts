import { describe, expect, test } from "vitest";
import { type CorsConfiguration, checkCors, isPreflight, preflightResponse, withCors } from "./cors.ts";

const site = "https://a.example";

describe("a preflight", () => {
  test.each<[string, CorsConfiguration, Record<string, string>]>([
    ["any origin", { allowOrigins: ["*"] }, { "access-control-allow-origin": "*" }],
    ["its own origin", { allowOrigins: ["https://b.example", site] }, { "access-control-allow-origin": site }],
    ["its scheme", { allowOrigins: ["https://*"] }, { "access-control-allow-origin": site }],
    ["another scheme", { allowOrigins: ["http://*"], allowMethods: ["GET"] }, {}],
    ["another origin", { allowOrigins: ["https://a.example.org"], maxAgeSeconds: 5 }, {}],
    ["no origin", { allowMethods: ["*"] }, {}],
    [
      "all that can be set",
      {
        allowOrigins: [site],
        allowMethods: ["GET", "POST"],
        allowHeaders: ["content-type", "x-own"],
        exposeHeaders: ["date"],
        maxAgeSeconds: 300,
        allowCredentials: true,
      },
      {
        "access-control-allow-origin": site,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "content-type,x-own",
        "access-control-max-age": "300",
      },
    ],
  ])("is told of %s", (_, cors, headers) => {
    expect(preflightResponse(cors, site)).toEqual({ status: 204, headers, body: Buffer.alloc(0) });
  });

  test.each([
    ["OPTIONS", { origin: site, "access-control-request-method": "GET" }, true],
    ["OPTIONS", { origin: site }, false],
    ["OPTIONS", { "access-control-request-method": "GET" }, false],
    ["GET", { origin: site, "access-control-request-method": "GET" }, false],
  ])("is %s with %j: %s", (method, headers, is) => {
    expect(isPreflight(method, headers)).toBe(is);
  });
});

describe("a function's response", () => {
  const given = { status: 200, headers: { "x-own": "1", "access-control-allow-origin": "*" }, body: Buffer.from("a") };
  const cors = {
    allowOrigins: [site],
    allowMethods: ["GET"],
    exposeHeaders: ["x-own", "date"],
    allowCredentials: true,
  };

  test("has the API's CORS headers in the place of its own", () => {
    expect(withCors(given, cors, site)).toEqual({
      ...given,
      headers: {
        "x-own": "1",
        "access-control-allow-origin": site,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-own,date",
      },
    });
  });

  test.each([undefined, "https://b.example"])("has none for the origin %s", (origin) => {
    expect(withCors(given, cors, origin).headers).toEqual({ "x-own": "1" });
  });
});

test.each<[CorsConfiguration, string]>([
  [{ maxAgeSeconds: 86_401 }, "maxAgeSeconds is -1 to 86400, not 86401"],
  [{ maxAgeSeconds: 1.5 }, "maxAgeSeconds is -1 to 86400, not 1.5"],
  [{ allowOrigins: ["a.example"] }, '"a.example" is not an origin'],
  [{ allowOrigins: ["https://a.example/path"] }, '"https://a.example/path" is not an origin'],
  [{ allowOrigins: ["https://*.example"] }, '"https://*.example" is not an origin'],
  [{ allowOrigins: ["*"], allowCredentials: true }, 'allowOrigins cannot be "*" when credentials are allowed'],
])("%j is refused", (cors, reason) => {
  expect(() => checkCors(cors)).toThrow(reason);
});

test.each<CorsConfiguration>([
  {},
  { allowOrigins: ["http://localhost:5173", "chrome-extension://abc"], maxAgeSeconds: -1 },
])("%j is taken", (cors) => expect(() => checkCors(cors)).not.toThrow());
