import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CronEntry, readCronYaml } from "./cron-yaml.ts";

function problemsOf(text: string) {
  const read = readCronYaml(text, "cron.yaml");
  return read.kind === "errors" ? read.errors : [];
}

function entriesOf(text: string): readonly CronEntry[] {
  const read = readCronYaml(text, "cron.yaml");
  if (read.kind === "errors") throw new Error(JSON.stringify(read.errors));
  return read.schedules;
}

/** A file with one right entry whose lines are replaced or followed by the ones given. */
function fileWith(lines: Record<string, string>): string {
  const all = { name: "backup", url: "/backup", schedule: '"@daily"', ...lines };
  const entry = Object.entries(all).map(([key, value]) => `${key}: ${value}`);
  return `version: 1\ncron:\n  - ${entry.join("\n    ")}\n`;
}

describe("a right file", () => {
  test("Elastic Beanstalk's own example is read", () => {
    const text = [
      "version: 1",
      "cron:",
      ' - name: "backup-job"          # required - unique across all entries in this file',
      '   url: "/backup"              # required - does not need to be unique',
      '   schedule: "0 */12 * * *"    # required - does not need to be unique',
      ' - name: "audit"',
      '   url: "/audit"',
      '   schedule: "0 23 * * *"',
    ].join("\n");
    expect(entriesOf(text)).toMatchObject([
      { name: "backup-job", url: "/backup", expression: "0 */12 * * *", enabled: true, line: 3, column: 4 },
      { name: "audit", url: "/audit", schedule: { hours: [23] }, enabled: true, line: 6, column: 4 },
    ]);
  });

  test("an entry has only the members that were given", () => {
    expect(Object.keys(entriesOf(fileWith({}))[0] ?? {}).sort()).toEqual([
      "column",
      "enabled",
      "expression",
      "line",
      "name",
      "schedule",
      "url",
    ]);
  });

  test("what Beanstalk would ignore is read", () => {
    const extras = {
      job: "BackupJob",
      data: "{ tables: [a, b], full: true, since: null }",
      timezone: "Europe/Berlin",
      enabled: "false",
      description: "All of it",
      owner: "nobody reads this",
    };
    expect(entriesOf(fileWith(extras))).toMatchObject([
      {
        job: "BackupJob",
        data: { tables: ["a", "b"], full: true, since: null },
        timezone: "Europe/Berlin",
        enabled: false,
        description: "All of it",
      },
    ]);
  });

  test.each([
    ["skip", 60],
    ["run", 86_400],
    ["run within 6 hours", 21_600],
    ['"run within 1.5 minutes"', 90],
  ])("missed: %s is %d seconds", (missed, seconds) => {
    expect(entriesOf(fileWith({ missed }))).toMatchObject([{ missedWithinSeconds: seconds }]);
  });

  test("overlap is allow or skip", () => {
    expect(entriesOf(fileWith({ overlap: "skip" }))).toMatchObject([{ overlap: "skip" }]);
    expect(entriesOf(fileWith({ overlap: "allow" }))).toMatchObject([{ overlap: "allow" }]);
  });

  test("data may be null, which is not no data", () => {
    expect(entriesOf(fileWith({ data: "null" }))[0]).toHaveProperty("data", null);
    expect(entriesOf(fileWith({}))[0]).not.toHaveProperty("data");
  });

  test("entries may share members by anchors, aliases and merges", () => {
    const text = fileWith({ data: "&shared { deep: 1 }" }).replace("- name", "- &first\n    name");
    const second = "  - <<: *first\n    name: second\n    data: *shared\n";
    expect(entriesOf(text + second).map(({ name, url, data }) => ({ name, url, data }))).toEqual([
      { name: "backup", url: "/backup", data: { deep: 1 } },
      { name: "second", url: "/backup", data: { deep: 1 } },
    ]);
  });

  test("an empty list has no schedules", () => {
    expect(entriesOf("version: 1\ncron: []")).toEqual([]);
  });

  test("names that are no identifiers are kept", () => {
    const names = ["Cron::ExpiredPendingTicket", "do:something --param=1 -v", "Aufräumen 🧹"];
    for (const name of names) expect(entriesOf(fileWith({ name: JSON.stringify(name) }))[0]?.name).toBe(name);
  });
});

