/** cron.yaml as EventBridge schedules that send straight to a queue. */
import { type SchedulePlan, scheduleMessage } from "@tendril/core/schedule-plan";
import { plan } from "./plan.ts";
import { queues, safeQueue } from "./queues.ts";
import { stageName } from "./stage.ts";

if (plan.schedules.length > 0) makeSchedules(plan.schedules);

function makeSchedules(schedules: readonly SchedulePlan[]): void {
  const group = new aws.scheduler.ScheduleGroup("Schedules", { name: stageName() });
  // Runs that Scheduler could not send. A standard queue, whatever the target is: Scheduler takes no other.
  const failures = safeQueue("ScheduleFailures", 1_209_600);
  const targets = queues.filter((queue) => schedules.some((schedule) => schedule.queue === queue.plan.name));
  const role = senderRole(group, [...targets.map((target) => target.main), failures]);
  for (const schedule of schedules) {
    const target = targets.find((candidate) => candidate.plan.name === schedule.queue);
    if (target !== undefined) makeSchedule(schedule, { group, role, failures, target: target.main });
  }
}

function makeSchedule(
  schedule: SchedulePlan,
  {
    group,
    role,
    failures,
    target,
  }: {
    group: aws.scheduler.ScheduleGroup;
    role: aws.iam.Role;
    failures: sst.aws.Queue;
    target: sst.aws.Queue;
  },
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

/** May be assumed by this group of this account only: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html */
function senderRole(group: aws.scheduler.ScheduleGroup, to: readonly sst.aws.Queue[]): aws.iam.Role {
  return new aws.iam.Role("SchedulerRole", {
    description: `EventBridge Scheduler sends jobs of ${$app.name}, stage ${$app.stage}`,
    assumeRolePolicy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "scheduler.amazonaws.com" },
          Action: "sts:AssumeRole",
          Condition: {
            StringEquals: {
              "aws:SourceAccount": aws.getCallerIdentityOutput().accountId,
              "aws:SourceArn": group.arn,
            },
          },
        },
      ],
    }),
    inlinePolicies: [
      {
        name: "send",
        policy: $jsonStringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: ["sqs:SendMessage"], Resource: to.map((queue) => queue.arn) }],
        }),
      },
    ],
  });
}
