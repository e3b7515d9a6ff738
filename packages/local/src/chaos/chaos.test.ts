import { expect, test } from "vitest";
import { createChaos } from "./chaos.ts";
import { defaultRates, type Fault } from "./faults.ts";

test("a seed is enough: then every kind of fault strikes now and then", () => {
  const faults: Fault[] = [];
  const { weather } = createChaos({ seed: "7", onFault: (fault) => faults.push(fault) });
  for (let messages = 0; messages < 500; messages++) {
    weather.lateMs("jobs", "id");
    weather.isOvertaken("jobs", "id");
    weather.receipt("jobs", "id");
    weather.survivesDelete("jobs", String(messages));
    weather.refusesDelete("jobs");
  }
  const kinds = ["count-inflated", "deleted-in-vain", "delete-refused", "delivered-twice", "late", "out-of-order"];
  expect([...new Set(faults.map(({ kind }) => kind))].sort()).toEqual([...kinds, "receipt-lost"].sort());
  expect(Object.values(defaultRates).every((rate) => rate > 0 && rate < 1)).toBe(true);
});

test("a rate that is not between 0 and 1 is refused", () => {
  const chaos = createChaos({ seed: "7" });
  expect(() => createChaos({ seed: "7", rates: { late: 1.1 } })).toThrow(RangeError);
  expect(() => chaos.setRates({ late: -0.1 })).toThrow('The rate of "late" is -0.1; 0 to 1 is allowed.');
  const point = { name: "after claim", when: "after", operation: "ExecuteStatement", rate: Number.NaN } as const;
  expect(() => chaos.setCrashPoints([point])).toThrow(RangeError);
});
