/** cron.yaml, and the built-in schedules, as EventBridge schedules that send straight to a queue. */
import { type SchedulePlan, scheduleMessage } from "@tendril/core/schedule-plan";
import { plan } from "./plan.ts";
import { queues } from "./queues.ts";
import { failures, senderRole } from "./scheduler.ts";
import { stageName } from "./stage.ts";

/** The group of the plan's schedules; none when there are none. */
export const scheduleGroup = plan.schedules.length > 0 ? makeSchedules(plan.schedules) : undefined;

function makeSchedules(schedules: readonly SchedulePlan[]): aws.scheduler.ScheduleGroup {
  const group = new aws.scheduler.ScheduleGroup("Schedules", { name: stageName() });
  const targets = queues.filter((queue) => schedules.some((schedule) => schedule.queue === queue.plan.name));
  const role = senderRole(
    "SchedulerRole",
    group,
    targets.map((target) => target.main),
  );
  for (const schedule of schedules) {
    const target = targets.find((candidate) => candidate.plan.name === schedule.queue);
    if (target !== undefined) makeSchedule(schedule, { group, role, target: target.main });
  }
  return group;
}

function makeSchedule(
  schedule: SchedulePlan,
  { group, role, target }: { group: aws.scheduler.ScheduleGroup; role: aws.iam.Role; target: sst.aws.Queue },
): void {
  new aws.scheduler.Schedule(schedule.name, {
    name: schedule.name,
    groupName: group.name,
    scheduleExpression: schedule.expression,
    scheduleExpressionTimezone: schedule.timezone,
    flexibleTimeWindow: { mode: "OFF" },
    // A personal stage would go on firing when `sst dev` has ended.
    state: schedule.enabled && !$dev ? "ENABLED" : "DISABLED",
    target: {
      arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
      roleArn: role.arn,
      input: $jsonStringify({ QueueUrl: target.url, ...scheduleMessage(schedule) }),
      retryPolicy: {
        maximumRetryAttempts: schedule.retry.attempts,
        maximumEventAgeInSeconds: schedule.retry.maximumAgeSeconds,
      },
      deadLetterConfig: { arn: failures.arn },
    },
  });
}
