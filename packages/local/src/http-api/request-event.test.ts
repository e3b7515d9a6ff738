import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createConnection } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { requestEvent } from "./request-event.ts";

const facts = {
  accountId: "0",
  apiId: "local",
  requestId: "r",
  timeMs: 0,
  traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793",
};
const route = { routeKey: "$default", pathParameters: {} };

/** The event of a request that is sent byte for byte as given, without a body. */
async function eventOf(target: string, headers: readonly string[] = []): Promise<object> {
  const { promise, resolve } = Promise.withResolvers<object>();
  const server = createServer((request, response) => {
    resolve(requestEvent(request, Buffer.alloc(0), { ...facts, route }));
    response.end();
  });
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  const socket = createConnection(address.port, "127.0.0.1");
  socket.write([`GET ${target} HTTP/1.1`, "host: api", ...headers, "", ""].join("\r\n"));
  return promise;
}

test.each<[string, Record<string, string> | undefined]>([
  ["", undefined],
  ["?", undefined],
  ["?a=1", { a: "1" }],
  ["?a=1&a=2&b=3&a=1", { a: "1,2,1", b: "3" }],
  ["?a=1,2&a=3", { a: "1,2,3" }],
  ["?a&b=", { a: "", b: "" }],
  ["?a=b%20c+d&%C3%A4=%26", { a: "b c d", ä: "&" }],
  ["?a=b=c?d", { a: "b=c?d" }],
  ["?A=1&a=2", { A: "1", a: "2" }],
])("the query %s is read as %j, and stays as it was sent", async (query, queryStringParameters) => {
  const event = await eventOf(`/x${query}`);
  expect(event).toHaveProperty("rawQueryString", query.slice(1));
  if (queryStringParameters) expect(event).toMatchObject({ queryStringParameters });
  else expect(event).not.toHaveProperty("queryStringParameters");
});

test.each([
  ["/", "/"],
  ["/a%20b", "/a b"],
  ["/a+b", "/a+b"],
  ["/%C3%A4/%F0%9F%8C%B1", "/ä/\u{1F331}"],
  ["/a%2Fb", "/a/b"],
  ["/a%252Fb", "/a%2Fb"],
  ["/100%", "/100%"],
  ["//a//", "//a//"],
  ["/a/../b", "/a/../b"],
  ["/a;v=1,2:3@4", "/a;v=1,2:3@4"],
])("the path %s is %s in the event", async (target, path) => {
  expect(await eventOf(target)).toMatchObject({ rawPath: path, requestContext: { http: { path } } });
});

test.each<[string, readonly string[], Record<string, string>]>([
  ["of one name in different capitals", ["X-Many: 1", "x-many: 2", "X-MANY: 3"], { "x-many": "1,2,3" }],
  ["with a list in one line", ["accept: a/b, c/d", "accept: e/f"], { accept: "a/b, c/d,e/f" }],
  ["that are empty", ["x-own:", "x-own: 2"], { "x-own": ",2" }],
  ["that a proxy has set", ["x-forwarded-for: 1.2.3.4"], { "x-forwarded-for": "1.2.3.4, 127.0.0.1" }],
])("headers %s are joined", async (_, sent, headers) => {
  expect(await eventOf("/", sent)).toMatchObject({ headers });
});

test.each<[string, readonly string[], readonly string[] | undefined]>([
  ["one", ["Cookie: a=1"], ["a=1"]],
  ["several in one line", ["Cookie: a=1; b=2;c=3"], ["a=1", "b=2", "c=3"]],
  ["several lines", ["Cookie: a=1; b=2", "cookie: a=3"], ["a=1", "b=2", "a=3"]],
  ["an equals sign and a comma", ["Cookie: a=b=c,d"], ["a=b=c,d"]],
  ["quotes and no value", ['Cookie: a="x y"; b='], ['a="x y"', "b="]],
  ["nothing", ["Cookie: "], undefined],
])("cookies of %s stand on their own", async (_, sent, cookies) => {
  const event = await eventOf("/", sent);
  expect(event).not.toHaveProperty("headers.cookie");
  if (cookies) expect(event).toMatchObject({ cookies });
  else expect(event).not.toHaveProperty("cookies");
});
