import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { signingFetch } from "./sign-request.ts";

let server: Server;
let url: string;
let asked: { request: IncomingMessage; body: string } | undefined;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    asked = { request, body };
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** The signature as AWS describes it. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function signatureOf({ request, body }: NonNullable<typeof asked>, secret: string): string {
  const authorization = String(request.headers.authorization);
  const [, scope = "", names = ""] = /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+),/.exec(authorization) ?? [];
  const { pathname, search } = new URL(request.url ?? "", url);
  const headers = names.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const path = pathname.split("/").map(encodeURIComponent).join("/"); // once more than it is sent
  const canonical = [request.method, path, search.slice(1), headers.join(""), names, sha256(body)].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const [date = "", region = "", service = "", end = ""] = scope.split("/");
  const key = [region, service, end].reduce(hmac, hmac(`AWS4${secret}`, date));
  return hmac(key, toSign).toString("hex");
}

test("a request is signed as AWS checks it, with the credentials and the region of the environment", async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "a/secret+key");
  vi.stubEnv("AWS_SESSION_TOKEN", "a-session");
  vi.stubEnv("AWS_REGION", "eu-north-1");
  const fetchSigned = signingFetch(url, undefined);
  for (const [path, init] of [
    ["/jobs", { method: "POST", body: '{"type":"Note","input":"ä"}', headers: { "content-type": "application/json" } }],
    ["/jobs?limit=20&since=2026-11-20T10%3A00%3A00.000Z", { method: "GET" }],
    ["/schedules/nightly%20report/run", { method: "POST" }],
  ] as const) {
    await fetchSigned(url + path, init);
    const authorization = String(asked?.request.headers.authorization);
    expect(authorization).toMatch(/Credential=AKIDEXAMPLE\/\d{8}\/eu-north-1\/execute-api\/aws4_request,/);
    expect(asked?.request.headers["x-amz-security-token"]).toBe("a-session");
    expect(asked?.body).toBe("body" in init ? init.body : "");
    if (asked !== undefined) expect(authorization).toContain(`Signature=${signatureOf(asked, "a/secret+key")}`);
  }
});

test("the region is the one that is named, or the address's own", async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "a/secret+key");
  await signingFetch(url, "ap-south-1")(`${url}/queues`, { method: "GET" });
  expect(asked?.request.headers.authorization).toContain("/ap-south-1/execute-api/");
  // The request goes to this server all the same.
  await signingFetch("https://abc.execute-api.us-west-2.amazonaws.com", undefined)(`${url}/queues`, { method: "GET" });
  expect(asked?.request.headers.authorization).toContain("/us-west-2/execute-api/");
});

test("without credentials it says what to do", async () => {
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"])
    vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  vi.stubEnv("HOME", "/nowhere");
  await expect(signingFetch(url, "us-east-1")(`${url}/queues`, {})).rejects.toMatchObject({
    code: "unauthorized",
    message: expect.stringContaining("no AWS credentials"),
  });
});
