import { type Burst, type BurstCourse, simulateBurst } from "@tendril/core/burst";
import type { Plan, QueuePlan } from "@tendril/core/plan";

/** How a queue of the plan, and others in its place, would take a burst. */
export interface QueueBurst {
  readonly queue: string;
  readonly jobs: number;
  /** None for a FIFO queue: it has as many batches at once as message groups, which only its jobs decide. */
  readonly ways: readonly BurstWay[];
}

/** One way of taking it. */
export interface BurstWay {
  readonly name: string;
  readonly course: BurstCourse;
}

/** Simulates `jobs` jobs of `secondsPerJob` that come to each queue at once. */
export function burstsOf(plan: Plan, jobs: number, secondsPerJob: number): QueueBurst[] {
  return plan.queues.map((queue) => ({ queue: queue.name, jobs, ways: waysOf(queue, jobs, secondsPerJob) }));
}

function waysOf({ fifo, mapping, worker }: QueuePlan, jobs: number, secondsPerJob: number): BurstWay[] {
  if (fifo) return [];
  const { batchSize, maximumConcurrency } = mapping;
  const jobsAtOnce = Number(worker.environment.TENDRIL_JOBS_AT_ONCE);
  const burst: Burst = { jobs, jobMs: secondsPerJob * 1000, batchSize, jobsAtOnce };
  const unbounded = { ...burst, accountConcurrency: 100_000 };
  const way = (name: string, given: Burst): BurstWay => ({ name, course: simulateBurst(given) });
  return [
    way(`this plan, maximum concurrency ${maximumConcurrency}`, { ...burst, maximumConcurrency }),
    way("maximum concurrency 100", { ...burst, maximumConcurrency: 100 }),
    way("none, account of 1,000 at once", burst),
    way("none, account of more", unbounded),
    way("200 provisioned pollers", { ...unbounded, pollers: { from: 2, to: 200 } }),
  ];
}
