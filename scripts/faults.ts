// The fault campaign: jobs that insert a row, enqueue a follow-up and sometimes fail, on a whole tier under every fault of
// the chaos mode, with processes killed at each step. At the end every job is done or dead, every effect and every
// follow-up happened once.
// node scripts/faults.ts [--jobs N] [--seeds N] [--seed TEXT]
//   --jobs   jobs a seed, follow-ups included (10,000)
//   --seeds  how many seeds, one after the other (1)
//   --seed   the first seed; the others are TEXT-2, TEXT-3 … (made of the time)
import { parseArgs } from "node:util";
import { runCampaign } from "../test/support/faults/campaign.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "10000" },
    seeds: { type: "string", default: "1" },
    seed: { type: "string", default: Date.now().toString(36) },
  },
});

let broken = 0;
for (let number = 1; number <= Number(values.seeds); number += 1) {
  const seed = number === 1 ? values.seed : `${values.seed}-${number}`;
  console.log(`seed ${seed} (${number} of ${values.seeds}): ${values.jobs} jobs`);
  try {
    const { verdict, faults, seconds, minutes } = await runCampaign({
      seed,
      parents: Math.ceil(Number(values.jobs) / 1.8),
      tricks: 2,
      longestSeconds: 120 + Number(values.jobs) / 5,
      onProgress: (text) => console.log(`  · ${text}`),
    });
    const { problems, done, dead, letters } = verdict;
    const struck = [...faults.values()].reduce((sum, count) => sum + count, 0);
    console.log(
      `  ${done} jobs done, ${dead} dead, in ${seconds.toFixed(0)} s (${minutes.toFixed(0)} min of AWS's time)`,
    );
    console.log(`  dead letters: ${worded(letters)}`);
    console.log(`  ${struck} faults: ${worded(faults)}`);
    for (const problem of problems.slice(0, 20)) console.log(`  BROKEN: ${problem}`);
    if (problems.length > 0) broken += 1;
  } catch (error) {
    broken += 1;
    console.log(`  BROKEN: ${error instanceof Error ? error.message : String(error)}`);
  }
}
console.log(broken === 0 ? "every promise was kept" : `${broken} seeds with broken promises`);
process.exitCode = broken === 0 ? 0 : 1;

function worded(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}
