import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Cost, costOfTier, type StageFacts } from "./cost.ts";
import { costOfEnvironment, environments } from "./cost-beanstalk.ts";
import { databaseOf } from "./cost-database.ts";
import type { Load } from "./cost-traffic.ts";
import { readCronYaml } from "./cron-yaml.ts";
import { defineJob } from "./job.ts";
import { type Plan, planTier } from "./plan.ts";
import { type PriceName, priceOf } from "./prices.ts";
import type { Tier } from "./tier.ts";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const Mail = defineJob({ type: "Mail", input });
const Ping = defineJob({ type: "Ping", input, effects: "at-least-once" });

function planOf(tier: Tier, schedules = ""): Plan {
  const cron = readCronYaml(schedules === "" ? "version: 1\ncron: []" : `version: 1\ncron:\n${schedules}`, "cron.yaml");
  const result = planTier(tier, cron.kind === "schedules" ? cron.schedules : []);
  if (result.kind === "plan" && cron.kind === "schedules") return result.plan;
  throw new Error(JSON.stringify([cron, result]));
}

const every = (expression: string, job: string): string =>
  `  - { name: "of ${job}", url: "/job/post/${job}", schedule: "${expression}" }\n`;

const tier: Tier = { name: "app", queues: { jobs: {} }, jobs: [Mail] };
const load: Load = { jobsPerMonth: 1_000_000, secondsPerJob: 0.25 };
const personal: StageFacts = { database: databaseOf("someone"), alarms: 0, dashboards: 0 };

const amountOf = ({ lines }: Cost, price: PriceName): number =>
  lines.filter((line) => line.price === price).reduce((sum, { amount }) => sum + amount, 0);

describe("a million jobs of 0.25 s in 512 MB", () => {
  const cost = costOfTier(tier, planOf(tier), load, personal);

  test.each<[PriceName, number]>([
    ["lambdaRequests", 2_000_000 + 365 / 12],
    ["lambdaGbSeconds", 125_000 + 25_000 + (365 / 12) * 0.125],
    ["sqsRequests", 3 * (1_000_000 + 365 / 12) + 657_000],
    ["apiRequests", 1_000_000],
    ["scheduleRuns", 365 / 12],
    ["dataApiCalls", 4 * (1_000_000 + 365 / 12)],
    ["acuHours", 365],
    ["secrets", 1],
  ])("use so much of %s: %d", (price, expected) => {
    expect(amountOf(cost, price)).toBeCloseTo(expected, 2);
  });

  test("cost what their lines cost, each at its price", () => {
    for (const { amount, price, usd } of cost.lines) {
      expect(usd).toBeCloseTo((amount * priceOf(price).usd) / priceOf(price).per, 9);
    }
    expect(cost.usd).toBeCloseTo(
      cost.lines.reduce((sum, { usd }) => sum + usd, 0),
      9,
    );
  });
});

test("no jobs, no schedules: a personal stage costs the queue's polls, the secret, the network's zone and the app's tables, and the ledger's purge next to nothing", () => {
  const cost = costOfTier(tier, planOf(tier), { ...load, jobsPerMonth: 0 }, personal);
  expect(amountOf(cost, "apiRequests")).toBe(0);
  expect(cost.usd).toBeGreaterThan(1.26);
  expect(cost.usd).toBeLessThan(1.5);
});

test("a job type without effects in the database leaves it asleep", () => {
  const quiet: Tier = { ...tier, jobs: [Ping] };
  const cost = costOfTier(quiet, planOf(quiet, every("* * * * *", "Ping")), load, personal);
  expect(cost.awakeHours).toBe(0);
  expect(amountOf(cost, "dataApiCalls")).toBe(0);
  expect(cost.runs).toBe(43_800);
});

test("a schedule that comes every minute keeps the database awake; one that is switched off does nothing", () => {
  const awake = (schedules: string): number =>
    costOfTier(tier, planOf(tier, schedules), { ...load, jobsPerMonth: 0 }, personal).awakeHours;
  expect(awake(every("* * * * *", "Mail"))).toBe(730);
  expect(awake(every("* * * * *", "Mail").replace(" }", ", enabled: false }"))).toBe(awake(""));
});

