import { describe, expect, test } from "vitest";
import type { CronEntry } from "./cron-yaml.ts";
import { readCronYaml } from "./cron-yaml.ts";
import { defineJob } from "./job.ts";
import { type Plan, planTier } from "./plan.ts";
import { type NumberOrigin, originsOf } from "./provenance.ts";
import type { Tier } from "./tier.ts";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const Short = defineJob({ type: "Short", input, timeout: "5 seconds", retry: { attempts: 2 } });
const Long = defineJob({ type: "Long", input, timeout: "90 seconds" });
const Ordered = defineJob({ type: "Ordered", input, queue: "ordered", retry: { attempts: 9 } });

const plain: Tier = {
  name: "app",
  queues: { jobs: {}, ordered: { fifo: true }, empty: {} },
  jobs: [Short, Long, Ordered],
};
const told: Tier = {
  name: "app",
  queues: {
    jobs: {
      retention: "10 days",
      deadLetterRetention: "14 days",
      maxReceiveCount: 50,
      alarmAfter: "2 hours",
      worker: {
        timeout: "3 minutes",
        memoryMb: 2048,
        batchSize: 20,
        batchWindow: "7 seconds",
        maximumConcurrency: 3,
        jobsAtOnce: 4,
      },
    },
  },
  jobs: [Long],
  ledger: { retention: "60 days" },
  api: { throttle: { rate: 7, burst: 9 } },
  largeInputs: "s3",
};
const schedules = `version: 1
cron:
  - { name: "plain", url: "/job/post/Long", schedule: "* * * * *" }
  - { name: "patient", url: "/job/post/Long", schedule: "* * * * *", missed: "run within 6 hours" }
`;

function entries(): readonly CronEntry[] {
  const read = readCronYaml(schedules, "cron.yaml");
  if (read.kind === "schedules") return read.schedules;
  throw new Error(JSON.stringify(read.errors));
}

function planOf(tier: Tier): Plan {
  const result = planTier(tier, entries());
  if (result.kind === "plan") return result.plan;
  throw new Error(JSON.stringify(result.problems));
}

/** Paths of all numbers in a value; members of lists go by their names. */
function numbersIn(value: unknown, path = ""): [path: string, value: number][] {
  if (typeof value === "number") return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((each) => numbersIn(each, `${path}.${each?.name ?? ""}`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => numbersIn(each, path === "" ? key : `${path}.${key}`));
}

const howOf = (origins: readonly NumberOrigin[], path: string): string | undefined =>
  origins.find((origin) => origin.path === path)?.how;

describe.each([
  ["defaults alone", plain],
  ["every option", told],
])("a tier with %s", (_, tier) => {
  const plan = planOf(tier);
  const origins = originsOf(tier, plan);

  test("has an origin for every number of its plan, with the plan's value, and for no other", () => {
    const planned = numbersIn(plan).filter(([path]) => !/^schedules\..*\.entry\./.test(path));
    const jobsAtOnce = plan.queues.map(({ name, worker }): [string, number] => [
      `queues.${name}.worker.environment.TENDRIL_JOBS_AT_ONCE`,
      Number(worker.environment.TENDRIL_JOBS_AT_ONCE),
    ]);
    expect(Object.fromEntries(origins.map(({ path, value }) => [path, value]))).toEqual(
      Object.fromEntries([...planned, ...jobsAtOnce]),
    );
  });

  test("says how each came about", () => {
    for (const { how, path } of origins) expect(how, path).not.toMatch(/^$|undefined|NaN|-\d/);
  });
});

test("without options nothing is an option, but what cron.yaml says", () => {
  const options = originsOf(plain, planOf(plain)).filter(({ source }) => source === "option");
  expect(options.map(({ of, how }) => [of.replace(/-[0-9a-f]{8}$/, ""), how])).toEqual([
    ["schedule patient", expect.stringContaining("missed, in cron.yaml line 4")],
  ]);
});

test("an option is named with what it says", () => {
  const origins = originsOf(told, planOf(told));
  const said = origins.filter(({ source, of }) => source === "option" && !of.startsWith("schedule"));
  expect(said.map(({ how }) => how)).toEqual([
    'queues.jobs.retention: "10 days"',
    "queues.jobs.maxReceiveCount: 50",
    'queues.jobs.alarmAfter: "2 hours"',
    'queues.jobs.deadLetterRetention: "14 days"',
    'queues.jobs.worker.timeout: "3 minutes"',
    "queues.jobs.worker.memoryMb: 2048",
    "queues.jobs.worker.jobsAtOnce: 4",
    "queues.jobs.worker.batchSize: 20",
    'queues.jobs.worker.batchWindow: "7 seconds"',
    "queues.jobs.worker.maximumConcurrency: 3",
    "api.throttle.rate: 7",
    "api.throttle.burst: 9",
    'ledger.retention: "60 days"',
  ]);
});

test("what is worked out says of what", () => {
  const origins = originsOf(plain, planOf(plain));
  expect(howOf(origins, "queues.jobs.visibilityTimeoutSeconds")).toBe("6 × function timeout 100 s + window 0 s");
  expect(howOf(origins, "queues.jobs.worker.timeoutSeconds")).toBe("longest job timeout 90 s (Long) + 10 s to settle");
  expect(howOf(origins, "queues.empty.worker.timeoutSeconds")).toBe(
    "a job's default timeout 30 seconds + 10 s to settle",
  );
  expect(howOf(origins, "queues.jobs.maxReceiveCount")).toBe("2 × most attempts 5 (Long) + 3 to spare");
  expect(howOf(origins, "queues.ordered.maxReceiveCount")).toBe("100 + most attempts 9 (Ordered) + 3 to spare");
  expect(howOf(origins, "queues.empty.maxReceiveCount")).toBe("2 × most attempts 1 + 3 to spare");
  expect(howOf(origins, "queues.jobs.alarmAfterSeconds")).toBe("600 s + function timeout 100 s");
});
