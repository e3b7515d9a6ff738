import { describe, expect, test } from "vitest";
import { readCronYaml } from "./cron-yaml.ts";
import type { Problem } from "./errors.ts";
import { defineJob, type JobOptions } from "./job.ts";
import { planTier, refusal } from "./plan.ts";
import type { QueueOptions, Tier } from "./tier.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

function job(options: Partial<JobOptions<typeof anything>> = {}) {
  return defineJob({ type: "IncrementJob", input: anything, ...options });
}

function tier(queue: QueueOptions = {}, jobs = [job()]): Tier {
  return { name: "tendril", queues: { jobs: queue }, jobs };
}

/** Every tier with exactly-once jobs has it. */
const purge = { task: "tendril-purge", jobType: "tendril.purge" };

function problemsOf(tier: Tier, schedules: Parameters<typeof planTier>[1] = []): readonly Problem[] {
  const result = planTier(tier, schedules);
  return result.kind === "refused" ? result.problems : [];
}

function entries(yaml: string) {
  const result = readCronYaml(yaml, "cron.yaml");
  if (result.kind === "errors") throw new Error(JSON.stringify(result.errors));
  return result.schedules;
}

test("a queue without options gets numbers that lose no job", () => {
  const result = planTier(tier());
  expect(result).toMatchObject({
    kind: "plan",
    plan: {
      queues: [
        {
          name: "jobs",
          fifo: false,
          visibilityTimeoutSeconds: 240,
          retentionSeconds: 345_600,
          maxReceiveCount: 13,
          deadLetter: { name: "jobs-dead", retentionSeconds: 1_209_600 },
          worker: {
            timeoutSeconds: 40,
            memoryMb: 512,
            environment: {
              TENDRIL_QUEUE: "jobs",
              TENDRIL_JOBS_AT_ONCE: "10",
              TENDRIL_LONGEST_JOB_SECONDS: "30",
              TENDRIL_MAX_RECEIVE_COUNT: "13",
              TENDRIL_LEDGER_RETENTION_SECONDS: "2592000",
            },
          },
          mapping: { batchSize: 10, windowSeconds: 0, maximumConcurrency: 10 },
          jobTypes: ["IncrementJob"],
        },
      ],
      ledger: { retentionSeconds: 2_592_000 },
      schedules: [purge],
    },
  });
});

test("a FIFO queue's receipts are not used up by waiting for earlier messages of a group", () => {
  expect(planTier(tier({ fifo: true }))).toMatchObject({ plan: { queues: [{ maxReceiveCount: 108 }] } });
});

test("the worker's timeout covers the longest job of its queue, and the visibility timeout six of it", () => {
  const jobs = [job({ timeout: "2 minutes" }), job({ type: "Other", timeout: "5 minutes" })];
  const result = planTier(tier({ worker: { batchSize: 100, batchWindow: "20 seconds" } }, jobs));
  expect(result).toMatchObject({
    plan: { queues: [{ worker: { timeoutSeconds: 310 }, visibilityTimeoutSeconds: 6 * 310 + 20 }] },
  });
});

