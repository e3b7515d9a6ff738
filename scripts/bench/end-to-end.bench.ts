import pg from "pg";
import type { Bench, Row } from "../../test/support/bench/bench.ts";
import { measureInTurn, medianOf, ratioOf, spreadOf } from "../../test/support/bench/statistics.ts";
import { type CpuByPart, cpuByPart, cpuPerJob } from "./end-to-end/cpu.ts";
import { copyJobsProject } from "./end-to-end/jobs-project.ts";
import { type Flood, flood, type Lane, trickle } from "./end-to-end/lane.ts";
import { openBullMq, openGraphile, openPgBoss } from "./end-to-end/peers.ts";
import { type RunningTier, startTier } from "./end-to-end/tendril.ts";

const bare = "bare begin, insert, commit";
/** The ways through the Data API are given fewer jobs: they take longer for each. */
const transactional = new Set([bare, "exactly-once", "grouped"]);
const batch = 10;
/** How long the floods are, beside the peers and where the ways are held against themselves alone. */
const long: Load = { jobs: 3000, transactionalJobs: 1000, rounds: 5 };
const short: Load = { jobs: 1000, transactionalJobs: 300, rounds: 3 };
/** As many more for each environment, which are slow until their code is compiled. */
const shortLoad = (count: number): Load => ({
  ...short,
  jobs: Math.max(short.jobs, 200 * count),
  transactionalJobs: Math.max(short.transactionalJobs, 60 * count),
});
/** The environments beside the peers, and the others. */
const environments = 2;
const others = [1, 4, 8, 16] as const;

interface Load {
  readonly jobs: number;
  readonly transactionalJobs: number;
  readonly rounds: number;
}

interface Measured extends Flood {
  /** Microseconds of CPU that a job took; empty where it cannot be read. */
  readonly cpu: CpuByPart;
}

type Found = ReadonlyMap<string, readonly Measured[]>;

/** Jobs from enqueueing to their row. */
export const bench: Bench = {
  name: "end-to-end",
  compares:
    "jobs that insert a row, through the whole local tier (enqueued in tens, batches of ten), beside pg-boss, graphile-worker and BullMQ on the same PostgreSQL, and beside its own Data API alone",
  async run({ progress }) {
    const project = await copyJobsProject();
    try {
      const rows: Row[] = [];
      const divisions: string[] = [];
      const missing = await withTier(project, environments, async (tier, pool) => {
        const peers = await openPeers(tier.databaseUrl, project.root);
        const lanes = [...tier.lanes, ...peers.lanes];
        const found = await floodInTurn({ lanes, tier, pool, load: long, progress });
        rows.push(
          ...speedRows(found, tierName(environments)),
          ...latencyRows(found, `${tierName(environments)}, flood`),
        );
        divisions.push(...cpuDivision(found));
        progress("one job at a time");
        const slow = await measureInTurn(lanes, short.rounds, (lane) => trickle(lane, pool, 30, 20));
        rows.push(...latencyRows(slow, "one at a time"));
        for (const lane of peers.lanes) await lane.close();
        return peers.missing;
      });
      for (const count of others) {
        await withTier(project, count, async (tier, pool) => {
          const found = await floodInTurn({ lanes: tier.lanes, tier, pool, load: shortLoad(count), progress });
          rows.push(...speedRows(found, tierName(count)));
        });
      }
      return { rows, notes: [compared, ...divisions], missing };
    } finally {
      await project.remove();
    }
  },
};

const compared =
  "The tier is `tendril dev` without its lines: SQS with its messages on disk, one process of workers an environment, the\nreal Lambda runtime interface, the SDK's clients. Exactly-once and grouped insert through the Data API, with the ledger;\nat-least-once inserts with pg, as the peers do. The peers make no Lambda calls and speak no SQS: one worker process that\nfetches its jobs itself, 20 at a time (pg-boss: two fetchers of ten, going on at once while batches are full; its half\nsecond before it looks again, its least, weighs the less the longer the flood, so that floods are of 3,000 jobs;\ngraphile-worker: a local queue and batched completion; BullMQ: Redis with its log on disk). All jobs are enqueued by this\nprocess, four calls at a time. As on AWS, a queue's mapping begins with five batches at once and adds five a second while\nmessages wait, so that short floods do not use all of 8 or 16 environments; and two cores are no more with them.";

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

