import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  ListSchedulesCommand,
  type SchedulerClient,
  UpdateScheduleCommand,
} from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  QueueNameExists,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { Plan, QueuePlan } from "@tendril/core/plan";
import { type SchedulePlan, scheduleMessage } from "@tendril/core/schedule-plan";

/** The clients that a plan is deployed with; they speak to the local endpoints over the wire, as SST does to AWS. */
export interface DeployClients {
  readonly sqs: SQSClient;
  readonly scheduler: SchedulerClient;
}

/** Where a queue of the plan has been made. */
export interface DeployedQueue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly deadLetterUrl: string;
}

/** Makes the plan's queues, or brings those that are there to the plan's numbers. Messages stay. */
export async function deployQueues(plan: Plan, sqs: SQSClient): Promise<DeployedQueue[]> {
  const deployed: DeployedQueue[] = [];
  for (const queue of plan.queues) {
    const fifo = queue.fifo ? { FifoQueue: "true" } : undefined;
    const deadLetterUrl = await deployQueue(sqs, physicalName(queue, queue.deadLetter.name), fifo, {
      MessageRetentionPeriod: String(queue.deadLetter.retentionSeconds),
    });
    const url = await deployQueue(sqs, physicalName(queue, queue.name), fifo, {
      VisibilityTimeout: String(queue.visibilityTimeoutSeconds),
      MessageRetentionPeriod: String(queue.retentionSeconds),
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: await queueArn(sqs, deadLetterUrl),
        maxReceiveCount: queue.maxReceiveCount,
      }),
    });
    deployed.push({ name: queue.name, url, arn: await queueArn(sqs, url), deadLetterUrl });
  }
  return deployed;
}

/** The name that a queue has at the local SQS. */
export function physicalName(queue: QueuePlan, name = queue.name): string {
  return queue.fifo ? `${name}.fifo` : name;
}

/** Makes the plan's schedules in a group of the plan's name, and deletes those of the group that it no longer has. */
export async function deploySchedules(
  plan: Plan,
  queues: readonly DeployedQueue[],
  scheduler: SchedulerClient,
): Promise<void> {
  const group = plan.name;
  await scheduler.send(new CreateScheduleGroupCommand({ Name: group })).catch(ignore("ConflictException"));
  const wanted = new Set(plan.schedules.map((schedule) => schedule.name));
  for (const name of await scheduleNames(scheduler, group)) {
    if (!wanted.has(name)) await scheduler.send(new DeleteScheduleCommand({ GroupName: group, Name: name }));
  }
  for (const schedule of plan.schedules) {
    const queue = queues.find((candidate) => candidate.name === schedule.queue);
    if (queue === undefined) continue; // the plan has refused it before
    const input = scheduleInput(group, schedule, queue);
    await scheduler
      .send(new UpdateScheduleCommand(input))
      .catch(ignore("ResourceNotFoundException", () => scheduler.send(new CreateScheduleCommand(input))));
  }
}

function scheduleInput(group: string, schedule: SchedulePlan, queue: DeployedQueue): CreateScheduleCommandInput {
  return {
    GroupName: group,
    Name: schedule.name,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timezone,
    FlexibleTimeWindow: { Mode: "OFF" },
    State: schedule.enabled ? "ENABLED" : "DISABLED",
    Target: {
      Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
      RoleArn: "arn:aws:iam::000000000000:role/scheduler",
      Input: JSON.stringify({ QueueUrl: queue.url, ...scheduleMessage(schedule) }),
      RetryPolicy: {
        MaximumRetryAttempts: schedule.retry.attempts,
        MaximumEventAgeInSeconds: schedule.retry.maximumAgeSeconds,
      },
    },
  };
}

async function deployQueue(
  sqs: SQSClient,
  name: string,
  fifo: Record<string, string> | undefined,
  attributes: Record<string, string>,
): Promise<string> {
  const create = (all: Record<string, string>) =>
    sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { ...fifo, ...all } }));
  try {
    const { QueueUrl } = await create(attributes);
    return QueueUrl ?? "";
  } catch (error) {
    // It is there with other numbers: without any, AWS answers its address; then the numbers are set.
    if (!(error instanceof QueueNameExists)) throw error;
    const { QueueUrl } = await create({});
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: attributes }));
    return QueueUrl ?? "";
  }
}

async function queueArn(sqs: SQSClient, url: string): Promise<string> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }));
  return Attributes?.QueueArn ?? "";
}

async function scheduleNames(scheduler: SchedulerClient, group: string): Promise<string[]> {
  const names: string[] = [];
  let token: string | undefined;
  do {
    const page = await scheduler.send(new ListSchedulesCommand({ GroupName: group, NextToken: token }));
    names.push(...(page.Schedules ?? []).map((schedule) => schedule.Name ?? ""));
    token = page.NextToken;
  } while (token !== undefined);
  return names;
}

function ignore<Result>(name: string, instead?: () => Promise<Result>): (error: Error) => Promise<Result | undefined> {
  return async (error) => {
    if (error.name !== name) throw error;
    return instead?.();
  };
}