describe("is refused, with the place, what was given and what is allowed", () => {
  test.each<[string, Tier, Partial<Problem>]>([
    [
      "a function that ends before its longest job",
      tier({ worker: { timeout: "30 seconds" } }),
      { where: "queues.jobs.worker.timeout", given: "30 seconds" },
    ],
    [
      "a job longer than Lambda's 15 minutes",
      tier({}, [job({ timeout: "16 minutes" })]),
      { where: "jobs.IncrementJob.timeout", given: "960000 ms" },
    ],
    [
      "a job that leaves no time to settle",
      tier({}, [job({ timeout: "15 minutes" })]),
      { where: "queues.jobs.worker.timeout", given: "900 seconds" },
    ],
    [
      "a batch over 10 without a window",
      tier({ worker: { batchSize: 11 } }),
      { where: "queues.jobs.worker.batchSize", given: "11 without a window" },
    ],
    [
      "a FIFO batch over 10",
      tier({ fifo: true, worker: { batchSize: 11 } }),
      { given: "11 messages", allowed: "1 to 10 messages" },
    ],
    [
      "a window on FIFO",
      tier({ fifo: true, worker: { batchWindow: "1 second" } }),
      { where: "queues.jobs.worker.batchWindow" },
    ],
    ["dead letters that vanish first", tier({ retention: "14 days" }), { where: "queues.jobs.deadLetterRetention" }],
    [
      "SQS dead-lettering before the last attempt",
      tier({ maxReceiveCount: 7 }),
      { where: "queues.jobs.maxReceiveCount", given: "7", allowed: expect.stringContaining("at least 8") },
    ],
    ["a maximum concurrency of 1", tier({ worker: { maximumConcurrency: 1 } }), { allowed: "2 to 1000 batches" }],
    [
      "a visibility timeout over 12 hours is out of reach; a retention over 14 days",
      tier({ retention: "15 days" }),
      { where: "queues.jobs.retention" },
    ],
    ["two job types of one name", tier({}, [job(), job()]), { where: "jobs.IncrementJob", allowed: "one" }],
    [
      "two job types of one path",
      tier({}, [job({ path: "/a" }), job({ type: "Other", path: "/a" })]),
      { where: "jobs.Other.path", given: "the path of IncrementJob" },
    ],
    [
      "an unknown queue",
      tier({}, [job({ queue: "mail" })]),
      { where: "jobs.IncrementJob.queue", given: '"mail"', allowed: "a queue of the tier: jobs" },
    ],
    ["no attempt at all", tier({}, [job({ retry: { attempts: 0 } })]), { where: "jobs.IncrementJob.retry.attempts" }],
    [
      "a backoff that shrinks",
      tier({}, [job({ retry: { backoff: { from: "1 hour", to: "1 minute" } } })]),
      { where: "jobs.IncrementJob.retry.backoff.to" },
    ],
    [
      "a backoff longer than SQS can hide a message",
      tier({}, [job({ retry: { backoff: { to: "13 hours" } } })]),
      { where: "jobs.IncrementJob.retry.backoff.to" },
    ],
    ["a name that AWS would cut", { ...tier(), name: "a-name-that-is-far-too-long" }, { where: "name" }],
    ["two queues with one link", { name: "tendril", queues: { "a-b": {}, ab: {} }, jobs: [] }, { where: "queues.ab" }],
    ["no queue", { name: "tendril", queues: {}, jobs: [] }, { where: "queues", given: "none" }],
  ])("%s", (_, refused, problem) => {
    expect(problemsOf(refused)).toContainEqual(expect.objectContaining(problem));
  });

  test("all reasons at once, and as one error", () => {
    const problems = problemsOf(
      tier({ worker: { maximumConcurrency: 1, memoryMb: 1 } }, [job(), job({ type: "Other", queue: "mail" })]),
    );
    expect(problems.map((problem) => problem.where)).toEqual([
      "jobs.Other.queue",
      "queues.jobs.worker.memoryMb",
      "queues.jobs.worker.maximumConcurrency",
    ]);
    expect(refusal(problems)).toMatchObject({
      code: "tier_refused",
      message: expect.stringContaining("128 to 10240 MB"),
    });
  });
});

describe("schedules", () => {
  const cron = (extra = "", schedule = "* * * * *") =>
    entries(
      `version: 1\ncron:\n  - name: "cron job"\n    url: "/job/post/IncrementJob"\n    schedule: "${schedule}"\n${extra}`,
    );

  test("send Elastic Beanstalk's body and attributes, the run's time filled in by Scheduler", () => {
    const result = planTier(tier(), cron());
    expect(result).toMatchObject({
      plan: {
        schedules: [
          {
            task: "cron job",
            expression: "cron(* * * * ? *)",
            timezone: "UTC",
            queue: "jobs",
            jobType: "IncrementJob",
            body: "elasticbeanstalk scheduled job",
            attributes: {
              "beanstalk.sqsd.path": "/job/post/IncrementJob",
              "beanstalk.sqsd.task_name": "cron job",
              "beanstalk.sqsd.scheduled_time": "<aws.scheduler.scheduled-time>",
            },
          },
          purge,
        ],
      },
    });
  });

  test("have legal, stable and unique names for any task name", () => {
    const result = planTier(tier(), cron("", "0 0 13 * 5"));
    const names = result.kind === "plan" ? result.plan.schedules.map((schedule) => schedule.name) : [];
    expect(names).toHaveLength(3);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[0-9a-zA-Z_.-]{1,64}$/);
  });

  test("on a FIFO queue carry a group and a deduplication id", () => {
    const result = planTier(tier({ fifo: true }), cron());
    expect(result).toMatchObject({
      plan: {
        schedules: [
          { fifo: { messageDeduplicationId: expect.stringContaining("<aws.scheduler.scheduled-time>") } },
          { ...purge, fifo: { messageDeduplicationId: expect.stringContaining("<aws.scheduler.scheduled-time>") } },
        ],
      },
    });
  });

  test("may name a job type by the path that it has of its own", () => {
    const backup = entries('version: 1\ncron:\n  - name: "backup"\n    url: "/backup"\n    schedule: "@daily"\n');
    expect(planTier(tier({}, [job(), job({ type: "BackupJob", path: "/backup" })]), backup)).toMatchObject({
      plan: {
        schedules: [
          { jobType: "BackupJob", attributes: { "beanstalk.sqsd.path": "/backup", "tendril.job_type": "BackupJob" } },
          purge,
        ],
      },
    });
  });

  test("may post a whole message to /job/run, as the original worker tier took it", () => {
    const run = (data: string) =>
      entries(`version: 1\ncron:\n  - name: "run"\n    url: "/job/run"\n    schedule: "@daily"\n    data: ${data}\n`);
    expect(planTier(tier(), run('{ "job_type": "IncrementJob", "data": "daily" }'))).toMatchObject({
      plan: {
        schedules: [
          {
            jobType: "IncrementJob",
            body: '{"job_type":"IncrementJob","data":"daily"}',
            attributes: { "beanstalk.sqsd.path": "/job/run", "tendril.job_type": "IncrementJob" },
          },
          purge,
        ],
      },
    });
    expect(problemsOf(tier(), run('{ "job_type": 7 }'))).toHaveLength(1);
  });

  test("that lead to no job type are refused by file, line and column", () => {
    const lost = entries('version: 1\ncron:\n  - name: "backup"\n    url: "/backup"\n    schedule: "@daily"\n');
    expect(problemsOf(tier(), lost)).toEqual([
      expect.objectContaining({
        where: "cron.yaml:3:5 (backup)",
        given: 'url "/backup" and no job',
        allowed: "a job type of the tier: IncrementJob",
      }),
    ]);
  });
});

