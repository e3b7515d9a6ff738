// Runs the benchmarks, and writes a table and JSON.
// node scripts/bench.ts [NAME …] [--short] [--json FILE]
//   NAME      which; default all. `--list` names them.
//   --short   only what is the same on every machine (calls, bytes, contents); ends with 1 when one exceeds its budget
//   --json    where the figures go, default bench.json
// Nothing here is absolute: the machine does other work too. Hold figures against their pair, within one run.
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { exceeded } from "../test/support/bench/bench.ts";
import { findBenches } from "./bench/find.ts";
import { wordMachine } from "./bench/machine.ts";
import { tableOf } from "./bench/table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    json: { type: "string", default: "bench.json" },
  },
});

const all = await findBenches();
if (values.list) {
  for (const { name, compares } of all) console.log(`${name.padEnd(16)} ${compares}`);
  process.exit();
}
const unknown = positionals.filter((name) => !all.some((bench) => bench.name === name));
if (unknown.length > 0) {
  console.error(`There is no bench ${unknown.join(", ")}. There are ${all.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}

const machine = wordMachine();
console.log(machine);
const chosen = all
  .filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  .filter(({ runShort }) => !values.short || runShort !== undefined);
const results = [];
let tooMuch = 0;
for (const bench of chosen) {
  console.log(`\n${bench.name}: ${bench.compares}`);
  const progress = (line: string): void => console.log(`· ${line}`);
  const {
    rows,
    notes = [],
    found,
  } = await ((values.short && bench.runShort?.({ progress })) || bench.run({ progress }));
  if (rows.length > 0) console.log(`\n${tableOf(rows)}`);
  for (const note of notes) console.log(`\n${note}`);
  for (const { figure, value, unit, atMost } of exceeded(rows)) {
    console.error(`${bench.name}: ${figure} is ${value} ${unit}, and may be ${atMost}`);
    tooMuch += 1;
  }
  results.push({ bench: bench.name, compares: bench.compares, rows, notes, found });
}
await writeFile(values.json, `${JSON.stringify({ machine, short: values.short, results }, undefined, 2)}\n`);
console.log(`\nThe machine did other work too: hold figures against their pair, within this run. JSON: ${values.json}`);
process.exitCode = tooMuch === 0 ? 0 : 1;
