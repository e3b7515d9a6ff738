import fc from "fast-check";
import { expect, test } from "vitest";
import { openFaultSource } from "./fault-source.ts";
import { type Fault, noFaults } from "./faults.ts";

const rates = { ...noFaults, late: 0.3, "call-slow": 0.3 };
const open = (seed: string) => {
  const faults: Fault[] = [];
  const source = openFaultSource({ seed, rates, onFault: (fault) => faults.push(fault) });
  /** What the next event at a site decides. */
  const decide = (site: string): unknown => {
    const event = source.event(site);
    return [event?.strikes("late"), event?.strikes("call-slow"), event?.duration("late", 1_000)];
  };
  return { source, faults, decide };
};

test("what becomes of the n-th event at a site does not depend on what happens at others", () => {
  const site = fc.constantFrom("receive jobs", "receive mail", "invoke worker");
  fc.assert(
    fc.property(fc.string(), fc.array(site, { maxLength: 60 }), (seed, order) => {
      const mixed = open(seed);
      const decisions = order.map((each) => [each, mixed.decide(each)]);
      const sorted = open(seed);
      const again = [...order].sort().map((each) => [each, sorted.decide(each)]);
      for (const each of order) {
        const at = (all: unknown[][]): unknown[] => all.filter(([where]) => where === each);
        expect(at(again)).toEqual(at(decisions));
      }
    }),
  );
});

test("another seed decides otherwise, and a site otherwise than another", () => {
  const decisions = (seed: string, site: string): unknown[] => {
    const { decide } = open(seed);
    return Array.from({ length: 50 }, () => decide(site));
  };
  expect(decisions("7", "receive jobs")).toEqual(decisions("7", "receive jobs"));
  expect(decisions("7", "receive jobs")).not.toEqual(decisions("8", "receive jobs"));
  expect(decisions("7", "receive jobs")).not.toEqual(decisions("7", "receive mail"));
});

test("a kind strikes as often as its rate says, whatever the other kinds' rates are", () => {
  const { source } = open("seed");
  const struck = (): boolean[] => Array.from({ length: 4_000 }, () => source.event("s")?.strikes("late") ?? false);
  const share = struck().filter(Boolean).length / 4_000;
  expect(share).toBeGreaterThan(0.27);
  expect(share).toBeLessThan(0.33);
  const alone = openFaultSource({ seed: "seed", rates: { ...noFaults, late: 0.3 }, onFault: () => {} });
  const both = open("seed").source;
  const first = Array.from({ length: 100 }, () => [alone, both].map((each) => each.event("s")?.strikes("late")));
  expect(first.every(([one, other]) => one === other)).toBe(true);
});

test("a rate of 0 never strikes, a rate of 1 always", () => {
  const source = openFaultSource({ seed: "x", rates: { ...noFaults, late: 1 }, onFault: () => {} });
  const events = Array.from({ length: 200 }, () => source.event("s"));
  expect(events.every((event) => event?.strikes("late"))).toBe(true);
  expect(events.some((event) => event?.strikes("call-slow"))).toBe(false);
});

test("a pause strikes nothing and counts nothing", () => {
  const paused = open("seed");
  const straight = open("seed");
  const decisions = [paused.decide("s")];
  paused.source.isPaused = true;
  expect(paused.source.event("s")).toBeUndefined();
  paused.source.isPaused = false;
  decisions.push(paused.decide("s"));
  expect(decisions).toEqual([straight.decide("s"), straight.decide("s")]);
});

test("a fault that is told of says where it struck, at which event, and which message", () => {
  const { source, faults } = open("seed");
  source.event("send jobs");
  source.event("send jobs")?.report("late", "visible 5 ms late", "m-1");
  expect(faults).toEqual([{ kind: "late", site: "send jobs", event: 2, what: "visible 5 ms late", messageId: "m-1" }]);
});
