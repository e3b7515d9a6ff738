import type { Bench } from "../../test/support/bench/bench.ts";
import { fillLedger, openLedgerTables } from "../../test/support/bench/scale-ledger.ts";
import { type LedgerCalls, ledgerCalls } from "../../test/support/bench/scale-ledger-calls.ts";
import { type Curve, createCurve, microseconds } from "./scale/curve.ts";

const sizes = [1_000, 1_000_000];
const rounds = 9;

/** What a call of the ledger costs, by how many rows it has. */
export const bench: Bench = {
  name: "scale-ledger",
  compares: "each call of the ledger and of the job store with a thousand rows and with a million",
  async run({ progress }) {
    const tables = await openLedgerTables();
    const curve = createCurve();
    try {
      const calls = ledgerCalls(tables);
      await tables.query("analyze");
      await measure(createCurve(), calls, 0, "");
      for (const size of sizes) {
        progress(`${size} rows`);
        await tables.query(`truncate ${names.join(", ")}`);
        await tables.query("analyze");
        await fillLedger(tables, size);
        // Whoever reads a row first notes that it is committed.
        for (const name of names) await tables.query(`select count(*) from ${name}`);
        await measure(curve, calls, size, " (statistics of the empty ledger)");
        await tables.query("vacuum analyze");
        await measure(curve, calls, size, "");
      }
      return { rows: curve.rows(), notes };
    } finally {
      await tables.close();
    }
  },
};

const names = ["jobs", "failed_attempts", "starts", "outbox", "keys"].map((name) => `tendril.${name}`);

const notes = ["Each call in one session of Postgres, without the Data API before it."];

async function measure(curve: Curve, calls: LedgerCalls, size: number, statistics: string): Promise<void> {
  await calls.find();
  for (const [name, call] of [...calls.work, ...calls.pages]) {
    curve.add(`${name}${statistics}`, "µs", size, await microseconds(rounds, 1, call));
  }
}
