/** Each way in which the API asks its callers who they are, in what would be deployed. */
import { beforeAll, describe, expect, test } from "vitest";
import { root, threeMinutesMs, tierFile } from "./support/stacks/cases.ts";
import { EvaluationError } from "./support/stacks/evaluate.ts";
import { inside, ofType } from "./support/stacks/graph.ts";
import { preparePlatform } from "./support/stacks/platform.ts";
import { evaluated } from "./support/stacks/shared.ts";
import type { Stack } from "./support/stacks/stack.ts";

const givenToken = "the-token-that-nothing-else-may-hold";

/** A tier whose API has these options; the secret is where `sst deploy` has it. */
function tierWith(api: object, secret?: string): string {
  return `
    import { defineTier } from "@tendril/core/tier";
    ${secret === undefined ? "" : `process.env.SST_SECRET_ApiToken = ${JSON.stringify(secret)};`}
    export const tier = defineTier({ name: "doors", queues: { jobs: {} }, jobs: [], api: ${JSON.stringify(api)} });`;
}

const evaluateWith = (api: object, secret?: string): Promise<Stack> =>
  evaluated({ root, replaced: { [tierFile]: tierWith(api, secret) } });

const origins = ["https://app.example.com", "http://localhost:5173"];

beforeAll(() => preparePlatform(root), threeMinutesMs);

const routesOf = (stack: Stack) =>
  ofType(stack, "apigatewayv2/route:Route").map(({ inputs }) => [inputs.routeKey, inputs.authorizationType]);
const linksOf = (stack: Stack) =>
  new Map(
    stack.functions.map(({ handler, links }) => [handler.split("/").at(-1), Object.keys(links).includes("ApiToken")]),
  );

describe("a token", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await evaluateWith({ auth: { kind: "token" }, throttle: { rate: 20 }, cors: { origins } }, givenToken);
  }, threeMinutesMs);

  test("is checked by the function, to which every route leads, and which alone has the secret", () => {
    expect(routesOf(stack)).toEqual([
      ["GET /{proxy+}", "NONE"],
      ["POST /{proxy+}", "NONE"],
      ["DELETE /{proxy+}", "NONE"],
    ]);
    expect(Object.fromEntries(linksOf(stack))).toEqual({
      "api.handler": true,
      "worker.handler": false,
      "migrate.handler": false,
    });
    const api = stack.functions.find(({ handler }) => handler.endsWith("api.handler"));
    expect(api?.links.ApiToken).toMatchObject({ value: givenToken });
  });

  test("is in no other input of any resource", () => {
    const holders = stack.resources.filter(({ inputs }) => JSON.stringify(inputs).includes(givenToken));
    expect(holders.filter(({ type }) => type !== "sst:sst:LinkRef")).toEqual([]);
  });

  test("leaves the tier's own throttle in place", () => {
    const [deployed] = ofType(stack, "apigatewayv2/stage:Stage");
    expect(deployed?.inputs.defaultRouteSettings).toEqual({ throttlingRateLimit: 20, throttlingBurstLimit: 200 });
  });

  test(
    "that is not set ends the deployment",
    async () => {
      const refused = await evaluateWith({ auth: { kind: "token" } }).catch((thrown: unknown) => thrown);
      expect(refused).toBeInstanceOf(EvaluationError);
      expect(String(refused)).toContain("ApiToken");
    },
    threeMinutesMs,
  );
});

describe("a JWT", () => {
  const issuer = "https://login.example.com/realm";
  const jwt = { kind: "jwt", issuer, audience: ["jobs", "shop"], scopes: ["enqueue"] };
  let stack: Stack;
  beforeAll(async () => {
    stack = await evaluateWith({ auth: jwt, cors: { origins } });
  }, threeMinutesMs);

  test("is asked for by every route, and checked against issuer, audience and scopes", () => {
    const [authorizer, ...others] = ofType(stack, "apigatewayv2/authorizer:Authorizer");
    expect(others).toEqual([]);
    expect(authorizer?.inputs).toMatchObject({
      authorizerType: "JWT",
      identitySources: ["$request.header.Authorization"],
      jwtConfiguration: { issuer, audiences: ["jobs", "shop"] },
    });
    const routes = ofType(stack, "apigatewayv2/route:Route").map(({ inputs }) => inputs);
    expect(routes.map(({ routeKey }) => routeKey)).toEqual(["GET /{proxy+}", "POST /{proxy+}", "DELETE /{proxy+}"]);
    for (const { authorizationType, authorizationScopes, authorizerId } of routes) {
      expect([authorizationType, authorizationScopes]).toEqual(["JWT", ["enqueue"]]);
      expect(authorizerId).toMatch(/Jwt/);
    }
    expect([...linksOf(stack).values()]).not.toContain(true);
  });

  test("sites that are named may call it, and no others; their preflight needs no token and reaches no function", () => {
    expect(ofType(stack, "apigatewayv2/api:Api")[0]?.inputs.corsConfiguration).toEqual({
      allowOrigins: origins,
      allowMethods: ["GET", "POST", "DELETE"],
      allowHeaders: [
        "authorization",
        "content-type",
        "idempotency-key",
        "x-amz-date",
        "x-amz-security-token",
        "x-request-id",
      ],
      exposeHeaders: ["location", "retry-after", "x-request-id"],
      maxAge: 3600,
    });
    const keys = routesOf(stack).map(([key]) => key);
    for (const key of keys) expect(key).not.toMatch(/OPTIONS|ANY|\$default/);
  });

  test("the access log is JSON, ends, and holds no header that says who somebody is", () => {
    const [deployed] = ofType(stack, "apigatewayv2/stage:Stage");
    const settings = deployed?.inputs.accessLogSettings;
    const format = String(inside(settings, "format"));
    expect(() => JSON.parse(format)).not.toThrow();
    expect(format).toContain("$context.status");
    expect(format).not.toMatch(/authoriz|header|cookie|queryString|body/i);
    const [log] = ofType(stack, "cloudwatch/logGroup:LogGroup").filter(({ name }) => name === "ApiAccessLog");
    expect(log?.inputs.retentionInDays).toBe(30);
    expect(inside(settings, "destinationArn")).toMatch(/:ApiAccessLog$/);
  });
});

test(
  "an API that is open to everybody is refused before anything is made",
  async () => {
    const refused = await evaluateWith({ auth: { kind: "none" } }).catch((thrown: unknown) => thrown);
    if (!(refused instanceof EvaluationError)) throw new Error("it was not refused", { cause: refused });
    expect(refused.message).toContain("api.auth.kind");
    expect(refused.resources.map(({ type }) => type)).toEqual(["pulumi:pulumi:Stack"]);
  },
  threeMinutesMs,
);