test("a task whose expression needs two schedules on AWS runs once at a time", () => {
  const plan = planOf({ ...tier, jobs: [Ping] }, every("0 0 1 * mon", "Ping"));
  expect(plan.schedules).toHaveLength(2);
  const { runs } = costOfTier({ ...tier, jobs: [Ping] }, plan, load, personal);
  expect(runs * 12).toBeCloseTo(12 + 52 - 3, 6); // three firsts of 2027 are Mondays
});

test("a window gathers jobs into fewer batches, never more than fit one", () => {
  const batches = (batchWindow: "0 seconds" | "10 seconds" | "300 seconds", jobsPerMonth: number): number => {
    const windowed: Tier = {
      ...tier,
      queues: {
        jobs: { worker: { batchSize: 100, batchWindow: batchWindow === "0 seconds" ? "1 second" : batchWindow } },
      },
    };
    const cost = costOfTier(windowed, planOf(windowed), { ...load, jobsPerMonth }, personal);
    return amountOf(cost, "lambdaRequests") - jobsPerMonth;
  };
  expect(batches("10 seconds", 100_000)).toBeCloseTo(100_030, -1);
  expect(batches("10 seconds", 10_000_000)).toBeCloseTo(262_800, -1);
  expect(batches("300 seconds", 10_000_000)).toBeCloseTo(100_000, -1);
});

describe("grouped jobs", () => {
  const Note = defineJob({ type: "Note", input, commit: "grouped" });
  const calls = (given: Tier, jobsPerMonth: number): number =>
    amountOf(costOfTier(given, planOf(given), { ...load, jobsPerMonth }, personal), "dataApiCalls") - 4 * (365 / 12);
  const windowed = (...jobs: Tier["jobs"]): Tier => ({
    name: "app",
    queues: { jobs: { worker: { batchSize: 10, batchWindow: "10 seconds" } } },
    jobs,
  });

  test("share the call of their batch, and a batch of one has it alone", () => {
    expect(calls({ ...tier, jobs: [Note] }, 1_000_000)).toBeCloseTo(1_000_000, 0);
    expect(calls(windowed(Note), 10_000_000)).toBeCloseTo(1_000_000, -2);
  });

  test("share it with other job types, which pay for themselves", () => {
    expect(calls(windowed(Note, Mail), 10_000_000)).toBeCloseTo(1_000_000 + 4 * 5_000_000, -2);
    expect(calls(windowed(Note, Ping), 10_000_000)).toBeCloseTo(1_000_000, -2);
  });
});

describe("jobs that come in one request", () => {
  const cost = (given: Partial<Load>, of = tier): Cost => costOfTier(of, planOf(of), { ...load, ...given }, personal);

  test("share it, and SQS's calls of ten", () => {
    const [single, together] = [cost({}), cost({ jobsPerRequest: 100 })];
    expect(amountOf(together, "apiRequests")).toBe(10_000);
    expect(amountOf(single, "sqsRequests") - amountOf(together, "sqsRequests")).toBeCloseTo(900_000, 2);
  });

  test("with keys are noted in one call, which wakes the database", () => {
    const quiet: Tier = { ...tier, jobs: [Ping] };
    const keyed = cost({ jobsPerRequest: 100, keyed: true }, quiet);
    expect(amountOf(keyed, "dataApiCalls") - amountOf(cost({}, quiet), "dataApiCalls")).toBeCloseTo(10_000, 2);
    expect(amountOf(keyed, "acuHours")).toBeGreaterThan(amountOf(cost({}, quiet), "acuHours"));
  });
});

test("FIFO queues have a price of their own, an own key another", () => {
  const ordered: Tier = { ...tier, queues: { jobs: { fifo: true } }, encryption: "kms" };
  const cost = costOfTier(ordered, planOf(ordered), load, personal);
  expect(amountOf(cost, "sqsRequests")).toBe(0);
  expect(amountOf(cost, "sqsFifoRequests")).toBeGreaterThan(3_000_000);
  expect(amountOf(cost, "keys")).toBe(1);
});

