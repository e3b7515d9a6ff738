// Runs the benchmarks, and writes a table and JSON. `node scripts/bench.ts --help` says how.
// Nothing here is absolute: the machine does other work too. Hold figures against their pair, within one run.
import { benchNames, findBenches } from "../test/support/bench/harness/find.ts";
import { runBenches } from "../test/support/bench/harness/run.ts";
import { chooseNames, chooseShort, readWords, usage } from "../test/support/bench/harness/words.ts";

const words = readWords(process.argv.slice(2));
switch (words.kind) {
  case "help":
    console.log(usage);
    break;
  case "wrong":
    refuse(`${words.why}\n\n${usage}`);
    break;
  case "list":
    for (const { name, compares } of await findBenches(benchNames())) console.log(`${name.padEnd(16)} ${compares}`);
    break;
  case "run": {
    const names = chooseNames(benchNames(), words.names);
    if (typeof names === "string") {
      refuse(names);
      break;
    }
    const benches = await findBenches(names);
    const chosen = words.short ? chooseShort(benches, words.names.length > 0) : benches;
    if (typeof chosen === "string") refuse(chosen);
    else process.exitCode = await runBenches(chosen, words);
  }
}

function refuse(why: string): void {
  console.error(why);
  process.exitCode = 2;
}
