import { expect, test } from "vitest";
import { pageOf } from "./page.ts";

const named = (name: number) => ({ arn: `arn:aws:scheduler:${name}` });

/** Numbers without end. */
function* after(arn: string) {
  for (let name = Number(arn.split(":")[3] ?? 0) + 1; ; name++) yield named(name);
}

test("page after page, each item comes once; no more is asked for than a page needs", () => {
  const first = pageOf(after, { MaxResults: 3 });
  expect(first.items).toEqual([1, 2, 3].map(named));
  expect(pageOf(after, { MaxResults: 2, NextToken: first.nextToken }).items).toEqual([4, 5].map(named));
  expect(pageOf(after, {}).items).toHaveLength(100);
});

test("the last page has no token, full or not", () => {
  const three = () => [1, 2, 3].map(named);
  expect(pageOf(three, { MaxResults: 3 })).toEqual({ items: three(), nextToken: undefined });
  expect(pageOf(three, { MaxResults: 4 })).toEqual({ items: three(), nextToken: undefined });
  expect(pageOf(() => [], {})).toEqual({ items: [], nextToken: undefined });
});

test("a token that was not given out is refused", () => {
  for (const NextToken of ["x", "", Buffer.from("4").toString("base64url")]) {
    expect(() => pageOf(after, { NextToken })).toThrow("Invalid NextToken provided.");
  }
});
