import { describe, expect, test } from "vitest";
import { purgeJobType } from "./built-in.ts";
import { readCronYaml } from "./cron-yaml.ts";
import { defineJob } from "./job.ts";
import { readMessage } from "./message.ts";
import { planPurge, planSchedules, type SchedulePlan, scheduleMessage, scheduleMessageAt } from "./schedule-plan.ts";

const anything = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
const Report = defineJob({ type: "Report", input: anything });

function plan(more: string, fifo = false): SchedulePlan[] {
  const entry = `name: the task, url: /job/post/Report, schedule: "@daily"${more === "" ? "" : `, ${more}`}`;
  const read = readCronYaml(`version: 1\ncron: [{ ${entry} }]`, "cron.yaml");
  if (read.kind === "errors") throw new Error(JSON.stringify(read.errors));
  const problems: unknown[] = [];
  const tier = { name: "test", queues: { jobs: { fifo } }, jobs: [Report] };
  const plans = planSchedules(tier, read.schedules, (problem) => problems.push(problem));
  expect(problems).toEqual([]);
  return plans;
}

/** The message of a plan's run, as a consumer gets it. */
function delivered([schedule]: readonly SchedulePlan[]) {
  if (schedule === undefined) throw new Error("no schedule");
  const attributes = Object.entries(schedule.attributes).map(([name, value]) => [
    name,
    value.replace("<aws.scheduler.scheduled-time>", "2026-11-20T00:00:00Z"),
  ]);
  return readMessage({ messageId: "m", body: schedule.body, attributes: Object.fromEntries(attributes) });
}

describe("a missed run", () => {
  test.each([
    ["", 3600],
    ["missed: skip", 60],
    ["missed: run", 86_400],
    ["missed: run within 6 hours", 21_600],
  ])("%s: is tried for %d seconds", (more, seconds) => {
    expect(plan(more)[0]?.retry).toEqual({ attempts: 185, maximumAgeSeconds: seconds });
  });
});

describe("overlap", () => {
  test("skip travels with the message, to the job that is delivered", () => {
    expect(plan("overlap: skip")[0]?.attributes).toHaveProperty(["tendril.overlap"], "skip");
    expect(delivered(plan("overlap: skip"))).toMatchObject({
      job: { overlap: "skip", schedule: { name: "the task" } },
    });
  });

  test("skip is refused for a job type without a ledger", () => {
    const Free = defineJob({ type: "Free", input: anything, effects: "at-least-once" });
    const read = readCronYaml(
      'version: 1\ncron: [{ name: a, url: /job/post/Free, schedule: "@daily", overlap: skip }]',
      "cron.yaml",
    );
    const problems: unknown[] = [];
    const tier = { name: "test", queues: { jobs: {} }, jobs: [Free] };
    planSchedules(tier, read.kind === "schedules" ? read.schedules : [], (problem) => problems.push(problem));
    expect(problems).toEqual([expect.objectContaining({ given: expect.stringContaining("at-least-once") })]);
  });

  test("allow, and nothing, leave Beanstalk's three attributes alone", () => {
    for (const more of ["", "overlap: allow"]) {
      expect(Object.keys(plan(more)[0]?.attributes ?? {}).sort()).toEqual([
        "beanstalk.sqsd.path",
        "beanstalk.sqsd.scheduled_time",
        "beanstalk.sqsd.task_name",
      ]);
      const reading = delivered(plan(more));
      expect(reading.kind === "job" && reading.job).not.toHaveProperty("overlap");
    }
  });
});

test("a FIFO queue gets a group and a deduplication id for each time", () => {
  const [schedule] = plan("", true);
  expect(schedule && scheduleMessage(schedule)).toMatchObject({
    MessageGroupId: schedule?.name,
    MessageDeduplicationId: `${schedule?.name}-<aws.scheduler.scheduled-time>`,
  });
});

test("a run's message says its time to the second wherever Scheduler would put it", () => {
  const [schedule] = plan('data: "<aws.scheduler.scheduled-time>"', true);
  const message = schedule && scheduleMessageAt(schedule, Date.parse("2026-11-20T10:00:00.999Z"));
  expect(message).toMatchObject({
    MessageBody: '{"job_type":"Report","data":"2026-11-20T10:00:00Z"}',
    MessageAttributes: {
      "beanstalk.sqsd.task_name": { StringValue: "the task" },
      "beanstalk.sqsd.scheduled_time": { StringValue: "2026-11-20T10:00:00Z" },
    },
    MessageGroupId: schedule?.name,
    MessageDeduplicationId: `${schedule?.name}-2026-11-20T10:00:00Z`,
  });
});

test("the purge is delivered as a run of its own task, once a day", () => {
  const schedules = planPurge({ name: "test", queues: { jobs: {} }, jobs: [Report] });
  const facts = schedules.map(({ expression, timezone, enabled, builtIn }) => [expression, timezone, enabled, builtIn]);
  expect(facts).toEqual([["cron(47 3 * * ? *)", "UTC", true, true]]);
  expect(delivered(schedules)).toMatchObject({
    job: { type: purgeJobType, input: undefined, schedule: { name: "tendril-purge" } },
  });
});
