/** That the load test of the API counts right: each accepted request is one message, whichever server took it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Load, openLoad } from "./support/bench/api-load.ts";

let load: Load;

beforeAll(async () => {
  load = await openLoad();
});
afterAll(() => load?.close());

test.each(["Hono", "API as a function"] as const)("%s: every 202 is one message", async (name) => {
  const lane = await load.openLane(name);
  const shot = await lane.measure({ connections: 2, requests: 21, jobs: 1 });
  expect(shot).toMatchObject({ statuses: { 202: 21 }, lost: 0 });
  expect(Object.keys(shot.statuses)).toEqual(["202"]);
  expect(await lane.count()).toBe(21);
  expect(shot.p50).toBeGreaterThan(0);
  expect(shot.p99).toBeGreaterThanOrEqual(shot.p50);
});

test("the API: every 202 is one message, and a list is as many as jobs", async () => {
  const lane = await load.openLane("API");
  expect(await lane.measure({ connections: 2, requests: 21, jobs: 1 })).toMatchObject({ statuses: { 202: 21 } });
  expect(await lane.count()).toBe(21);
  expect(await lane.measure({ connections: 1, requests: 3, jobs: 25 })).toMatchObject({ statuses: { 202: 3 } });
  expect(await lane.count()).toBe(21 + 75);
});

test("who sends no message has none", async () => {
  const lane = await load.openLane("API, no message");
  expect(await lane.measure({ connections: 1, requests: 5, jobs: 1 })).toMatchObject({ statuses: { 202: 5 } });
  expect(await lane.count()).toBe(0);
});
