// Sends requests of every kind, right and wrong, to the API behind the local HTTP API, with its queues and its ledger; ends
// with 1 when it did what it must not: a status of 500 or more, an answer that its document does not allow, a job made or
// lost by a refused request.
//
//   node scripts/api-fuzz.ts [--cases N] [--seed S]
import { parseArgs } from "node:util";
import { fuzzApi } from "../test/support/api-fuzz/fuzz.ts";
import { startApi } from "../test/support/api-fuzz/running-api.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "5000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
const startedMs = Date.now();
console.log(`${cases} cases, seed ${seed}`);

const api = await startApi();
let shownMs = 0;
const result = await fuzzApi({
  api,
  cases,
  seed,
  log(line) {
    if (Date.now() - shownMs < 10_000) return;
    shownMs = Date.now();
    console.log(line);
  },
});
await api.close();
const operations = Object.values(api.document.paths).flatMap((item) => Object.values(item));
const never = operations.map(({ operationId }) => operationId).filter((id) => !result.succeeded.has(id));
console.log(
  `${result.cases} cases in ${((Date.now() - startedMs) / 60_000).toFixed(1)} min; answers by status ` +
    `${JSON.stringify(result.statuses)}; refusals ${JSON.stringify(result.codes)}; never successful: ${never.join(", ") || "none"}`,
);
if (result.problems.length > 0) {
  console.error(`${result.problems.length} problems with seed ${seed}:\n${result.problems.join("\n")}`);
  process.exit(1);
}
