import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/aws-process.ts";
import type { Bench, Ratio, Row } from "../../test/support/bench/bench.ts";
import { bundleFunction } from "../../test/support/bench/bundle.ts";
import { measureInTurn, medianOf, ratioOf, spreadOf } from "../../test/support/bench/statistics.ts";
import { openPlace } from "./cold-start/place.ts";
import { type Start, startCold } from "./cold-start/start.ts";
import { floor, peers, type Way, ways } from "./cold-start/ways.ts";

const rounds = 15;

/** Cold starts, each in a process of its own. */
export const bench: Bench = {
  name: "cold-start",
  compares:
    "worker and API beside the same by hand with middy, Powertools, zod and both SDK clients; and beside floors",
  async run({ progress }) {
    const folder = await temporaryFolder();
    const place = await openPlace();
    try {
      const measure = async (way: Way, round: number): Promise<Start> => {
        if (way === ways[0] && round % 5 === 0) progress(`round ${round + 1} of ${rounds}`);
        const event = place.eventFor(way);
        const start = await startCold({
          bundle: join(folderOf(folder.path, way), "bundle.mjs"),
          ...(event === undefined ? {} : { event }),
          env: { ...place.env, ...envOf(way, folder.path) },
        });
        check(way, start);
        return start;
      };
      progress("bundling");
      for (const way of ways) await makeBundle(folder.path, way);
      // The machine's file cache and the compile caches are warm afterwards, for all.
      progress("warming up");
      for (const way of ways) await measure(way, 1);
      return { rows: rowsOf(await measureInTurn(ways, rounds, measure)), notes };
    } finally {
      await place.close();
      await folder.remove();
    }
  },
};

const notes = [
  `Medians of ${rounds} processes each, in turn. "ready" is the handler imported, over the empty handler's; "first" is its first\nevent answered by the local AWS, over the empty handler's start. "processor" is the time on all threads until ready.`,
];

const folderOf = (folder: string, { source, sourcemap = false, splitting = false }: Way): string =>
  join(folder, source.replaceAll("/", "-") + (sourcemap ? "-mapped" : "") + (splitting ? "-split" : ""));

async function makeBundle(folder: string, way: Way): Promise<void> {
  const { sourcemap = false, splitting = false } = way;
  await bundleFunction(way.source, folderOf(folder, way), { sourcemap, splitting });
  if (way.compileCache) await mkdir(join(folder, "cache"), { recursive: true });
}

const envOf = ({ nodeOptions, compileCache }: Way, folder: string): Record<string, string> => ({
  ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions }),
  ...(compileCache ? { NODE_COMPILE_CACHE: join(folder, "cache") } : {}),
});

/** A job that failed would be a fast one. */
function check({ name, event }: Way, { answer }: Start): void {
  const text = JSON.stringify(answer);
  const good =
    event === "none" || (event === "job" ? text === '{"batchItemFailures":[]}' : text.includes('"statusCode":202'));
  if (!good) throw new Error(`${name} answered ${text}`);
}

function rowsOf(found: ReadonlyMap<string, readonly Start[]>): Row[] {
  const over = (name: string, figure: (start: Start) => number): number[] => {
    const base = medianOf((found.get(floor) ?? []).map(figure));
    return (found.get(name) ?? []).map((start) => figure(start) - base);
  };
  const ready = (name: string): number[] => over(name, ({ readyMs }) => readyMs);
  const first = (name: string): number[] => {
    const base = medianOf((found.get(floor) ?? []).map(({ readyMs }) => readyMs));
    return (found.get(name) ?? []).map(({ answeredMs }) => answeredMs - base);
  };
  const cpu = (name: string): number[] => over(name, ({ cpuMs }) => cpuMs);
  const peak = (name: string): number[] => (found.get(name) ?? []).map(({ peakMb }) => peakMb);
  const row = (figure: string, way: Way, unit: string, values: (name: string) => number[]): Row => ({
    figure: `${figure}: ${way.name}`,
    value: medianOf(values(way.name)),
    unit,
    spread: spreadOf(values(way.name)),
    ratios: ratiosOf(way, values),
  });
  const others = ways.filter(({ event }) => event !== "none");
  return [
    ...others.map((way) => row("ready", way, "ms", ready)),
    ...others.map((way) => row("first", way, "ms", first)),
    ...others.map((way) => row("processor", way, "ms", cpu)),
    ...ways.map((way) => row("peak memory", way, "MB", peak)),
  ];
}

function ratiosOf(way: Way, values: (name: string) => number[]): Ratio[] {
  const peer = way.event === "request" ? peers.request : peers.job;
  return [peer, ...(way.event === "job" ? ["both SDK clients alone"] : [])]
    .filter((name) => name !== way.name)
    .map((to) => ({ to, ratio: ratioOf(values(way.name), values(to)) }));
}
