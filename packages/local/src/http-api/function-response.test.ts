import { expect, test } from "vitest";
import { functionResponse, gatewayErrors } from "./function-response.ts";

test.each([
  ["text without a type", { statusCode: 200, body: "hi" }, 200, "text/plain; charset=utf-8", "hi"],
  ["only a status code", { statusCode: 201 }, 201, "text/plain; charset=utf-8", ""],
  ["a status code as text", { statusCode: "202" }, 202, "text/plain; charset=utf-8", ""],
  ["nulls", { statusCode: 200, body: null, headers: null, cookies: null }, 200, "text/plain; charset=utf-8", ""],
  ["a type", { statusCode: 200, headers: { "Content-Type": "text/css" }, body: "a{}" }, 200, "text/css", "a{}"],
  ["an object", { message: "hi" }, 200, "application/json", '{"message":"hi"}'],
  ["a string", "hi", 200, "application/json", '"hi"'],
  ["a list", [1], 200, "application/json", "[1]"],
  ["null", null, 200, "application/json", "null"],
])("an answer of %s is the response", (_, answer, status, contentType, body) => {
  const response = functionResponse(JSON.stringify(answer));
  expect([response.status, response.headers["content-type"], response.body.toString()]).toEqual([
    status,
    contentType,
    body,
  ]);
});

test("a Base64 body is bytes", () => {
  const { body } = functionResponse(JSON.stringify({ statusCode: 200, body: "AP+A", isBase64Encoded: true }));
  expect([...body]).toEqual([0, 255, 128]);
});

test("each cookie becomes a header of its own", () => {
  const { headers } = functionResponse(JSON.stringify({ statusCode: 200, cookies: ["a=1; Path=/", "b=2"] }));
  expect(headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2"]);
});

test.each([
  ["no cookies", { cookies: [] }, {}],
  ["a number and a boolean as headers", { headers: { A: 1, b: true } }, { a: "1", b: "true" }],
  ["a name in different capitals", { headers: { "X-A": "1", "x-a": "2" } }, { "x-a": "2" }],
  ["multi-value headers, which payload format 2.0 does not have", { multiValueHeaders: { a: ["1", "2"] } }, {}],
])("an answer with %s has its headers", (_, answer, headers) => {
  const given = functionResponse(JSON.stringify({ statusCode: 200, ...answer })).headers;
  expect(given).toEqual({ "content-type": "text/plain; charset=utf-8", ...headers });
});

test("headers that belong to the connection are dropped", () => {
  const headers = { Connection: "close", "Content-Length": "9", "Transfer-Encoding": "chunked", "X-Own": 1 };
  expect(functionResponse(JSON.stringify({ statusCode: 200, headers })).headers).toEqual({
    "content-type": "text/plain; charset=utf-8",
    "x-own": "1",
  });
});

test.each([
  ["no JSON", "{"],
  ["a status code that is none", '{"statusCode":99}'],
  ["a status code that is text", '{"statusCode":"ok"}'],
  ["an object as body", '{"statusCode":200,"body":{}}'],
  ["text as headers", '{"statusCode":200,"headers":"x"}'],
  ["a header that HTTP forbids", '{"statusCode":200,"headers":{"x-a":"b\\r\\nc: d"}}'],
  ["a header name that HTTP forbids", '{"statusCode":200,"headers":{"x a":"1"}}'],
  ["a header name that is empty", '{"statusCode":200,"headers":{"":"1"}}'],
  ["a header beyond Latin letters", '{"statusCode":200,"headers":{"x-a":"\u{1F331}"}}'],
  ["a list as header", '{"statusCode":200,"headers":{"x-a":["1","2"]}}'],
  ["null as header", '{"statusCode":200,"headers":{"x-a":null}}'],
  ["a cookie that HTTP forbids", '{"statusCode":200,"cookies":["a=1\\r\\nx: y"]}'],
  ["a status code below 200", '{"statusCode":100}'],
  ["a status code above 599", '{"statusCode":600}'],
  ["a broken status code", '{"statusCode":200.5}'],
  ["a list as body", '{"statusCode":200,"body":["a"]}'],
  ["a number as body", '{"statusCode":200,"body":1}'],
  ["an object as cookies", '{"statusCode":200,"cookies":{}}'],
  ["a number as cookie", '{"statusCode":200,"cookies":[1]}'],
])("an answer with %s is an internal server error", (_, payload) => {
  expect(functionResponse(payload)).toBe(gatewayErrors.internal);
});
