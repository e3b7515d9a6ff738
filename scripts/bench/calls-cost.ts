import { callsPerJob, type Way } from "@tendril/core/call-budget";
import { costLine, costOfTier, type TierCost } from "@tendril/core/cost";
import { costOfEnvironment, environments } from "@tendril/core/cost-beanstalk";
import { databaseOf } from "@tendril/core/cost-database";
import type { Load } from "@tendril/core/cost-traffic";
import { defineJob } from "@tendril/core/job";
import { type Plan, planTier, refusal } from "@tendril/core/plan";
import type { Tier } from "@tendril/core/tier";
import { z } from "zod";
import type { Row } from "../../test/support/bench/bench.ts";

const input = z.string();
const jobs = {
  "at-least-once": defineJob({ type: "Job", input, effects: "at-least-once" }),
  "exactly-once": defineJob({ type: "Job", input }),
  grouped: defineJob({ type: "Job", input, commit: "grouped" }),
} as const;
const ways: readonly Way[] = ["at-least-once", "exactly-once", "grouped"];

const million = 1_000_000;
const busy = 10 * million;
const mostJobs = 1_000 * million;

/** A tier of one job type, and its plan. The longest window: jobs that come evenly then come in batches. */
function tierOf(way: Way): { readonly tier: Tier; readonly plan: Plan } {
  const worker = { batchSize: 10, batchWindow: "60 seconds" } as const;
  const tier: Tier = { name: "app", queues: { jobs: { worker } }, jobs: [jobs[way]] };
  const planned = planTier(tier);
  if (planned.kind !== "plan") throw refusal(planned.problems);
  return { tier, plan: planned.plan };
}

const loadOf = (jobsPerMonth: number, jobsPerRequest: number): Load => ({
  jobsPerMonth,
  secondsPerJob: 0.05,
  memoryMb: 256,
  jobsPerRequest,
});

function costOf(way: Way, load: Load, stage: string): TierCost {
  const { tier, plan } = tierOf(way);
  return costOfTier(tier, plan, load, { database: databaseOf(stage), alarms: 0, dashboards: 0 });
}

/** What a million jobs costs, and where the lines cross with Beanstalk's smallest environment. */
export function costRows(): Row[] {
  return [...millionRows(), ...onceRows(), ...crossingRows()];
}

function millionRows(): Row[] {
  const marginal = (way: Way, jobsPerRequest: number): number =>
    costOf(way, loadOf(busy + million, jobsPerRequest), "production").usd -
    costOf(way, loadOf(busy, jobsPerRequest), "production").usd;
  return [1, 10].flatMap((jobsPerRequest) =>
    ways.map((way): Row => {
      const requests = jobsPerRequest === 1 ? "a request each" : `${jobsPerRequest} a request`;
      const ratio = marginal(way, jobsPerRequest) / marginal("exactly-once", jobsPerRequest);
      const ratios = way === "exactly-once" ? [] : [{ to: "exactly-once", ratio }];
      return {
        figure: `a million jobs, ${requests}: ${way}`,
        value: marginal(way, jobsPerRequest),
        unit: "USD",
        ratios,
      };
    }),
  );
}

/** What "once" alone costs: the ledger's calls and storage requests, beside an idempotency table. */
function onceRows(): Row[] {
  const writesPerJob = 2;
  const powertools = costLine("writes", writesPerJob * million, "dynamoWrites").usd;
  return [
    ...(["exactly-once", "grouped"] as const).map((way): Row => {
      const calls = callsPerJob(way, "done", 10).database;
      const usd = costLine("calls", calls * million, "dataApiCalls").usd;
      const ratios = [{ to: "Powertools with DynamoDB", ratio: usd / powertools }];
      return { figure: `"once" for a million jobs, calls: ${way}`, value: usd, unit: "USD", ratios };
    }),
    { figure: '"once" for a million jobs, writes: Powertools with DynamoDB', value: powertools, unit: "USD" },
  ];
}

/** Whether the environment has RDS, its own smallest, or the same Aurora as the tier, which then never sleeps there. */
const others = ["RDS", "Aurora"] as const;

function crossingRows(): Row[] {
  return (["me", "production"] as const).flatMap((stage) =>
    others.flatMap((other) =>
      [1, 10].flatMap((jobsPerRequest) =>
        ways.map((way): Row => {
          const database = stage === "production" ? "half an ACU always on" : "asleep when unused";
          const crossing = { way, jobsPerRequest, stage, other };
          const [value, word] = crossingOf(crossing);
          return {
            figure: `${word} ${way}, ${jobsPerRequest} a request, ${database}`,
            value: value / million,
            unit: "million jobs/month",
            ratios: [{ to: `Beanstalk with ${other}, at a million jobs`, ratio: costRatio(crossing, million) }],
          };
        }),
      ),
    ),
  );
}

interface Crossing {
  readonly way: Way;
  readonly jobsPerRequest: number;
  readonly stage: string;
  readonly other: (typeof others)[number];
}

/** What the tier costs with so many jobs a month, in parts of what one instance does. */
function costRatio({ way, jobsPerRequest, stage, other }: Crossing, jobsPerMonth: number): number {
  const [environment] = environments;
  if (environment === undefined) throw new Error("there is no environment to compare with");
  const load = loadOf(jobsPerMonth, jobsPerRequest);
  const tier = costOf(way, load, stage);
  const { usd, usdWithAurora } = costOfEnvironment(environment, load, tier);
  return tier.usd / (other === "RDS" ? usd : usdWithAurora);
}

/** The fewest jobs a month with which the tier costs more than one instance, and how that is said. */
function crossingOf(crossing: Crossing): readonly [number, string] {
  const isDearer = (jobsPerMonth: number): boolean => costRatio(crossing, jobsPerMonth) > 1;
  if (isDearer(0)) return [0, "always dearer:"];
  if (!isDearer(mostJobs)) return [mostJobs, "cheaper up to at least:"];
  let [cheaper, dearer] = [0, mostJobs];
  while (dearer - cheaper > 100) {
    const middle = Math.round((cheaper + dearer) / 2);
    if (isDearer(middle)) dearer = middle;
    else cheaper = middle;
  }
  return [dearer, "cheaper up to:"];
}
