/**
 * Jobs that wait longer than SQS can delay them: one-time schedules, made by the API and the workers while they run.
 * Scheduler holds 10,000,000 schedules of an account and region at once, more on request; each deletes itself when it has
 * sent its message. https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
 */
import { laterLinkName } from "@tendril/core/link";
import { queues } from "./queues.ts";
import { failures, senderRole } from "./scheduler.ts";
import { outlives, stageName } from "./stage.ts";

/** The group goes with its schedules, which are jobs that wait: in production it stays. */
export const laterGroup = new aws.scheduler.ScheduleGroup("LaterSchedules", { name: stageName("later") }, outlives);

const role = senderRole(
  "LaterRole",
  laterGroup,
  queues.map((queue) => queue.main),
);

/** Lets a function make schedules in the group, and hand them the role; it can neither read nor change any. */
export const later = new sst.Linkable(laterLinkName, {
  properties: { groupName: laterGroup.name, roleArn: role.arn, deadLetterArn: failures.arn },
  include: [
    sst.aws.permission({
      actions: ["scheduler:CreateSchedule"],
      resources: [laterGroup.arn.apply((arn) => `${arn.replace(":schedule-group/", ":schedule/")}/*`)],
    }),
    sst.aws.permission({
      actions: ["iam:PassRole"],
      resources: [role.arn],
      conditions: [{ test: "StringEquals", variable: "iam:PassedToService", values: ["scheduler.amazonaws.com"] }],
    }),
  ],
});
