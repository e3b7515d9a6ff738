import { join } from "node:path";
import { temporaryFolder } from "../../test/support/aws-process.ts";
import type { Bench, BenchReport, Ratio, Row } from "../../test/support/bench/bench.ts";
import { type Bundle, bundleFunction } from "../../test/support/bench/bundle.ts";
import { bundleBudgets, unwantedAtStart } from "../../test/support/bench/bundle-budget.ts";

/** Bytes of what is deployed. */
export const bench: Bench = {
  name: "bundles",
  compares:
    "the bytes and modules that each function reads at a cold start, and all it has, beside their budgets and the same by hand",
  run: measure,
  runShort: measure,
};

const byHand: Readonly<Record<string, string>> = { worker: "by-hand-worker", api: "by-hand-api" };

async function measure(): Promise<BenchReport> {
  const folder = await temporaryFolder();
  try {
    const rows: Row[] = [];
    const unwanted: Row[] = [];
    for (const [name, budget] of Object.entries(bundleBudgets)) {
      const bundle = await bundleFunction(`packages/functions/src/${name}.ts`, join(folder.path, name));
      const [atStart, all] = [kilobytesOf(bundle, bundle.loadedAtStart), kilobytesOf(bundle, bundle.files)];
      const peer = await peerKilobytes(name, folder.path);
      const ratios = (value: number): Ratio[] =>
        peer === undefined ? [] : [{ to: "by hand, in one file", ratio: value / peer }];
      rows.push(
        {
          figure: `${name}, read at a cold start`,
          value: atStart,
          unit: "kB",
          atMost: budget.startKilobytes,
          ratios: ratios(atStart),
        },
        { figure: `${name}, all of it`, value: all, unit: "kB", atMost: budget.allKilobytes, ratios: ratios(all) },
      );
      unwanted.push({
        figure: `${name}, read at a cold start though no start needs it`,
        value: unwantedAtStart(bundle, budget).length,
        unit: "modules",
        atMost: 0,
      });
    }
    return { rows: [...rows, ...unwanted] };
  } finally {
    await folder.remove();
  }
}

/** Of the same by hand, without splitting, as SST would have it. */
async function peerKilobytes(name: string, folder: string): Promise<number | undefined> {
  const peer = byHand[name];
  if (peer === undefined) return undefined;
  const bundle = await bundleFunction(`scripts/bench/cold-start/${peer}.ts`, join(folder, peer), { splitting: false });
  return kilobytesOf(bundle, bundle.files);
}

function kilobytesOf({ metafile }: Bundle, files: readonly string[]): number {
  return files.reduce((total, name) => total + (metafile.outputs[name]?.bytes ?? Number.NaN), 0) / 1000;
}
