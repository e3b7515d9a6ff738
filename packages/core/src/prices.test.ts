import { expect, test } from "vitest";
import { type PriceName, priceOf, prices, pricesGathered } from "./prices.ts";

const names = Object.keys(prices) as PriceName[];

test.each(names)("%s has a unit, AWS's page, and where it was read, if anywhere", (name) => {
  const { usd, per, unit, source, seen } = priceOf(name);
  expect(usd).toBeGreaterThan(0);
  expect([1, 10_000, 1_000_000]).toContain(per);
  expect(unit).toMatch(/^[A-Za-z][A-Za-z-]*$/);
  expect(source).toMatch(/^https:\/\/aws\.amazon\.com\/.*pricing\/(?:on-demand\/)?$/);
  if (seen !== undefined) expect(seen.length).toBeGreaterThan(10);
});

test("prices are of a day and a region", () => {
  expect(pricesGathered.on).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(pricesGathered.region).toBe("us-east-1");
});
