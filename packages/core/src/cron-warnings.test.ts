import { describe, expect, test } from "vitest";
import { type CronWarning, warnOfSchedules } from "./cron-warnings.ts";
import { readCronYaml } from "./cron-yaml.ts";

const fromMs = Date.parse("2027-01-01");

function warningsOf(lines: readonly string[], timeoutMs?: number): CronWarning[] {
  const read = readCronYaml(`version: 1\ncron:\n${lines.map((line) => `  - { ${line} }\n`).join("")}`, "cron.yaml");
  if (read.kind === "errors") throw new Error(JSON.stringify(read.errors));
  return warnOfSchedules(read.schedules, { fromMs, timeoutMsOf: () => timeoutMs });
}

const entry = (name: string, schedule: string, more = ""): string =>
  `name: ${name}, url: /${name}, schedule: "${schedule}"${more}`;

describe("a clock change", () => {
  test("that skips or doubles a run is told with its date", () => {
    const warnings = warningsOf([entry("a", "30 2 * * *", ", timezone: Europe/Berlin")]);
    expect(warnings.map(({ kind, text }) => [kind, text.split(". ")[0]])).toEqual([
      ["clock change", "clocks in Europe/Berlin skip 02:00 to 03:00 on 2027-03-28: 1 run will not happen"],
      [
        "clock change",
        "clocks in Europe/Berlin show 02:00 to 03:00 twice on 2027-10-31: 1 run will happen at the first time only",
      ],
    ]);
  });

  test("does not matter to runs at other hours, in UTC, or where the clocks never change", () => {
    expect(warningsOf([entry("a", "0 3 * * *", ", timezone: Europe/Berlin")])).toEqual([]);
    expect(warningsOf([entry("a", "30 2 * * *")])).toEqual([]);
    expect(warningsOf([entry("a", "30 2 * * *", ", timezone: Asia/Kolkata")])).toEqual([]);
    expect(warningsOf([entry("a", "30 2 * * *", ", timezone: Europe/Berlin, enabled: false")])).toEqual([]);
  });
});

describe("a short period", () => {
  test("is one that is shorter than the job's timeout", () => {
    expect(warningsOf([entry("a", "*/5 * * * *")], 300_001)).toMatchObject([{ kind: "short period", tasks: ["a"] }]);
    expect(warningsOf([entry("a", "*/5 * * * *")], 300_000)).toEqual([]);
    expect(warningsOf([entry("a", "*/5 * * * *")])).toEqual([]);
  });

  test("is the shortest, also over midnight", () => {
    expect(warningsOf([entry("a", "59,0 0,23 * * *")], 120_000)).toMatchObject([{ kind: "short period" }]);
  });

  test("does no harm when runs that would overlap are skipped", () => {
    expect(warningsOf([entry("a", "* * * * *", ", overlap: skip")], 900_000)).toEqual([]);
  });
});

describe("a busy minute", () => {
  const tasks = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => entry(`t${index}`, "0 3 * * *"));

  test("is one with five tasks or more", () => {
    expect(warningsOf(tasks(4))).toEqual([]);
    const [warning] = warningsOf(tasks(5));
    expect(warning).toMatchObject({ kind: "busy minute", tasks: ["t0", "t1", "t2", "t3", "t4"], line: 3 });
    expect(warning?.text).toContain("for the first time at 2027-01-01 03:00 UTC");
  });

  test("is one minute of the world, whatever clocks show there", () => {
    const berlin = entry("berlin", "0 4 * * *", ", timezone: Europe/Berlin");
    expect(warningsOf([...tasks(4), berlin])).toMatchObject([{ tasks: ["t0", "t1", "t2", "t3", "berlin"] }]);
  });
});
