import { describe, expect, test } from "vitest";
import { explore } from "./support/protocol/explore.ts";
import { type Bounds, type Invariant, type Mistake, mistakes } from "./support/protocol/model.ts";

const once: Bounds = {
  copies: 1,
  workers: 2,
  attempts: 2,
  receipts: 3,
  ghosts: 0,
  redrives: 0,
  crashes: 1,
  cancels: 0,
};

describe("the protocol of a delivery keeps every promise, whatever fails and whoever dies", () => {
  const cases: Record<string, Bounds> = {
    "two deliveries at once, and a dead letter that is sent back": { ...once, redrives: 1 },
    "three deliveries at once": { ...once, workers: 3, receipts: 4, crashes: 2 },
    "somebody who cancels": { ...once, cancels: 1 },
    "a producer that sends twice": { ...once, copies: 2, attempts: 1, receipts: 2 },
    "many receipts and crashes, and a message that comes back after its deletion": {
      ...once,
      workers: 1,
      receipts: 5,
      crashes: 2,
      ghosts: 1,
      redrives: 1,
    },
    "jobs that only write: two deliveries at once": { ...once, grouped: true },
    "jobs that only write: a producer that sends twice": {
      ...once,
      copies: 2,
      attempts: 1,
      receipts: 2,
      crashes: 0,
      grouped: true,
    },
    "jobs that only write: somebody who cancels": { ...once, cancels: 1, grouped: true },
    "jobs that only write: a dead letter that is sent back, and a message that comes back after its deletion": {
      ...once,
      workers: 1,
      ghosts: 1,
      redrives: 1,
      grouped: true,
    },
  };

  test.each(Object.entries(cases))("%s", (_name, bounds) => {
    const { states, broken } = explore(bounds);

    expect([...broken]).toEqual([]);
    expect(states).toBeGreaterThan(1000);
  });
});

describe("each mistake that the protocol could have had breaks a promise", () => {
  const breaks: Record<Mistake, Invariant> = {
    "deletes before it commits": "no lost job",
    "sends before it commits": "no follow-up of an undone job",
    "clears before it sends": "no lost follow-up",
    "claims outside the transaction": "no second effect",
    "forgets the outbox of a duplicate": "no lost follow-up",
    "takes a message that was sent back for a second delivery": "no lost job",
    "deletes before the dead letter is sent": "no lost job",
    "counts a start twice": "a crash is counted at most once",
    "makes the follow-up's id at each send": "no second follow-up",
    "cancels what is claimed": "a cancelled job never begins",
    "writes a failure over a cancellation": "a cancelled job never begins",
    "commits a group without its claims": "no second effect",
  };

  test.each(mistakes)("%s", (mistake) => {
    const redrives = mistake === "takes a message that was sent back for a second delivery" ? 1 : 0;
    const cancels = breaks[mistake] === "a cancelled job never begins" ? 1 : 0;
    const attempts = mistake === "counts a start twice" ? 3 : 1;

    const grouped = mistake === "commits a group without its claims";
    const { broken } = explore({ ...once, attempts, redrives, cancels, grouped }, mistake);

    expect(broken.get(breaks[mistake])).toBeDefined();
  });
});
