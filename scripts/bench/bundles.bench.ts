import { join } from "node:path";
import { temporaryFolder } from "../../test/support/aws-process.ts";
import type { Bench, BenchReport, Row } from "../../test/support/bench/bench.ts";
import { bundleFunction } from "../../test/support/bench/bundle.ts";
import { bundleBudgets } from "../../test/support/bench/bundle-budget.ts";

/** Bytes of what is deployed. */
export const bench: Bench = {
  name: "bundles",
  compares:
    "the kilobytes that each function reads at a cold start, and all it has, beside the same by hand, and their budgets",
  run: measure,
  runShort: measure,
};

const byHand: Readonly<Record<string, string>> = { worker: "by-hand-worker", api: "by-hand-api" };

async function measure(): Promise<BenchReport> {
  const folder = await temporaryFolder();
  try {
    const rows: Row[] = [];
    for (const [name, { startKilobytes, allKilobytes }] of Object.entries(bundleBudgets)) {
      const { atStart, all } = await kilobytesOf(`packages/functions/src/${name}.ts`, join(folder.path, name), true);
      const peer = byHand[name];
      const source = `scripts/bench/cold-start/${peer}.ts`;
      const peers = peer === undefined ? undefined : await kilobytesOf(source, join(folder.path, peer), false);
      const ratios = peers === undefined ? [] : [{ to: "by hand, in one file", ratio: atStart / peers.all }];
      rows.push({ figure: `${name}, at a cold start`, value: atStart, unit: "kB", atMost: startKilobytes, ratios });
      rows.push({ figure: `${name}, all of it`, value: all, unit: "kB", atMost: allKilobytes });
    }
    return { rows };
  } finally {
    await folder.remove();
  }
}

async function kilobytesOf(
  source: string,
  folder: string,
  splitting: boolean,
): Promise<{ atStart: number; all: number }> {
  const { metafile, loadedAtStart, files } = await bundleFunction(source, folder, { splitting });
  const sum = (names: readonly string[]): number =>
    names.reduce((total, name) => total + (metafile.outputs[name]?.bytes ?? Number.NaN), 0) / 1000;
  return { atStart: sum(loadedAtStart), all: sum(files) };
}
