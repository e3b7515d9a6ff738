import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";

/** A job's input. */
export interface Input {
  readonly run: string;
  readonly sentMs: number;
}

/** An engine that inserts a row for each job. */
export interface Lane {
  readonly name: string;
  /** Enqueues jobs in one go. */
  send(jobs: readonly Input[]): Promise<void>;
  close(): Promise<void>;
}

/** What a flood of jobs came to. */
export interface Flood {
  /** From the first call that enqueued to the last row. */
  readonly perSecond: number;
  /** From before a job's enqueueing to its row, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The part of the time until the last call that enqueued was answered: near 1, who enqueues is the slowest. */
  readonly enqueueing: number;
}

const sendersAtOnce = 4;
let runs = 0;

/** Enqueues jobs in batches as fast as four senders can, and waits for the last row. */
export async function flood(lane: Lane, pool: pg.Pool, jobs: number, batch: number): Promise<Flood> {
  return measure(pool, jobs, async (run) => {
    const batches = Array.from({ length: Math.ceil(jobs / batch) }).keys();
    const sendBatches = async (): Promise<void> => {
      for (const _ of batches) await lane.send(inputs(run, batch));
    };
    await Promise.all(Array.from({ length: sendersAtOnce }, sendBatches));
  });
}

/** Enqueues one job at a time, with a pause after each, so that none waits for another. */
export async function trickle(lane: Lane, pool: pg.Pool, jobs: number, pauseMs: number): Promise<Flood> {
  return measure(pool, jobs, async (run) => {
    for (let sent = 0; sent < jobs; sent += 1) {
      await lane.send(inputs(run, 1));
      await delay(pauseMs);
    }
  });
}

const inputs = (run: string, count: number): Input[] => {
  const sentMs = performance.timeOrigin + performance.now();
  return Array.from({ length: count }, () => ({ run, sentMs }));
};

async function measure(pool: pg.Pool, jobs: number, send: (run: string) => Promise<void>): Promise<Flood> {
  runs += 1;
  const run = `${process.pid}-${runs}`;
  const startedMs = performance.timeOrigin + performance.now();
  await send(run);
  const enqueuedMs = performance.timeOrigin + performance.now();
  const givenUpMs = Date.now() + 60_000;
  for (;;) {
    const { rows } = await pool.query("select count(*)::int as count from effects where run = $1", [run]);
    const { count } = rows[0];
    if (count >= jobs) break;
    if (Date.now() > givenUpMs) throw new Error(`${count} of ${jobs} jobs done after a minute`);
    await delay(50);
  }
  const { rows } = await pool.query(found, [run]);
  const { last, p50, p99 } = rows[0];
  const tookMs = last - startedMs;
  const enqueueing = Math.min(1, (enqueuedMs - startedMs) / tookMs);
  return { perSecond: (1000 * jobs) / tookMs, p50Ms: p50, p99Ms: p99, enqueueing };
}

const found = `select max(done_ms) as last,
  percentile_cont(0.5) within group (order by done_ms - sent_ms) as p50,
  percentile_cont(0.99) within group (order by done_ms - sent_ms) as p99
  from effects where run = $1`;
