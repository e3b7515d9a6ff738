/** What every schedule needs: the role that sends its message, and the queue for what could not be sent. */
import { encryptionStatements } from "./encryption.ts";
import { safeQueue } from "./queues.ts";

/** Messages that EventBridge Scheduler could not send. A standard queue, whatever the target is: Scheduler takes no other. */
export const { queue: failures } = safeQueue("ScheduleFailures", 1_209_600);

/**
 * The role that sends the messages of a group's schedules. It may be assumed by this group of this account only:
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
 */
export function senderRole(
  name: string,
  group: aws.scheduler.ScheduleGroup,
  to: readonly sst.aws.Queue[],
): aws.iam.Role {
  return new aws.iam.Role(name, {
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
          Statement: [
            { Effect: "Allow", Action: ["sqs:SendMessage"], Resource: [...to, failures].map((queue) => queue.arn) },
            ...encryptionStatements,
          ],
        }),
      },
    ],
  });
}
