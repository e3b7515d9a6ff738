// Runs one bench in this process, which the harness has started: node one.ts NAME [--short]. Ends with the harness.
import type { BenchReport, Row } from "../bench.ts";
import { importBench } from "./find.ts";
import type { Told } from "./process.ts";

process.on("disconnect", () => {
  // What this process has started is in its group, and hears both.
  process.on("SIGINT", () => {});
  process.kill(0, "SIGINT");
  setTimeout(() => process.kill(0, "SIGKILL"), 3_000);
});

const [name = "", form] = process.argv.slice(2);
const tell = (told: Told): Promise<void> =>
  new Promise((resolve) => process.send?.(JSON.stringify(told), () => resolve()));
const context = { progress: (line: string): void => void tell({ kind: "progress", line }) };

try {
  const bench = await importBench(name);
  const report = await (form === "--short" ? bench.runShort?.(context) : bench.run(context));
  if (report === undefined) throw new Error(`${name} has no short form`);
  await tell({ kind: "measured", report: finite(report) });
} catch (error) {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  await tell({ kind: "failed", error: error instanceof Error ? error.message : String(error), stack });
}
process.exit();

/** Without what this system does not tell, e.g. the processor time of another process. */
function finite(report: BenchReport): BenchReport {
  const rows = report.rows
    .filter(({ value }) => Number.isFinite(value))
    .map((row): Row => {
      const { ratios = [], ...rest } = row;
      const told = ratios.filter(({ ratio }) => Number.isFinite(ratio));
      return told.length === 0 ? rest : { ...rest, ratios: told };
    });
  const left = report.rows.length - rows.length;
  if (left === 0) return { ...report, rows };
  const note = `${left} figures that could not be measured on this system are left out.`;
  return { ...report, rows, notes: [...(report.notes ?? []), note] };
}