interface Floods {
  readonly lanes: readonly Lane[];
  readonly tier: RunningTier;
  readonly pool: pg.Pool;
  readonly load: Load;
  readonly progress: (line: string) => void;
}

async function floodInTurn({ lanes, tier, pool, load, progress }: Floods): Promise<Found> {
  const where = tierName(tier.environments);
  const jobsOf = (name: string): number => (transactional.has(name) ? load.transactionalJobs : load.jobs);
  const measured = async (name: string, run: (jobs: number) => Promise<Flood>): Promise<Measured> => {
    const before = cpuByPart();
    const found = await run(jobsOf(name));
    return { ...found, cpu: cpuPerJob(before, cpuByPart(), jobsOf(name)) };
  };
  const floor = {
    name: bare,
    run: async (jobs: number) => ({ perSecond: await tier.bare(jobs), p50Ms: NaN, p99Ms: NaN, enqueueing: NaN }),
  };
  const ways = [floor, ...lanes.map((lane) => ({ name: lane.name, run: (n: number) => flood(lane, pool, n, batch) }))];
  progress(`${where}: warming up`);
  for (const { name, run } of ways) await run(jobsOf(name));
  return measureInTurn(ways, load.rounds, async ({ name, run }, round) => {
    const found = await measured(name, run);
    progress(`${where}, round ${round + 1} of ${load.rounds}: ${name} ${found.perSecond.toFixed(0)}/s`);
    return found;
  });
}

function speedRows(found: Found, where: string): Row[] {
  const speeds = rowsOf(found, { figure: where, unit: "jobs/s", read: ({ perSecond }) => perSecond });
  const cpu = rowsOf(found, { figure: `${where}, CPU`, unit: "us a job", read: ({ cpu }) => sumOf(cpu) });
  return [...speeds, ...cpu];
}

function latencyRows(found: ReadonlyMap<string, readonly Flood[]>, where: string): Row[] {
  return [
    ...rowsOf(found, { figure: `${where}, enqueue to row, p50`, unit: "ms", read: ({ p50Ms }) => p50Ms }),
    ...rowsOf(found, { figure: `${where}, enqueue to row, p99`, unit: "ms", read: ({ p99Ms }) => p99Ms }),
  ];
}

interface Figure<Each> {
  readonly figure: string;
  readonly unit: string;
  readonly read: (each: Each) => number;
}

/** A row for each way that has the figure, beside those that it is held against. */
function rowsOf<Each>(found: ReadonlyMap<string, readonly Each[]>, { figure, unit, read }: Figure<Each>): Row[] {
  const values = new Map(
    [...found].map(([name, each]) => [name, each.map(read)] as const).filter(([, of]) => of.every(Number.isFinite)),
  );
  return [...values].map(([name, of]): Row => {
    const ratios = [bare, "pg-boss", "graphile-worker", "BullMQ"].flatMap((to) => {
      const against = values.get(to);
      return to === name || against === undefined ? [] : [{ to, ratio: ratioOf(of, against) }];
    });
    return { figure: `${figure}: ${name}`, value: medianOf(of), unit, spread: spreadOf(of), ratios };
  });
}

const sumOf = (cpu: CpuByPart): number =>
  cpu.size === 0 ? Number.NaN : [...cpu.values()].reduce((sum, of) => sum + of, 0);

/** A line for each way: what of its CPU each part has taken, the largest first, and how long the enqueuer was at it. */
function cpuDivision(found: Found): string[] {
  return [...found].map(([name, floods]) => {
    const parts = [...(floods[0]?.cpu.keys() ?? [])].map((part) => ({
      part,
      of: Math.round(medianOf(floods.map(({ cpu }) => cpu.get(part) ?? 0))),
    }));
    const told = parts.filter(({ of }) => of > 0).sort((a, b) => b.of - a.of);
    const enqueueing = medianOf(floods.map((each) => each.enqueueing));
    const until = Number.isNaN(enqueueing) ? "" : `; enqueued after ${enqueueing.toFixed(2)} of the flood`;
    return `us of CPU for a job, ${name}: ${told.map(({ part, of }) => `${part} ${of}`).join(", ") || "not known here"}${until}`;
  });
}
