import fc from "fast-check";
import { expect, test } from "vitest";
import { pageOf } from "./page.ts";

test("page after page, each item comes once and in order, whatever the order they are kept in", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,4}$/), { maxLength: 500 });
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 100 }), (found, size) => {
      const all = found.map((name) => ({ arn: `arn:aws:scheduler:${name}` }));
      const seen: string[] = [];
      let token: string | undefined;
      do {
        const { items, nextToken } = pageOf(all, { MaxResults: size, NextToken: token });
        expect(items.length).toBe(Math.min(size, all.length - seen.length));
        seen.push(...items.map(({ arn }) => arn));
        token = nextToken;
      } while (token !== undefined);
      expect(seen).toEqual(all.map(({ arn }) => arn).sort());
    }),
  );
});
