/** How fast Lambda takes a queue's messages: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
export const sqsScaling = {
  /** Batches at once when messages come to a queue that was empty. */
  first: 5,
  /** More batches at once, each minute, for as long as messages wait. */
  morePerMinute: 300,
  /** Batches at once at most. */
  most: 1250,
  provisioned: {
    /** Batches at once of one poller. */
    ofPoller: 10,
    /** More batches at once, each minute. */
    morePerMinute: 1000,
    /** Batches at once at most, of all pollers. */
    most: 20_000,
  },
  /** Messages in flight of a standard queue: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
  inFlight: 120_000,
  /** What an account's functions may have at once, when nobody has asked for more: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
  accountConcurrency: 1000,
  /** From a message to its function, when that is warm, in milliseconds: the published median of a few measurements. */
  pickUpMs: 16,
} as const;

/** A queue full of jobs, and what takes them. */
export interface Burst {
  /** Jobs that wait, all of them at the beginning. */
  readonly jobs: number;
  /** How long a job takes, its calls to the database included, in milliseconds. */
  readonly jobMs: number;
  readonly batchSize: number;
  /** Jobs of one batch at the same time. */
  readonly jobsAtOnce: number;
  /** The mapping's maximum concurrency. Default: none, which AWS bounds at 1,250. */
  readonly maximumConcurrency?: number;
  /** Provisioned pollers, instead of those that Lambda scales by itself. They know no maximum concurrency. */
  readonly pollers?: { readonly from: number; readonly to: number };
  /** What the account's functions may have at once. Default 1,000. */
  readonly accountConcurrency?: number;
}

/** What holds a burst up at its fastest. */
export type BurstLimit = "maximum concurrency" | "pollers" | "the account" | "messages in flight" | "scaling" | "jobs";

/** How a burst goes. Times are in milliseconds from its beginning. */
export interface BurstCourse {
  readonly drainedMs: number;
  readonly peakConcurrency: number;
  /** Jobs a second, over all of it. */
  readonly jobsPerSecond: number;
  readonly limit: BurstLimit;
  /** About twenty points on the way. */
  readonly curve: readonly { readonly atMs: number; readonly concurrency: number; readonly done: number }[];
}

/**
 * Simulates how Lambda empties a queue: batch by batch, each as long as its jobs take, as many at once as AWS's published
 * rules allow at that time. What it leaves out: cold starts, throttles by other functions, batches that are not full, and a
 * database that is slower under load.
 */
export function simulateBurst(burst: Burst): BurstCourse {
  const { jobs, jobMs, batchSize, jobsAtOnce } = burst;
  const scale = scaleOf(burst);
  const wholeBatchMs = sqsScaling.pickUpMs + Math.ceil(batchSize / jobsAtOnce) * jobMs;
  // All batches take equally long: they end in the order in which they begin.
  const endsMs: number[] = [];
  let ended = 0;
  let peak = 0;
  let nowMs = 0;
  const curve: { atMs: number; concurrency: number; done: number }[] = [];
  const batches = Math.ceil(jobs / batchSize);
  const pointEvery = Math.max(1, Math.floor(batches / 20));
  while (ended < batches) {
    const running = endsMs.length - ended;
    if (endsMs.length < batches && running < allowedAt(scale, nowMs)) {
      endsMs.push(nowMs + wholeBatchMs);
      peak = Math.max(peak, running + 1);
      continue;
    }
    const endMs = endsMs[ended] ?? nowMs;
    const growsMs = endsMs.length < batches ? growsAfter(scale, nowMs) : Number.POSITIVE_INFINITY;
    nowMs = Math.min(endMs, growsMs);
    if (nowMs < endMs) continue;
    ended += 1;
    if (ended % pointEvery === 0 || ended === batches) {
      curve.push({ atMs: nowMs, concurrency: running, done: Math.min(jobs, ended * batchSize) });
    }
  }
  const limit = peak < scale.most ? (endsMs.length <= peak ? "jobs" : "scaling") : scale.limit;
  const jobsPerSecond = nowMs === 0 ? 0 : (jobs / nowMs) * 1000;
  return { drainedMs: nowMs, peakConcurrency: peak, jobsPerSecond, limit, curve };
}

interface Scale {
  readonly first: number;
  readonly moreEachMs: number;
  readonly most: number;
  readonly limit: BurstLimit;
}

function scaleOf(burst: Burst): Scale {
  const { batchSize, pollers, maximumConcurrency, accountConcurrency = sqsScaling.accountConcurrency } = burst;
  const { provisioned } = sqsScaling;
  const own: readonly [number, BurstLimit] =
    pollers === undefined
      ? [Math.min(maximumConcurrency ?? sqsScaling.most, sqsScaling.most), "maximum concurrency"]
      : [Math.min(pollers.to * provisioned.ofPoller, provisioned.most), "pollers"];
  const limits: readonly (readonly [number, BurstLimit])[] = [
    own,
    [accountConcurrency, "the account"],
    [Math.max(1, Math.floor(sqsScaling.inFlight / batchSize)), "messages in flight"],
  ];
  const [most, limit] = limits.reduce((least, each) => (each[0] < least[0] ? each : least));
  const first = pollers === undefined ? sqsScaling.first : pollers.from * provisioned.ofPoller;
  const perMinute = pollers === undefined ? sqsScaling.morePerMinute : provisioned.morePerMinute;
  return { first: Math.min(first, most), moreEachMs: 60_000 / perMinute, most, limit };
}

/** How many times it has grown by a time; the smallest of differences is no reason to be one short. */
const growthsBy = (scale: Scale, nowMs: number): number => Math.floor(nowMs / scale.moreEachMs + 1e-9);

const allowedAt = (scale: Scale, nowMs: number): number => Math.min(scale.most, scale.first + growthsBy(scale, nowMs));

function growsAfter(scale: Scale, nowMs: number): number {
  if (allowedAt(scale, nowMs) >= scale.most) return Number.POSITIVE_INFINITY;
  return (growthsBy(scale, nowMs) + 1) * scale.moreEachMs;
}
