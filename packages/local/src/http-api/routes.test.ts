import { describe, expect, test } from "vitest";
import { createRouter } from "./routes.ts";

const pets = [
  "$default",
  "ANY /{proxy+}",
  "GET /pets/{proxy+}",
  "GET /pets/dog/{id}",
  "GET /pets/dog/1",
  "ANY /pets/dog/1",
];

describe("a route", () => {
  test.each<[string, string, string, Record<string, string>]>([
    ["GET", "/pets/dog/1", "GET /pets/dog/1", {}],
    ["PUT", "/pets/dog/1", "ANY /pets/dog/1", {}],
    ["GET", "/pets/dog/2", "GET /pets/dog/{id}", { id: "2" }],
    ["GET", "/pets/dog/a%2Fb%20c", "GET /pets/dog/{id}", { id: "a/b c" }],
    ["GET", "/pets/cat/1", "GET /pets/{proxy+}", { proxy: "cat/1" }],
    ["GET", "/pets/dog/1/", "GET /pets/{proxy+}", { proxy: "dog/1/" }],
    ["POST", "/pets/cat", "ANY /{proxy+}", { proxy: "pets/cat" }],
    ["GET", "/p%65ts/dog/1", "GET /pets/dog/1", {}],
    ["GET", "/100%", "ANY /{proxy+}", { proxy: "100%" }],
    ["GET", "/", "$default", {}],
  ])("%s %s takes the most specific", (method, path, routeKey, pathParameters) => {
    for (const routeKeys of [pets, pets.toReversed()])
      expect(createRouter(routeKeys)(method, path)).toEqual({ routeKey, pathParameters });
  });

  test.each([
    ["a longer path", "GET", "/pets/1/toys"],
    ["a shorter path", "GET", "/pets"],
    ["a trailing slash", "GET", "/pets/1/"],
    ["an empty variable", "GET", "/pets/"],
    ["another method", "DELETE", "/pets/1"],
    ["HEAD, which GET does not stand for", "HEAD", "/pets/1"],
    ["other capitals", "GET", "/Pets/1"],
  ])("is not taken by %s", (_, method, path) => {
    expect(createRouter(["GET /pets/{id}"])(method, path)).toBeUndefined();
  });

  test("order does not matter for paths of several lengths", () => {
    const router = createRouter(["GET /a/{rest+}", "GET /a", "ANY /a/{id}"]);
    expect(router("GET", "/a/b")?.routeKey).toBe("ANY /a/{id}");
  });
});

test.each(["GET", "/pets", "FETCH /pets", "GET pets", "GET /{rest+}/more", "GET /a{b}", "GET /a /b", "$other"])(
  "%s is no route key",
  (routeKey) => {
    expect(() => createRouter([routeKey])).toThrow(`"${routeKey}" is not a route key`);
  },
);

test("a route key that is there twice is refused", () => {
  expect(() => createRouter(["GET /a", "GET /a"])).toThrow("Route with key GET /a already exists for this API");
});
