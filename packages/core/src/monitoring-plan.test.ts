import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defineJob } from "./job.ts";
import { planTier } from "./plan.ts";
import type { QueueOptions, Tier } from "./tier.ts";

const input = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;

/** What a tier is planned as, or every reason against it. */
function plan(options: Partial<Tier> = {}, queue: QueueOptions = {}) {
  const jobs = [defineJob({ type: "Mail", input, timeout: "2 minutes" })];
  return planTier({ name: "tendril", queues: { jobs: queue }, jobs, ...options });
}

test("who says nothing gets alarms in production, mailed to nobody, and SQS's own encryption", () => {
  expect(plan()).toMatchObject({
    kind: "plan",
    plan: { encryption: "sqs", monitoring: { stages: ["production"] }, queues: [{ alarmAfterSeconds: 600 + 130 }] },
  });
});

test("what is said is planned", () => {
  const said = { encryption: "kms", monitoring: { email: "ops@example.com", stages: ["production", "eu-1"] } } as const;
  expect(plan(said, { alarmAfter: "1.5 minutes" })).toMatchObject({
    kind: "plan",
    plan: { ...said, queues: [{ alarmAfterSeconds: 90 }] },
  });
});

test("the alarm for the oldest message can go off for any queue: its age never exceeds what SQS keeps", () => {
  fc.assert(
    fc.property(fc.integer({ min: 60, max: 1_209_599 }), fc.integer({ min: 130, max: 900 }), (retention, timeout) => {
      const result = plan(
        {},
        {
          retention: `${retention} seconds`,
          deadLetterRetention: "14 days",
          worker: { timeout: `${timeout} seconds` },
        },
      );
      if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
      const [queue] = result.plan.queues;
      expect(queue?.alarmAfterSeconds).toBe(Math.min(600 + timeout, retention));
    }),
  );
});

describe("is refused", () => {
  test.each([
    [
      "an age that no message reaches",
      {},
      { alarmAfter: "5 days" as const },
      "queues.jobs.alarmAfter",
      "432000 seconds",
    ],
    ["an age below a minute", {}, { alarmAfter: "59 seconds" as const }, "queues.jobs.alarmAfter", "59 seconds"],
    ["no address", { monitoring: { email: "ops" } }, {}, "monitoring.email", '"ops"'],
    ["two addresses", { monitoring: { email: "a@b.de, c@d.de" } }, {}, "monitoring.email", '"a@b.de, c@d.de"'],
    ["no stage's name", { monitoring: { stages: ["a b"] } }, {}, "monitoring.stages", '"a b"'],
  ] as const)("%s", (_, options, queue, where, given) => {
    expect(plan(options, queue)).toMatchObject({ kind: "refused", problems: [{ where, given }] });
  });

  test("a word for encryption that is none, which a file without a type check can say", () => {
    const options: Partial<Tier> = {};
    Reflect.set(options, "encryption", "KMS");
    expect(plan(options)).toMatchObject({
      kind: "refused",
      problems: [{ where: "encryption", given: '"KMS"', allowed: '"sqs" or "kms"' }],
    });
  });
});
