import { type Cost, costOfTier, type TierCost } from "@tendril/core/cost";
import {
  costOfEnvironment,
  type EnvironmentCost,
  environments,
  instanceAssumptions,
} from "@tendril/core/cost-beanstalk";
import { databaseOf } from "@tendril/core/cost-database";
import { assumptions, type Load } from "@tendril/core/cost-traffic";
import { type RolePlan, rolesOf } from "@tendril/core/permissions";
import type { Plan } from "@tendril/core/plan";
import { type Price, type PriceName, priceOf, pricesGathered } from "@tendril/core/prices";
import { type NumberOrigin, originsOf } from "@tendril/core/provenance";
import type { Tier } from "@tendril/core/tier";
import { burstsOf, type QueueBurst } from "./plan-burst.ts";
import type { PlanCommand } from "./plan-command.ts";
import { type PlannedResource, resourcesOf } from "./plan-resources.ts";

/** What `tendril plan` tells, and prints with `--json`. Money is in US dollars a month. */
export interface PlanReport {
  readonly tier: string;
  readonly stage: string;
  readonly resources: readonly PlannedResource[];
  readonly numbers: readonly NumberOrigin[];
  readonly roles: readonly RolePlan[];
  readonly load: {
    readonly jobsPerMonth: number;
    readonly secondsPerJob: number;
    /** Of each queue's worker. */
    readonly memoryMb: Readonly<Record<string, number>>;
  };
  /** How many sources the queues have; the load is without what they bring. */
  readonly sources: number;
  readonly cost: TierCost;
  /** What it would be if the database slept when nobody uses it; null where it does. */
  readonly sleeping: TierCost | null;
  /** What it may replace, under the same load. */
  readonly beanstalk: readonly EnvironmentCost[];
  /** How each queue would take a burst; null when that was not asked. */
  readonly bursts: readonly QueueBurst[] | null;
  readonly assumptions: { readonly tier: typeof assumptions; readonly instance: typeof instanceAssumptions };
  readonly prices: {
    readonly on: string;
    readonly region: string;
    /** Those that the costs are made of. */
    readonly used: Readonly<Partial<Record<PriceName, Price>>>;
  };
}

/** Works a report out: a pure function of the tier, its plan, and what is asked. */
export function reportOf(tier: Tier, planned: Plan, command: PlanCommand): PlanReport {
  const { stage, jobsPerMonth, secondsPerJob, memoryMb, burst } = command;
  const load: Load = { jobsPerMonth, secondsPerJob, ...(memoryMb === undefined ? {} : { memoryMb }) };
  const resources = resourcesOf(planned, stage);
  const countOf = (kind: PlannedResource["kind"]): number => resources.filter((each) => each.kind === kind).length;
  const database = databaseOf(stage);
  const costWith = (minimumAcu: number): TierCost =>
    costOfTier(tier, planned, load, {
      database: { ...database, minimumAcu },
      alarms: countOf("alarm"),
      dashboards: countOf("dashboard"),
    });
  const cost = costWith(database.minimumAcu);
  const beanstalk = environments.map((environment) => costOfEnvironment(environment, load, cost));
  return {
    tier: planned.name,
    stage,
    resources,
    numbers: originsOf(tier, planned),
    roles: rolesOf(planned),
    load: {
      jobsPerMonth,
      secondsPerJob,
      memoryMb: Object.fromEntries(planned.queues.map(({ name, worker }) => [name, memoryMb ?? worker.memoryMb])),
    },
    sources: planned.sources.length,
    cost,
    sleeping: database.minimumAcu === 0 ? null : costWith(0),
    beanstalk,
    bursts: burst === undefined ? null : burstsOf(planned, burst, secondsPerJob),
    assumptions: { tier: assumptions, instance: instanceAssumptions },
    prices: { ...pricesGathered, used: pricesOf([cost, ...beanstalk]) },
  };
}

function pricesOf(costs: readonly Cost[]): Partial<Record<PriceName, Price>> {
  const names = new Set(costs.flatMap(({ lines }) => lines.map(({ price }) => price)));
  return Object.fromEntries([...names].map((name) => [name, priceOf(name)]));
}
