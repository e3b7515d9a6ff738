import fc from "fast-check";
import { expect, test } from "vitest";
import { keyOf, ScheduleKeys } from "./schedule-keys.ts";

// Few letters, so that names and prefixes meet; and the signs that come before and after the slash.
const name = fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "0", "_"), minLength: 1, maxLength: 4 });
const change = fc.record({ groupName: name, name, enabled: fc.option(fc.boolean()) });
const query = fc.record(
  {
    groupName: name,
    namePrefix: name,
    enabled: fc.boolean(),
    after: fc.tuple(name, name).map(([a, b]) => keyOf(a, b)),
  },
  { requiredKeys: [] },
);

test("what is found is what was put and fits, in order", () => {
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 200, maxLength: 3_000, size: "max" }),
      fc.array(query, { minLength: 5, maxLength: 20 }),
      (changes, queries) => {
        const keys = new ScheduleKeys();
        const kept = new Map<string, { groupName: string; name: string; enabled: boolean }>();
        for (const { groupName, name, enabled } of changes) {
          const key = keyOf(groupName, name);
          if (enabled === null) {
            keys.delete(key);
            kept.delete(key);
          } else {
            keys.put(key, enabled);
            kept.set(key, { groupName, name, enabled });
          }
        }
        for (const { groupName, namePrefix = "", enabled, after = "" } of queries) {
          const expected = [...kept]
            .filter(([key, each]) => key > after && each.name.startsWith(namePrefix))
            .filter(([, each]) => groupName === undefined || each.groupName === groupName)
            .filter(([, each]) => enabled === undefined || each.enabled === enabled)
            .map(([key]) => key);
          expect([...keys.find({ groupName, namePrefix, enabled, after })]).toEqual(expected.sort());
        }
      },
    ),
    { numRuns: 20 },
  );
});

test("a page looks at few keys, in whatever order they came", () => {
  const keys = new ScheduleKeys();
  for (let index = 0; index < 100_000; index++)
    keys.put(keyOf(`g${index % 10}`, `n${(index * 7919) % 100_000}`), index > 5);
  // That often, it would not end if it looked at all of them.
  let found = 0;
  for (let time = 0; time < 20_000; time++) {
    for (const query of [{ groupName: "g9" }, { namePrefix: "n77" }, { enabled: false }, { after: "g5/n5" }]) {
      found += keys.find(query).next().done ? 0 : 1;
    }
  }
  expect(found).toBe(80_000);
});
