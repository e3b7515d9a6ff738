import pg from "pg";
import type { Bench, Ratio, Row } from "../../test/support/bench/bench.ts";
import { measureInTurn, medianOf, ratioOf, spreadOf } from "../../test/support/bench/statistics.ts";
import { copyJobsProject } from "./end-to-end/jobs-project.ts";
import { type Flood, flood, type Lane, trickle } from "./end-to-end/lane.ts";
import { openBullMq, openGraphile, openPgBoss } from "./end-to-end/peers.ts";
import { type RunningTier, startTier } from "./end-to-end/tendril.ts";

const jobs = 1000;
const batch = 10;
const rounds = 5;
const fewRounds = 3;
/** The environments beside the peers, and those that the ways are held against themselves with. */
const environments = 2;
/** With more of them PostgreSQL has no connections left for what they hold. */
const others = [1, 4] as const;
const bare = "bare begin, insert, commit";

type Floods = ReadonlyMap<string, readonly Flood[]>;

/** Jobs from enqueueing to their row. */
export const bench: Bench = {
  name: "end-to-end",
  compares:
    "jobs that insert a row, through the whole local tier (enqueued in tens, batches of ten), beside pg-boss, graphile-worker and BullMQ on the same PostgreSQL, and beside its own Data API alone",
  async run({ progress }) {
    const project = await copyJobsProject();
    try {
      const rows: Row[] = [];
      const missing = await withTier(project, environments, async (tier, pool) => {
        const peers = await openPeers(tier.databaseUrl, project.root);
        const lanes = [...tier.lanes, ...peers.lanes];
        rows.push(
          ...floodRows(await floodInTurn({ lanes, tier, pool, rounds, progress }), tierName(environments), true),
        );
        progress("one job at a time");
        const slow = await measureInTurn(lanes, fewRounds, (lane) => trickle(lane, pool, 30, 20));
        rows.push(...lanes.flatMap(({ name }) => latencyRows(`one at a time: ${name}`, slow.get(name) ?? [])));
        for (const lane of peers.lanes) await lane.close();
        return peers.missing;
      });
      for (const count of others) {
        await withTier(project, count, async (tier, pool) => {
          const found = await floodInTurn({ lanes: tier.lanes, tier, pool, rounds: fewRounds, progress });
          rows.push(...floodRows(found, tierName(count), false));
        });
      }
      return { rows, notes: [...notes, ...missing] };
    } finally {
      await project.remove();
    }
  },
};

const notes = [
  "The tier is `tendril dev` without its lines: SQS with its messages on disk, one process of workers an environment, the\nreal Lambda runtime interface, the SDK's clients. Exactly-once and grouped insert through the Data API, with the ledger;\nat-least-once inserts with pg, as the peers do. The peers make no Lambda calls and speak no SQS: one worker process that\nfetches its jobs itself, 20 at a time (pg-boss: two fetchers of ten, going on at once while batches are full; its half\nsecond before it looks again, its least, weighs the less the longer the flood;\ngraphile-worker: a local queue and batched completion; BullMQ: Redis with its log on disk). All jobs are enqueued by this\nprocess, four calls at a time.",
];

const tierName = (count: number): string => `${count} ${count === 1 ? "environment" : "environments"}`;

async function withTier<Result>(
  project: Awaited<ReturnType<typeof copyJobsProject>>,
  count: number,
  measure: (tier: RunningTier, pool: pg.Pool) => Promise<Result>,
): Promise<Result> {
  const tier = await startTier(project, count);
  const pool = new pg.Pool({ connectionString: tier.databaseUrl, max: 2 });
  try {
    return await measure(tier, pool);
  } finally {
    await pool.end();
    await tier.close();
  }
}

async function openPeers(databaseUrl: string, folder: string): Promise<{ lanes: Lane[]; missing: string[] }> {
  const bullMq = await openBullMq(databaseUrl, folder);
  const lanes = [await openPgBoss(databaseUrl), await openGraphile(databaseUrl)];
  return typeof bullMq === "string" ? { lanes, missing: [bullMq] } : { lanes: [...lanes, bullMq], missing: [] };
}

async function floodInTurn({
  lanes,
  tier,
  pool,
  rounds: times,
  progress,
}: {
  readonly lanes: readonly Lane[];
  readonly tier: RunningTier;
  readonly pool: pg.Pool;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}): Promise<Floods> {
  const floor = { name: bare, measure: async () => ({ perSecond: await tier.bare(jobs), p50Ms: NaN, p99Ms: NaN }) };
  const ways = [floor, ...lanes.map((lane) => ({ name: lane.name, measure: () => flood(lane, pool, jobs, batch) }))];
  progress(`${tierName(tier.environments)}: warming up`);
  for (const way of ways) await way.measure();
  return measureInTurn(ways, times, async (way, round) => {
    const found = await way.measure();
    progress(
      `${tierName(tier.environments)}, round ${round + 1} of ${times}: ${way.name} ${found.perSecond.toFixed(0)}/s`,
    );
    return found;
  });
}

function floodRows(found: Floods, where: string, withLatency: boolean): Row[] {
  const speeds = (name: string): number[] => (found.get(name) ?? []).map(({ perSecond }) => perSecond);
  return [...found].flatMap(([name, floods]) => {
    const ratios = [bare, "pg-boss", "graphile-worker", "BullMQ"]
      .filter((to) => to !== name && found.has(to))
      .map((to): Ratio => ({ to, ratio: ratioOf(speeds(name), speeds(to)) }));
    const figure = `${where}: ${name}`;
    const values = speeds(name);
    const row: Row = { figure, value: medianOf(values), unit: "jobs/s", spread: spreadOf(values), ratios };
    return withLatency && name !== bare ? [row, ...latencyRows(`${figure}, in the flood`, floods)] : [row];
  });
}

function latencyRows(figure: string, floods: readonly Flood[]): Row[] {
  return (["p50Ms", "p99Ms"] as const).map((of): Row => {
    const values = floods.map((each) => each[of]);
    const percentile = of === "p50Ms" ? "p50" : "p99";
    return {
      figure: `${figure}: enqueue to row, ${percentile}`,
      value: medianOf(values),
      unit: "ms",
      spread: spreadOf(values),
    };
  });
}
