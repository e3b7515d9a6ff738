// Compares what AWS runs for generated schedules with Elastic Beanstalk's rule, minute by minute over four years with a
// leap day, in UTC and in time zones across all their clock changes. Ends with 1 at the first difference.
//
//   node scripts/cron-campaign.ts [--expressions 100] [--seed 1] [--times-a-day 100]
//
// Every minute is compared, whatever the schedule; a schedule with more times a day only takes longer to evaluate.
import { parseArgs } from "node:util";
import { parseCron } from "@tendril/core/cron";
import fc from "fast-check";
import { compareMinutes, cronOf } from "../test/support/cron/compare.ts";
import { expression } from "../test/support/cron/expressions.ts";

const { values } = parseArgs({
  options: {
    expressions: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    "times-a-day": { type: "string", default: "100" },
  },
});
const [count, seed, mostTimes] = [Number(values.expressions), Number(values.seed), Number(values["times-a-day"])];
const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo"];
const fourYears = { fromMs: Date.parse("2026-01-01"), toMs: Date.parse("2030-01-01") };

const wanted = expression.filter((text) => {
  const parsed = parseCron(text);
  return parsed.kind === "cron" && parsed.cron.minutes.length * parsed.cron.hours.length <= mostTimes;
});
const sample = fc.sample(wanted, { numRuns: count, seed });
const startedMs = Date.now();
let [minutes, runs, comparisons] = [0, 0, 0];
for (const [index, text] of sample.entries()) {
  // Every expression in UTC; every fourth in a zone too, the zones taking turns.
  const zone = index % 4 === 0 ? [zones[(index / 4) % zones.length] ?? "UTC"] : [];
  for (const timezone of ["UTC", ...zone]) {
    const compared = compareMinutes(cronOf(text), timezone, fourYears);
    minutes += compared.minutes;
    runs += compared.runs;
    comparisons += 1;
    if (compared.differences.length > 0) {
      console.error(`${text} in ${timezone}:`, compared.differences);
      process.exit(1);
    }
  }
}
const seconds = Math.round((Date.now() - startedMs) / 1000);
console.log(
  `${sample.length} expressions (seed ${seed}, at most ${mostTimes} times a day), ${comparisons} comparisons over four years, ${minutes.toLocaleString("en")} minutes, ${runs.toLocaleString("en")} runs: no difference (${seconds} s)`,
);
