import { type Load, type LoadLane, type LoadWay, loadWays, openLoad } from "../../test/support/bench/api-load.ts";
import type { Shot } from "../../test/support/bench/api-load-cannon.ts";
import type { Bench, Row } from "../../test/support/bench/bench.ts";
import { measureInTurn, medianOf, ratioOf, spreadOf } from "../../test/support/bench/statistics.ts";

const rounds = 5;

/** Connections, and requests of a round. A function's environment is a process for each request at once: 64 are too many. */
const volleys = [
  { connections: 1, requests: 200, ways: loadWays },
  { connections: 8, requests: 600, ways: loadWays },
  { connections: 64, requests: 1200, ways: loadWays.slice(0, 4) },
] as const;

const lists = [
  { jobs: 1, requests: 100 },
  { jobs: 10, requests: 40 },
  { jobs: 100, requests: 10 },
  { jobs: 1000, requests: 3 },
] as const;

type Found = ReadonlyMap<string, readonly (Shot & { readonly cpuMicroseconds: number })[]>;

/** What a request to enqueue costs, layer by layer. */
export const bench: Bench = {
  name: "api-load",
  compares:
    "POST /jobs of the API beside Hono by hand, which sends the same message and checks nothing: without a message, with it, and as functions behind the local HTTP API",
  async run({ progress }) {
    const load = await openLoad();
    try {
      const lanes: LoadLane[] = [];
      for (const way of loadWays) lanes.push(await load.openLane(way));
      const sent = new Map<LoadWay, number>();
      const measure = async (lane: LoadLane, connections: number, requests: number) => {
        const shot = await lane.measure({ connections, requests, jobs: 1 });
        if (shot.lost > 0 || shot.statuses[202] !== requests) throw new Error(`${lane.name}: ${JSON.stringify(shot)}`);
        sent.set(lane.name, (sent.get(lane.name) ?? 0) + requests);
        return shot;
      };
      progress("warming up");
      for (const lane of lanes) await measure(lane, 8, 600);
      const rows: Row[] = [];
      for (const { connections, requests, ways } of volleys) {
        progress(`${connections} at once: ${rounds} rounds of ${requests} requests`);
        const chosen = lanes.filter(({ name }) => ways.includes(name));
        const found = await measureInTurn(chosen, rounds, (lane) => measure(lane, connections, requests));
        rows.push(...rowsOf(connections, found));
      }
      rows.push(...(await countAll(lanes, sent)), ...(await measureLists(load, progress)));
      return { rows, notes };
    } finally {
      await load.close();
    }
  },
};

const notes = [
  "All of it runs on this machine: the one that shoots, the servers and SQS share its cores. 64 at once would be 64 processes as functions: left out.",
];

function rowsOf(connections: number, found: Found): Row[] {
  const row = (
    figure: string,
    name: string,
    unit: string,
    value: (shot: Shot & { cpuMicroseconds: number }) => number,
  ): Row => {
    const values = (found.get(name) ?? []).map(value);
    const to = name.replace("API", "Hono");
    const ratios = to === name ? [] : [{ to, ratio: ratioOf(values, (found.get(to) ?? []).map(value)) }];
    return {
      figure: `${figure}, ${connections} at once: ${name}`,
      value: medianOf(values),
      unit,
      spread: spreadOf(values),
      ratios,
    };
  };
  const each = (figure: string, unit: string, value: (shot: Shot & { cpuMicroseconds: number }) => number): Row[] =>
    [...found.keys()].map((name) => row(figure, name, unit, value));
  return [
    ...each("requests", "requests/s", ({ statuses, seconds }) => (statuses[202] ?? 0) / seconds),
    ...each("p50", "ms", ({ p50 }) => p50),
    ...each("p99", "ms", ({ p99 }) => p99),
    ...each("processor of the server, a request", "µs", ({ cpuMicroseconds }) => cpuMicroseconds),
  ];
}

/** Each request that was accepted is one message, or none where none is sent. */
async function countAll(lanes: readonly LoadLane[], sent: ReadonlyMap<LoadWay, number>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const lane of lanes) {
    const value = await lane.count();
    const expected = lane.name.endsWith("no message") ? 0 : (sent.get(lane.name) ?? 0);
    if (value !== expected) throw new Error(`${lane.name}: ${value} messages of ${expected} accepted requests`);
    rows.push({ figure: `messages of accepted requests: ${lane.name}`, value, unit: "messages", atMost: expected });
  }
  return rows;
}

async function measureLists(load: Load, progress: (line: string) => void): Promise<Row[]> {
  const lane = await load.openLane("API");
  await lane.measure({ connections: 1, requests: 20, jobs: 10 });
  const perSecond = new Map<number, number[]>(lists.map(({ jobs }) => [jobs, []]));
  for (let round = 0; round < rounds; round += 1) {
    progress(`lists: round ${round + 1} of ${rounds}`);
    for (const { jobs, requests } of lists) {
      const { seconds } = await lane.measure({ connections: 1, requests, jobs });
      perSecond.get(jobs)?.push((jobs * requests) / seconds);
    }
  }
  const value = await lane.count();
  const expected = 200 + rounds * lists.reduce((sum, { jobs, requests }) => sum + jobs * requests, 0);
  if (value !== expected) throw new Error(`lists: ${value} messages of ${expected} jobs`);
  const alone = perSecond.get(1) ?? [];
  const rows = [...perSecond].map(
    ([jobs, rates]): Row => ({
      figure: `jobs, one request after the other: lists of ${jobs.toLocaleString("en-US")}`,
      value: medianOf(rates),
      unit: "jobs/s",
      spread: spreadOf(rates),
      ratios: jobs === 1 ? [] : [{ to: "lists of 1", ratio: ratioOf(rates, alone) }],
    }),
  );
  return [...rows, { figure: "messages of jobs in lists", value, unit: "messages", atMost: expected }];
}
