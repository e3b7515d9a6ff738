// Sends bad requests of every kind to `tendril aws`, and ends with 1 at the first thing that the server must not do: a
// crash, a status of 500 or more, an answer that is no AWS error, a word on standard error, memory without bound.
//
//   node scripts/wire-fuzz.ts [--seconds N] [--seed S]
import { parseArgs } from "node:util";
import { startAws, temporaryFolder } from "../test/support/aws-process.ts";
import { fuzz } from "../test/support/wire-fuzz/fuzz.ts";
import { operations } from "../test/support/wire-fuzz/operations.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
const startedMs = Date.now();
console.log(`${seconds} s, seed ${seed}`);

const folder = await temporaryFolder();
const aws = await startAws({ folder: folder.path });
let shownMs = 0;
const result = await fuzz({
  aws,
  seed,
  requestsPerRound: 400,
  goesOn: () => Date.now() - startedMs < seconds * 1000,
  log(line) {
    if (Date.now() - shownMs < 10_000) return;
    shownMs = Date.now();
    console.log(line);
  },
});
await aws.kill();
await folder.remove();
const never = operations.map(({ name }) => name).filter((name) => !result.succeeded.has(name));
console.log(
  `${result.requests} requests in ${((Date.now() - startedMs) / 60_000).toFixed(1)} min, ${result.rounds} rounds; answers by status ` +
    `${JSON.stringify(result.statuses)}; memory ${(result.largestMemoryBytes / 1024 / 1024).toFixed(0)} MiB at most; never successful: ${never.join(", ") || "none"}`,
);
if (result.problems.length > 0) {
  console.error(`${result.problems.length} problems with seed ${seed}:\n${result.problems.join("\n")}`);
  process.exit(1);
}