describe("problems", () => {
  test.each([
    ["an empty file", "", 1, 1, "nothing", "write version: 1"],
    ["only a comment", "# soon\n", 1, 1, "nothing", "write version: 1"],
    ["a list", "- a", 1, 1, "- a", "write version: 1"],
    ["no version", "cron: []", 1, 1, "no version", "write version: 1"],
    ["another version", "version: 2\ncron: []", 1, 10, "2", "write version: 1"],
    ["a version that is text", 'version: "1"\ncron: []', 1, 10, '"1"', "write version: 1"],
    ["no list", "version: 1", 1, 1, "no cron", "under cron: a list"],
    ["an empty list without brackets", "version: 1\ncron:\n", 2, 6, "nothing", "under cron: a list"],
    ["a mapping for the list", "version: 1\ncron: { name: a }", 2, 7, "{ name: a }", "under cron: a list"],
    ["an entry that is text", "version: 1\ncron: [backup]", 2, 8, "backup", "name, url and schedule"],
    ["a name that is a number", fileWith({ name: "7" }), 3, 11, "7", "put it in quotes"],
    ["a name that is empty", fileWith({ name: '""' }), 3, 11, '""', "write a name"],
    ["a name with a control character", fileWith({ name: '"a\\tb"' }), 3, 11, '"a\\tb"', "write a name"],
    ["a path without a slash", fileWith({ url: "backup" }), 4, 10, '"backup"', "write /backup"],
    ["an address", fileWith({ url: "https://me.org/x" }), 4, 10, '"https://me.org/x"', "write the path alone: /x"],
    ["an unquoted schedule", fileWith({ schedule: "* * * * *" }), 5, 15, "* * * * *", 'in quotes: "* * * * *"'],
    ["an unquoted macro", fileWith({ schedule: "@daily" }), 5, 15, "@daily", 'in quotes: "@daily"'],
    ["a bad schedule in quotes", fileWith({ schedule: '"0 5/15 * * *"' }), 5, 18, "5/15", "write 5-23/15"],
    ["a bad schedule without quotes", fileWith({ schedule: "0 5/15 * * *" }), 5, 17, "5/15", "write 5-23/15"],
    ["a bad schedule by alias", fileWith({ name: '&s "0 24 * * *"', schedule: "*s" }), 3, 17, "24", "hour 0"],
    ["a bad schedule with escapes", fileWith({ schedule: '"\\x30 24 * * *"' }), 5, 15, "24", "hour 0"],
    ["an unknown time zone", fileWith({ timezone: "Mars/Base" }), 6, 15, '"Mars/Base"', "write Area/City"],
    [
      "a time zone in lower case",
      fileWith({ timezone: "europe/berlin" }),
      6,
      15,
      '"europe/berlin"',
      "write Europe/Berlin",
    ],
    ["an offset for a time zone", fileWith({ timezone: '"+01:00"' }), 6, 15, '"+01:00"', "write Area/City"],
    ["enabled as a word", fileWith({ enabled: "yes" }), 6, 14, "yes", "write true or false"],
    ["curly quotes", fileWith({ url: "“/backup”" }), 4, 10, "“/backup”", "straight quotes"],
    ["a long dash", fileWith({}).replace("- name", "— name"), 3, 3, "— name: backup", "place of the long dash"],
    ["overlap as a flag", fileWith({ overlap: "true" }), 6, 14, "true", "write allow or skip"],
    ["missed as a number", fileWith({ missed: "6" }), 6, 13, "6", "run within 6 hours"],
    [
      "missed within too short a time",
      fileWith({ missed: "run within 59 seconds" }),
      6,
      13,
      "run within 59 seconds",
      "run within",
    ],
    [
      "missed within too long a time",
      fileWith({ missed: "run within 2 days" }),
      6,
      13,
      "run within 2 days",
      "run within",
    ],
    ["missed within no time", fileWith({ missed: "run within a day" }), 6, 13, "run within a day", "run within"],
    ["data that is no JSON", fileWith({ data: "[.nan]" }), 6, 11, "[.nan]", "JSON can hold"],
    ["data within itself", fileWith({ data: "&d [*d]" }), 6, 14, "[*d]", "JSON can hold"],
    ["an alias of nothing", fileWith({ data: "*none" }), 6, 11, "*none", "JSON can hold"],
    ["a key twice", fileWith({}).concat("    url: /other\n"), 6, 5, "url: /other", "mend the YAML"],
    ["two documents", fileWith({}).concat("---\nversion: 1\n"), 6, 1, "---", "one document"],
  ])("%s", (_, text, line, column, given, fix) => {
    expect(problemsOf(text)).toEqual([
      {
        file: "cron.yaml",
        line,
        column,
        given,
        allowed: expect.stringMatching(/\w/),
        fix: expect.stringContaining(fix),
      },
    ]);
  });

  test("a missing key is reported where its entry starts", () => {
    const found = problemsOf("version: 1\ncron:\n  - name: a\n  - url: /b\n    schedule: '@daily'\n");
    expect(found.map(({ line, column, given }) => ({ line, column, given }))).toEqual([
      { line: 3, column: 5, given: "no url" },
      { line: 3, column: 5, given: "no schedule" },
      { line: 4, column: 5, given: "no name" },
    ]);
  });

  test("a repeated name is reported with the line of the first", () => {
    const [found] = problemsOf(`${fileWith({})}  - { name: backup, url: /other, schedule: "@daily" }\n`);
    expect(found).toMatchObject({ line: 6, column: 13, given: '"backup"' });
    expect(found?.allowed).toContain("line 3");
  });

  test("all of every entry are reported at once, in the file's order", () => {
    const text = [
      "version: 2",
      "cron:",
      "  - { name: a, url: a, schedule: '60 24 * * *', enabled: 1 }",
      "  - { name: a, url: /a, schedule: 5, timezone: Nowhere }",
    ].join("\n");
    expect(problemsOf(text).map(({ line, column }) => [line, column])).toEqual([
      [1, 10],
      [3, 21],
      [3, 35],
      [3, 38],
      [3, 58],
      [4, 13],
      [4, 35],
      [4, 48],
    ]);
  });

  test("aliases that multiply are refused, not followed", () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? "x0: &x0 [a, a]"
        : `x${level}: &x${level} [${Array(9)
            .fill(`*x${level - 1}`)
            .join(", ")}]`,
    );
    expect(problemsOf(`${levels.join("\n")}\n${fileWith({ data: "*x11" })}`)).toMatchObject([
      { given: "[*x10, *x10, *x10, *x10, *x10, *x10, *x10, *x10, *x10]" },
    ]);
  });
});

