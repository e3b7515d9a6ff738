import { describe, expect, test } from "vitest";
import { type Cron, parseCron } from "./cron.ts";
import { firstInstantOf, nextRunIn, runsWithin, wallTimeOf, zoneChanges } from "./cron-zone.ts";

const at = (text: string): number => Date.parse(text);

function cronOf(expression: string): Cron {
  const parsed = parseCron(expression);
  if (parsed.kind === "errors") throw new Error(expression);
  return parsed.cron;
}

function runs(expression: string, timezone: string, from: string, to: string): string[] {
  const found = runsWithin({ cron: cronOf(expression), timezone }, { fromMs: at(from), toMs: at(to) });
  return found.map((run) => new Date(run).toISOString().slice(0, 16));
}

describe("a run in a time zone", () => {
  test("follows the clocks there, in winter and in summer", () => {
    const next = (from: string) => new Date(nextRunIn(cronOf("0 9 * * *"), "Europe/Berlin", at(from))).toISOString();
    expect(next("2027-01-10T00:00Z")).toBe("2027-01-10T08:00:00.000Z");
    expect(next("2027-07-10T00:00Z")).toBe("2027-07-10T07:00:00.000Z");
  });

  test("is none at a time that the clocks skip", () => {
    expect(runs("30 2 * * *", "Europe/Berlin", "2027-03-27T00:00Z", "2027-03-30T00:00Z")).toEqual([
      "2027-03-27T01:30",
      "2027-03-29T00:30",
    ]);
  });

  test("is one, the first, at a time that the clocks show twice", () => {
    expect(runs("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00Z", "2027-11-01T12:00Z")).toEqual([
      "2027-10-31T00:30",
      "2027-11-01T01:30",
    ]);
    expect(runs("*/30 * * * *", "Europe/Berlin", "2027-10-31T00:00Z", "2027-10-31T02:30Z")).toEqual([
      "2027-10-31T00:00",
      "2027-10-31T00:30",
      "2027-10-31T02:00",
    ]);
  });

  test("is right where the clocks move by half an hour, and where they skip a whole day", () => {
    expect(runs("15 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00Z", "2027-10-04T00:00Z")).toEqual([
      "2027-10-03T15:15",
    ]);
    expect(runs("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00Z", "2011-12-31T12:00Z")).toEqual([
      "2011-12-29T22:00",
      "2011-12-30T22:00",
    ]);
  });

  test("stops at the limit", () => {
    const period = { fromMs: at("2027-01-01"), toMs: at("2028-01-01"), limit: 3 };
    expect(runsWithin({ cron: cronOf("@hourly"), timezone: "UTC" }, period)).toHaveLength(3);
  });
});

test("a wall time that exists is shown at its instant", () => {
  for (const zone of ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"]) {
    for (let wallMs = at("2027-01-01"); wallMs < at("2028-01-01"); wallMs += 86_400_000 / 2) {
      const instantMs = firstInstantOf(wallMs, zone);
      expect(instantMs === undefined ? undefined : wallTimeOf(instantMs, zone)).toBe(wallMs);
    }
  }
});

test("the changes of a zone are found to the millisecond", () => {
  const changes = zoneChanges("America/New_York", at("2027-01-01"), at("2028-01-01"));
  expect(changes.map(({ atMs }) => new Date(atMs).toISOString())).toEqual([
    "2027-03-14T07:00:00.000Z",
    "2027-11-07T06:00:00.000Z",
  ]);
  expect(changes.map(({ wallBeforeMs, wallAfterMs }) => wallAfterMs - wallBeforeMs)).toEqual([3_600_000, -3_600_000]);
  expect(zoneChanges("Asia/Kolkata", at("2027-01-01"), at("2028-01-01"))).toEqual([]);
});
