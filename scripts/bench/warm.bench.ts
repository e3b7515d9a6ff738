import { join } from "node:path";
import { temporaryFolder } from "../../test/support/aws-process.ts";
import type { Bench, Ratio, Row } from "../../test/support/bench/bench.ts";
import { bundleFunction } from "../../test/support/bench/bundle.ts";
import { measureInTurn, medianOf, ratioOf, spreadOf } from "../../test/support/bench/statistics.ts";
import { type Lane, openLane, type Round } from "./warm/lane.ts";

const rounds = 11;
const floor = "bare loop";
const peer = "full stack by hand, no tracer";

/** Entry points in scripts/bench/warm, by their names. */
const ways = [
  [floor, "bare"],
  ["Powertools batch", "batch"],
  ["Powertools batch and parser, innerSchema", "batch-parser-inner"],
  ["Powertools batch and parser, schema", "batch-parser"],
  [peer, "by-hand-untraced"],
  ["worker", "worker"],
] as const;

type Found = ReadonlyMap<string, readonly Round[]>;

/** What a record costs beside its job, in a warm process. */
export const bench: Bench = {
  name: "warm",
  compares:
    "a no-op job in the worker (at-least-once; checked, two log lines, metrics) beside Powertools' batch, its parser, the full stack by hand, and a bare loop",
  async run({ progress }) {
    const folder = await temporaryFolder();
    const lanes: Lane[] = [];
    try {
      for (const [name, entry] of ways) {
        const { file } = await bundleFunction(`scripts/bench/warm/${entry}.ts`, join(folder.path, entry));
        lanes.push(await openLane(name, file, 128));
      }
      progress("warming up");
      for (const lane of lanes) for (const size of [10, 1]) await lane.measure(5_000, size);
      const inTens = await measureRounds(lanes, 10, progress);
      const alone = await measureRounds(lanes, 1, progress);
      const rows = [...rowsOf("in batches of 10", inTens), ...rowsOf("in batches of 1", alone)];
      return { rows: [...rows, ...(await measureMemory(folder.path, progress))], notes };
    } finally {
      for (const lane of lanes) lane.close();
      await folder.remove();
    }
  },
};

const notes = [
  "Each way has a process of its own and a bundle as SST makes it; lines and metric documents go to /dev/null, and parsing\nthe event is the runtime's work. The tracer is left out: it keeps every segment that no X-Ray daemon takes.",
];

function measureRounds(lanes: readonly Lane[], size: number, progress: (line: string) => void): Promise<Found> {
  return measureInTurn(lanes, rounds, (lane, round) => {
    if (lane === lanes[0] && round % 5 === 0) progress(`batches of ${size}: round ${round + 1} of ${rounds}`);
    return lane.measure(2_000, size);
  });
}

function rowsOf(how: string, found: Found): Row[] {
  const row = (figure: string, name: string, unit: string, value: (round: Round) => number): Row => {
    const valuesOf = (of: string): number[] => (found.get(of) ?? []).map(value);
    const values = valuesOf(name);
    const ratios = [floor, peer]
      .filter((to) => to !== name)
      .map((to): Ratio => ({ to, ratio: ratioOf(values, valuesOf(to)) }));
    return { figure: `${figure} ${how}: ${name}`, value: medianOf(values), unit, spread: spreadOf(values), ratios };
  };
  const names = ways.map(([name]) => name);
  return [
    ...names.map((name) => row("a record", name, "µs", ({ cpuMicroseconds }) => cpuMicroseconds)),
    ...names.map((name) => row("allocated for a record", name, "bytes", ({ heapBytes }) => heapBytes)),
  ];
}

/** The worker's memory over a million records, as Lambda runs it: with Node's own ideas of when to collect. */
async function measureMemory(folder: string, progress: (line: string) => void): Promise<Row[]> {
  const lane = await openLane("worker", join(folder, "worker", "bundle.mjs"), 16);
  const megabytes: number[] = [];
  for (let tenth = 1; tenth <= 10; tenth += 1) {
    progress(`a million records: ${tenth} of 10`);
    for (let part = 0; part < 10; part += 1) megabytes[tenth - 1] = (await lane.measure(10_000, 10)).residentMb;
  }
  lane.close();
  const [first = Number.NaN] = megabytes;
  return [1, 3, 5, 10].map((tenth) => {
    const value = megabytes[tenth - 1] ?? Number.NaN;
    const last = megabytes.at(-1) ?? Number.NaN;
    const ratios =
      tenth === 1 ? [{ to: "after a million", ratio: value / last }] : [{ to: "after 100,000", ratio: value / first }];
    return { figure: `worker's memory after ${tenth}00,000 records`, value, unit: "MB", ratios };
  });
}
