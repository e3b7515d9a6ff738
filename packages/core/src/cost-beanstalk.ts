/** What the Elastic Beanstalk worker environment costs that a tier replaces, under the same load. */
import { type Cost, type CostLine, costLine, sumOf, type TierCost } from "./cost.ts";
import { hoursPerMonth } from "./cost-database.ts";
import { type Load, total } from "./cost-traffic.ts";
import type { PriceName } from "./prices.ts";

/** A worker environment: the fewest instances that it has. */
export interface Environment {
  readonly instance: "t4g.small" | "t3.small";
  readonly instances: number;
}

/** What a worker environment costs. */
export interface EnvironmentCost extends Cost {
  readonly environment: Environment;
  /** How many instances the load needs: the environment's, or more. */
  readonly instances: number;
  /** What it would cost with the tier's database in place of RDS: awake all month, for instances stay connected to it. */
  readonly usdWithAurora: number;
}

/** The smallest environments that are sensible: two instances where a day without the worker is too long. */
export const environments: readonly Environment[] = [
  { instance: "t4g.small", instances: 1 },
  { instance: "t4g.small", instances: 2 },
  { instance: "t3.small", instances: 2 },
];

/** What the comparison takes for granted of an instance. */
export const instanceAssumptions = {
  /** Jobs that it runs at the same time: Beanstalk's default is 50 connections, for 2 GiB of memory that is many. */
  jobsAtOnce: 10,
  /** How much of the month they may fill, so that jobs need not wait for long. */
  utilisation: 0.7,
  diskGb: 8,
  databaseGb: 20,
  /** Requests of one poller that finds nothing, for 20 seconds each. */
  pollSeconds: 20,
} as const;

const hourPrices = { "t4g.small": "t4gSmallHours", "t3.small": "t3SmallHours" } as const satisfies Record<
  Environment["instance"],
  PriceName
>;

/**
 * What an environment costs a month: its instances without a load balancer, its queue, and PostgreSQL on a db.t4g.micro.
 * `tier` is what
 * the tier costs under the same load; its runs of schedules go through the environment's queue too.
 */
export function costOfEnvironment(environment: Environment, load: Load, tier: TierCost): EnvironmentCost {
  const deliveries = load.jobsPerMonth + tier.runs;
  const instances = Math.max(environment.instances, instancesFor(deliveries * load.secondsPerJob));
  const hours = instances * hoursPerMonth;
  const lines: CostLine[] = [
    costLine("EC2, instances", hours, hourPrices[environment.instance]),
    costLine("EC2, disks", instances * instanceAssumptions.diskGb, "ebsStorage"),
    costLine("EC2, public IPv4 addresses", hours, "publicAddressHours"),
    costLine("SQS, messages", 3 * deliveries, "sqsRequests"),
    costLine("SQS, idle polls", (hours * 3600) / instanceAssumptions.pollSeconds, "sqsRequests"),
    costLine("RDS, db.t4g.micro", hoursPerMonth, "rdsMicroHours"),
    costLine("RDS, storage", instanceAssumptions.databaseGb, "rdsStorage"),
  ];
  const cost = sumOf(lines);
  return { ...cost, environment, instances, usdWithAurora: cost.usd - usdOf(lines, rdsPrices) + auroraUsd(tier) };
}

const rdsPrices: readonly PriceName[] = ["rdsMicroHours", "rdsStorage"];

function auroraUsd({ lines, awakeHours }: TierCost): number {
  const awakeUsd = usdOf(lines, ["acuHours"]);
  const capacityUsd = awakeHours === 0 ? halfAcuUsd : (awakeUsd * hoursPerMonth) / awakeHours;
  return capacityUsd + usdOf(lines, ["auroraStorage", "auroraIo", "secrets"]);
}

const halfAcuUsd = costLine("half an ACU all month", hoursPerMonth / 2, "acuHours").usd;

const usdOf = (lines: readonly CostLine[], of: readonly PriceName[]): number =>
  total(lines.filter(({ price }) => of.includes(price)).map(({ usd }) => usd));

function instancesFor(secondsPerMonth: number): number {
  const { jobsAtOnce, utilisation } = instanceAssumptions;
  return Math.ceil(secondsPerMonth / (hoursPerMonth * 3600 * jobsAtOnce * utilisation));
}
