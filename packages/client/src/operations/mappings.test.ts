import { expect, test } from "vitest";
import { createMappings, pausedIn } from "./mappings.ts";

test.each([
  ["Enabled", false],
  ["Enabling", false],
  ["Disabled", true],
  ["Disabling", true],
  ["Updating", undefined],
  ["Creating", undefined],
  ["Deleting", undefined],
  [undefined, undefined],
])("a mapping that is %s: paused is %s", (state, paused) => {
  expect(pausedIn(state)).toBe(paused);
});

test("a queue without a mapping is unknown, and no client is made for it", async () => {
  let made = 0;
  const lambda = () => {
    made += 1;
    throw new Error("no client is needed");
  };
  const mappings = createMappings({ mappings: { jobs: "b6b1" }, lambda });
  await expect(mappings.paused("other")).rejects.toMatchObject({ code: "queue_unknown" });
  await expect(mappings.setPaused("constructor", true)).rejects.toMatchObject({ code: "queue_unknown" });
  expect(made).toBe(0);
});