describe("rules of every load", () => {
  const wide: Tier = {
    name: "app",
    queues: { jobs: { worker: { batchSize: 50, batchWindow: "2 seconds" } }, b: {} },
    jobs: [Mail, Ping],
  };
  const plan = planOf(wide, every("13 * * * *", "Mail"));
  const loads = fc.record({
    jobsPerMonth: fc.integer({ min: 0, max: 1_000_000_000 }),
    secondsPerJob: fc.integer({ min: 1, max: 9000 }).map((tenths) => tenths / 10),
    memoryMb: fc.integer({ min: 128, max: 10_240 }),
  });
  const stages = fc.constantFrom<StageFacts>(personal, {
    database: databaseOf("production"),
    alarms: 13,
    dashboards: 1,
  });
  const usd = (given: Load, stage: StageFacts): number => costOfTier(wide, plan, given, stage).usd;
  const tolerance = 1e-9;

  test("more jobs, seconds or memory never cost less, and no jobs cost the least", () => {
    fc.assert(
      fc.property(
        loads,
        stages,
        fc.nat(1_000_000),
        fc.nat(900),
        fc.nat(1000),
        (given, stage, jobs, seconds, memory) => {
          const base = usd(given, stage);
          const atLeast = base * (1 - tolerance);
          expect(usd({ ...given, jobsPerMonth: given.jobsPerMonth + jobs }, stage)).toBeGreaterThanOrEqual(atLeast);
          expect(usd({ ...given, secondsPerJob: given.secondsPerJob + seconds }, stage)).toBeGreaterThanOrEqual(
            atLeast,
          );
          expect(usd({ ...given, memoryMb: given.memoryMb + memory }, stage)).toBeGreaterThanOrEqual(atLeast);
          expect(usd({ ...given, jobsPerMonth: 0 }, stage)).toBeLessThanOrEqual(base * (1 + tolerance));
        },
      ),
      { numRuns: 25 },
    );
  });

  test("no line is negative or no number, and the lines are the total", () => {
    fc.assert(
      fc.property(loads, stages, (given, stage) => {
        const cost = costOfTier(wide, plan, given, stage);
        for (const line of cost.lines) {
          expect(line.amount, line.item).toBeGreaterThanOrEqual(0);
          expect(line.usd, line.item).toBeGreaterThanOrEqual(0);
        }
        expect(cost.usd).toBeCloseTo(
          cost.lines.reduce((sum, line) => sum + line.usd, 0),
          6,
        );
      }),
      { numRuns: 25 },
    );
  });
});

describe("an Elastic Beanstalk worker environment", () => {
  const cost = costOfTier(tier, planOf(tier), { ...load, jobsPerMonth: 0 }, personal);

  test.each(environments)(
    "of $instances × $instance costs its instances, disks, addresses, queue and RDS",
    (environment) => {
      const found = costOfEnvironment(environment, { ...load, jobsPerMonth: 0 }, cost);
      expect(found.instances).toBe(environment.instances);
      expect(amountOf(found, "rdsMicroHours")).toBe(730);
      expect(amountOf(found, "publicAddressHours")).toBe(730 * environment.instances);
      expect(found.usd).toBeCloseTo(
        found.lines.reduce((sum, { usd }) => sum + usd, 0),
        9,
      );
    },
  );

  test("with Aurora in place of RDS the database never sleeps: instances stay connected", () => {
    const [environment] = environments;
    if (environment === undefined) throw new Error("no environment");
    const { usd, usdWithAurora } = costOfEnvironment(environment, { ...load, jobsPerMonth: 0 }, cost);
    expect(usdWithAurora - usd).toBeCloseTo(43.8 + 0.1 + 0.4 - (11.68 + 2.3), 1);
  });

  test("gets more instances when the load needs them, and never less for more jobs", () => {
    const [environment] = environments;
    if (environment === undefined) throw new Error("no environment");
    const instances = (jobsPerMonth: number): number =>
      costOfEnvironment(environment, { jobsPerMonth, secondsPerJob: 10 }, cost).instances;
    expect([0, 1_000_000, 10_000_000].map(instances)).toEqual([1, 1, 6]);
    fc.assert(
      fc.property(fc.nat(100_000_000), fc.nat(1_000_000), (jobs, more) => {
        expect(instances(jobs + more)).toBeGreaterThanOrEqual(instances(jobs));
      }),
    );
  });
});
