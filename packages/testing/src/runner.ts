import { TendrilError } from "@tendril/core/errors";
import { type Delivery, deliverBatch, type Fault, type Lane } from "./delivery.ts";
import type { TestAws } from "./test-aws.ts";
import type { Enqueued } from "./waiting.ts";

/** How `drain` goes on. */
export interface DrainOptions {
  /**
   * `visible`: until no message can be delivered now. `idle`: until no job waits at all; the clock moves from one due time
   * to the next, through retries, delays and one-time schedules, and recurring schedules fire on the way. Default `visible`.
   */
  readonly until?: "visible" | "idle";
  /** What goes wrong, once with each message. Default: nothing. */
  readonly fault?: Fault;
  /** Deliveries after which it gives up: jobs that enqueue each other for ever. Default 10,000. */
  readonly most?: number;
}

/** How `run` goes on. */
export interface RunOptions {
  /** `first`: until its first attempt has ended. `all`: until it is done or dead; the clock moves through its retries. Default `first`. */
  readonly attempts?: "first" | "all";
  /** What goes wrong with its first delivery. Default: nothing. */
  readonly fault?: Fault;
}

/** Runs jobs of a tier. Batches run one after the other, whoever asks for them. */
export interface Runner {
  drain(options?: DrainOptions): Promise<Delivery[]>;
  /** The deliveries of a job that was enqueued to a queue a moment ago, `before` the number of those that it had by then. */
  run(
    job: { readonly id: string; readonly queue: string; readonly before: number },
    options: RunOptions,
  ): Promise<Delivery[]>;
  /** How often a job was delivered so far. */
  count(id: string): number;
  /** Does something while no batch runs, and forgets all jobs. */
  startOver(work: () => Promise<void>): Promise<void>;
}

/** Where jobs of a tier wait and run. */
export interface RunnerOptions {
  readonly aws: TestAws;
  readonly lanes: readonly Lane[];
  readonly waiting: () => Promise<readonly Enqueued[]>;
}

/** Outcomes after which the message is gone. */
const settled: ReadonlySet<Delivery["outcome"]> = new Set(["done", "dead", "duplicate", "skipped"]);

const mostDeliveries = 10_000;

/** Makes the runner of a tier. */
export function createRunner({ aws, lanes, waiting }: RunnerOptions): Runner {
  const history = new Map<string, Delivery[]>();
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
  const step = (...[lane, options]: Parameters<typeof deliverBatch>): Promise<Delivery[]> =>
    inTurn(async () => {
      const made = await deliverBatch(lane, options);
      for (const delivery of made) history.set(delivery.id, [...(history.get(delivery.id) ?? []), delivery]);
      return made;
    });
  /** False when nothing waits for a later time. */
  const advance = async (jobs: readonly Enqueued[]): Promise<boolean> => {
    const next = Math.min(...jobs.flatMap(({ delayMs }) => (delayMs > 0 ? [delayMs] : [])));
    if (next === Number.POSITIVE_INFINITY) return false;
    await aws.clock.advance(`${next} milliseconds`);
    return true;
  };
  return {
    count: (id) => history.get(id)?.length ?? 0,
    startOver: (work) =>
      inTurn(async () => {
        await work();
        history.clear();
      }),
    async drain({ until = "visible", fault, most = mostDeliveries } = {}) {
      const all: Delivery[] = [];
      const seen = new Set<string>();
      for (;;) {
        const before = all.length;
        for (const lane of lanes) {
          const made = await step(lane, { fault, faulty: (id) => !seen.has(id) });
          for (const { id } of made) seen.add(id);
          all.push(...made);
        }
        if (all.length > most) throw endless(most, all.at(-1));
        if (all.length > before) continue;
        if (until === "visible" || !(await advance(await waiting()))) return all;
      }
    },
    async run({ id, queue, before }, { attempts = "first", fault }) {
      const lane = lanes.find(({ plan }) => plan.name === queue);
      for (let steps = 0; lane !== undefined && steps < mostDeliveries; steps++) {
        const own = (history.get(id) ?? []).slice(before);
        if (isOver(own, attempts, fault)) return own;
        const made = await step(lane, { fault, faulty: (jobId) => jobId === id && own.length === 0 });
        if (made.length > 0 || (history.get(id)?.length ?? 0) > before + own.length) continue;
        const jobs = await waiting();
        const job = jobs.find((each) => each.id === id);
        if (job === undefined) throw vanished(id);
        // Nothing of its queue can be delivered now: it is delayed, or stands in its group behind one that is.
        await advance(job.delayMs > 0 ? [job] : jobs.filter((each) => each.queue === queue));
      }
      throw endless(mostDeliveries, undefined);
    },
  };
}

function isOver(own: readonly Delivery[], attempts: "first" | "all", fault: Fault | undefined): boolean {
  const outcome = own.at(-1)?.outcome;
  if (outcome === undefined || outcome === "returned" || outcome === "crashed") return false;
  if (!settled.has(outcome)) return attempts === "first";
  return fault !== "delivered twice" || own.filter((each) => settled.has(each.outcome)).length > 1;
}

/** The delivery that ended the job, or its last one. There is at least one. */
export function endOf(deliveries: readonly Delivery[]): Delivery {
  const end = deliveries.find(({ outcome }) => settled.has(outcome)) ?? deliveries.at(-1);
  if (end === undefined) throw new Error("a job without a delivery");
  return end;
}

function endless(most: number, delivery: Delivery | undefined): TendrilError {
  return new TendrilError("jobs_endless", {
    given: `more than ${most} deliveries${delivery === undefined ? "" : `, the last one of ${delivery.type}`}`,
    allowed: "jobs that come to an end",
    fix: "A job that enqueues itself has none: run it with `run`, or move the clock and drain what is visible.",
  });
}

function vanished(id: string): TendrilError {
  return new TendrilError("job_unknown", {
    where: id,
    given: "a job that is in no queue",
    allowed: "a job whose message waits to be delivered",
    fix: "A FIFO queue drops a message whose job it has had in the last 5 minutes: move the clock, or take another key.",
  });
}