describe("the ledger's retention", () => {
  const day = 86_400;
  const planned = (given: Tier) => {
    const result = planTier(given);
    return result.kind === "plan" ? result.plan.ledger.retentionSeconds : result.problems;
  };
  const long = { retention: "13 days", deadLetterRetention: "14 days" } as const;

  test("covers the longest life of a message: all of the dead-letter queue's, and the queue's again when it is sent back", () => {
    expect(planned({ ...tier(), ledger: { retention: "18 days" } })).toBe(18 * day);
    expect(planned({ ...tier(), ledger: { retention: "431 hours" } })).toEqual([
      expect.objectContaining({
        where: "ledger.retention",
        given: "1551600 seconds",
        allowed: expect.stringContaining("at least 1555200 seconds"),
      }),
    ]);
  });

  test("covers a FIFO queue's messages, whose age begins anew in the dead-letter queue", () => {
    const fifo = { name: "tendril", queues: { jobs: {}, "in-order": { fifo: true } }, jobs: [job()] };
    expect(planned({ ...fifo, ledger: { retention: "22 days" } })).toBe(22 * day);
    expect(planned({ ...fifo, ledger: { retention: "21 days" } })).toEqual([
      expect.objectContaining({ allowed: expect.stringContaining(`at least ${22 * day} seconds`) }),
    ]);
  });

  test("is 30 days, or more when messages can live longer", () => {
    expect(planned(tier(long))).toBe(30 * day);
    expect(planned(tier({ ...long, fifo: true }))).toBe(40 * day);
  });

  test("that cannot be read is refused once", () => {
    // @ts-expect-error: no unit of time
    expect(planned({ ...tier(), ledger: { retention: "30 moons" } })).toEqual([
      expect.objectContaining({ where: "ledger.retention" }),
    ]);
  });
});

describe("the ledger's purge", () => {
  const queueOf = (given: Tier) => {
    const result = planTier(given);
    return result.kind === "plan" ? result.plan.schedules.map(({ task, queue }) => [task, queue]) : result.problems;
  };
  const once = job({ queue: "in-order" });

  test("goes to the first standard queue, and to a FIFO queue when there is no other", () => {
    const queues = { "in-order": { fifo: true }, first: {}, second: {} };
    expect(queueOf({ name: "tendril", queues, jobs: [once] })).toEqual([["tendril-purge", "first"]]);
    expect(queueOf({ name: "tendril", queues: { "in-order": { fifo: true } }, jobs: [once] })).toEqual([
      ["tendril-purge", "in-order"],
    ]);
  });

  test("is not there for a tier that has no exactly-once jobs", () => {
    expect(queueOf(tier({}, []))).toEqual([]);
    const light = defineJob({ type: "Light", input: anything, effects: "at-least-once" });
    expect(queueOf({ name: "tendril", queues: { jobs: {} }, jobs: [light] })).toEqual([]);
    expect(queueOf({ name: "tendril", queues: { jobs: {} }, jobs: [light, job()] })).toHaveLength(1);
  });

  test("keeps its name for itself", () => {
    const taken = entries(
      'version: 1\ncron:\n  - name: tendril-purge\n    url: "/job/post/IncrementJob"\n    schedule: "@daily"\n',
    );
    expect(problemsOf(tier(), taken)).toEqual([
      expect.objectContaining({ where: "cron.yaml:3:5 (tendril-purge)", given: "the task name tendril-purge" }),
    ]);
  });
});