test("any text is schedules or problems that lie in it, and is never thrown at", () => {
  const bits = [
    "version: 1",
    "\n",
    "cron:",
    "  - ",
    "name: a",
    "url: /a",
    'schedule: "',
    "* * * * *",
    '"',
    "&a ",
    "*a",
    "<<: *a",
    "[",
    "{",
    "? ",
    "!!x ",
    "|",
    ">-",
    "---",
    "data: ",
    "missed: ",
    "run within 6 hours",
    "overlap: skip",
    "— ",
    "“",
    "%YAML 1.1\n---\n",
    "\t",
    "\r\n",
    "@daily",
    "\u0000",
    "\ufeff",
  ];
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom(...bits), { maxLength: 40 }).map((each) => each.join("")),
  );
  fc.assert(
    fc.property(text, (each) => {
      const read = readCronYaml(each, "cron.yaml");
      const lines = each.split("\n").length;
      const places = read.kind === "errors" ? read.errors : read.schedules;
      if (read.kind === "errors") expect(places.length).toBeGreaterThan(0);
      for (const { line, column } of places) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines);
        expect(column).toBeGreaterThanOrEqual(1);
      }
    }),
    { numRuns: 1000 },
  );
});

test("nesting deeper than the stack is a problem of the file", () => {
  expect(problemsOf(fileWith({ data: "[".repeat(20_000) })).length).toBeGreaterThan(0);
  expect(problemsOf(fileWith({ data: "[".repeat(700) + "]".repeat(700) })).length).toBeLessThanOrEqual(1);
});
