import { expect, test } from "vitest";
import { gatewayAccess } from "./gateway-access.ts";

const jwt = { kind: "jwt", issuer: "https://login.example.com", audience: ["jobs"] } as const;
const grants = { enqueue: ["jobs.write", "jobs.all"], operate: ["jobs.all"] };

function scopesOf(claims: unknown, given: Parameters<typeof gatewayAccess>[0] = { ...jwt, grants }): string[] {
  const authorizer = { jwt: { claims, scopes: null } };
  return [...gatewayAccess(given)({ authorization: "Bearer x.y.z", source: undefined, authorizer }).scopes];
}

test.each<[string, unknown, string[]]>([
  ["a scope", { scope: "jobs.write" }, ["enqueue"]],
  ["one that grants several", { scope: "openid jobs.all profile" }, ["enqueue", "operate"]],
  ["Entra's scp", { scp: "jobs.write other" }, ["enqueue"]],
  ["a list, as API Gateway writes it", { scp: "[jobs.write jobs.all]" }, ["enqueue", "operate"]],
  ["a list", { scp: ["jobs.write"] }, ["enqueue"]],
  ["what has no list is for nobody", { scope: "read jobs.read" }, []],
  ["no scope", {}, []],
  ["a scope that only begins like one", { scope: "jobs.write2 jobs.writ" }, []],
  ["no text", { scope: 1, scp: { 0: "jobs.write" } }, []],
  ["no claims", undefined, []],
])("a token's scopes are granted: %s", (_name, claims, granted) => {
  expect(scopesOf(claims)).toEqual(granted);
});

test("without grants, and with IAM, everything is", () => {
  expect(scopesOf({}, jwt)).toEqual(["enqueue", "read", "operate"]);
  expect(scopesOf(undefined, { kind: "iam" })).toEqual(["enqueue", "read", "operate"]);
});

test.each([
  [
    { iam: { userArn: "arn:aws:sts::1:assumed-role/a/b" } },
    { kind: "iam" } as const,
    "iam arn:aws:sts::1:assumed-role/a/b",
  ],
  [{ jwt: { claims: { sub: "user 1" } } }, jwt, "jwt user 1"],
  [{ jwt: { claims: { client_id: "machine" } } }, jwt, "jwt machine"],
  [undefined, jwt, "source 192.0.2.1"],
  [{ jwt: { claims: { sub: 7 } } }, { kind: "iam" } as const, "source 192.0.2.1"],
])("callers have names: %j", (authorizer, auth, name) => {
  const caller = gatewayAccess(auth)({ authorization: undefined, source: "192.0.2.1", authorizer });
  expect(caller.name).toBe(name);
});
