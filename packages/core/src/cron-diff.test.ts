import { expect, test } from "vitest";
import { diffSchedules } from "./cron-diff.ts";
import { type CronEntry, readCronYaml } from "./cron-yaml.ts";

const fromMs = Date.parse("2027-01-01");

function entries(...lines: string[]): readonly CronEntry[] {
  const read = readCronYaml(`version: 1\ncron: [${lines.map((line) => `{ ${line} }`).join(", ")}]`, "cron.yaml");
  if (read.kind === "errors") throw new Error(JSON.stringify(read.errors));
  return read.schedules;
}

const daily = 'name: a, url: /a, schedule: "@daily"';

test("the same schedules in another order are no change", () => {
  const other = 'name: b, url: /b, schedule: "@hourly"';
  expect(diffSchedules(entries(daily, other), entries(other, daily), { fromMs })).toEqual([]);
});

test("tasks come, go and change by name, with their runs in four weeks", () => {
  const before = entries(daily, 'name: gone, url: /x, schedule: "@weekly"');
  const after = entries('name: new, url: /x, schedule: "0 12 * * *"', daily.replace("@daily", "0 */12 * * *"));
  const changes = diffSchedules(before, after, { fromMs });
  expect(changes).toMatchObject([
    { kind: "added", entry: { name: "new" }, runs: 28 },
    {
      kind: "changed",
      name: "a",
      fields: [{ key: "schedule", from: '"@daily"', to: '"0 */12 * * *"' }],
      runs: { before: 28, after: 56, lost: [] },
    },
    { kind: "removed", entry: { name: "gone" }, runs: 4 },
  ]);
  const [, changed] = changes;
  expect(changed?.kind === "changed" && changed.runs.gained).toHaveLength(28);
});

test("an expression written otherwise changes no run", () => {
  const [change] = diffSchedules(entries(daily), entries(daily.replace("@daily", "0 0 * * *")), { fromMs });
  expect(change).toMatchObject({ runs: { lost: [], gained: [] } });
});

test("a time zone moves runs, and a task that is switched off has none", () => {
  const moved = diffSchedules(entries(daily), entries(`${daily}, timezone: Asia/Tokyo`), { fromMs });
  expect(moved).toMatchObject([{ fields: [{ key: "timezone", from: "nothing", to: '"Asia/Tokyo"' }] }]);
  expect(moved[0]?.kind === "changed" && moved[0].runs.lost).toHaveLength(28);
  const off = diffSchedules(entries(daily), entries(`${daily}, enabled: false`), { fromMs });
  expect(off).toMatchObject([{ fields: [{ key: "enabled", from: "nothing", to: "false" }], runs: { after: 0 } }]);
});
