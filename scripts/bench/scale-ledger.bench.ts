import type { Bench } from "../../test/support/bench/bench.ts";
import { fillLedger, type LedgerTables, openLedgerTables } from "../../test/support/bench/scale-ledger.ts";
import { type LedgerCalls, ledgerCalls } from "../../test/support/bench/scale-ledger-calls.ts";
import { type Curve, createCurve, microseconds } from "./scale/curve.ts";

const sizes = [100_000, 1_000_000];
const rounds = 15;

/** What a call of the ledger costs, by how many rows it has. */
export const bench: Bench = {
  name: "scale-ledger",
  compares: "each call of the ledger and of the job store on an empty ledger and with a million rows",
  async run({ progress }) {
    const tables = await openLedgerTables();
    const curve = createCurve();
    try {
      const calls = ledgerCalls(tables);
      await tables.query("analyze");
      await measure(createCurve(), calls, 0, "");
      for (const statistics of ["", " (statistics of the empty ledger)"]) {
        progress("an empty ledger");
        await empty(tables);
        await measure(curve, calls, 0, statistics);
        for (const size of sizes) {
          progress(`${size} rows${statistics}`);
          await empty(tables);
          await fillLedger(tables, size);
          if (statistics === "") await tables.query("vacuum analyze");
          await calls.find();
          await measure(curve, calls, size, statistics);
        }
      }
      return { rows: curve.rows(), notes };
    } finally {
      await tables.close();
    }
  },
};

const notes = [
  "Each call in one session of Postgres, without the Data API before it. The ratio of a page of jobs to that of an empty\nledger is that of a page to none: hold it against the other sizes.",
];

async function empty(tables: LedgerTables): Promise<void> {
  await tables.query("truncate tendril.jobs, tendril.failed_attempts, tendril.starts, tendril.outbox, tendril.keys");
  await tables.query("analyze");
}

async function measure(curve: Curve, calls: LedgerCalls, size: number, statistics: string): Promise<void> {
  for (const [name, call] of [...calls.work, ...calls.pages]) {
    curve.add(`${name}${statistics}`, "µs", size, await microseconds(rounds, 1, call));
  }
}
