import { isDeepStrictEqual } from "node:util";
import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  type GetScheduleCommandOutput,
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
import type { ClaimsLink, LaterLink } from "@tendril/core/link";
import type { Plan, QueuePlan } from "@tendril/core/plan";
import { type SchedulePlan, scheduleMessage } from "@tendril/core/schedule-plan";
import type { S3 } from "./s3/service.ts";

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

/**
 * Makes what one-time schedules need: a group of their own, and the queue for what Scheduler could not send, theirs and
 * that of the plan's schedules. Schedules that wait in the group stay.
 */
export async function deployLater(plan: Plan, { sqs, scheduler }: DeployClients): Promise<LaterLink> {
  const groupName = `${plan.name}-later`;
  await scheduler.send(new CreateScheduleGroupCommand({ Name: groupName })).catch(ignore("ConflictException"));
  // No queue of a tier has a name with upper-case letters.
  const failures = await deployQueue(sqs, "ScheduleFailures", undefined, { MessageRetentionPeriod: "1209600" });
  return {
    groupName,
    roleArn: "arn:aws:iam::000000000000:role/scheduler",
    deadLetterArn: await queueArn(sqs, failures),
  };
}

/**
 * Makes the plan's schedules in a group of the plan's name, and deletes those of the group that it no longer has. Those
 * that are as the plan has them are left alone, as SST leaves them: an update would start them anew.
 */
export async function deploySchedules(
  plan: Plan,
  queues: readonly DeployedQueue[],
  later: LaterLink,
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
    await deploySchedule(scheduleInput(group, schedule, queue, later), scheduler);
  }
}

/** Makes the bucket for large inputs; undefined for a plan that refuses them. Objects stay, but for those that are too old. */
export async function deployClaims({ name, largeInputs }: Plan, s3: S3): Promise<ClaimsLink | undefined> {
  if (largeInputs.kind === "refuse") return undefined;
  const bucket = `${name}-claims`;
  await s3.keepBucket(bucket, largeInputs.expiryDays);
  return { bucket };
}

async function deploySchedule(input: CreateScheduleCommandInput, scheduler: SchedulerClient): Promise<void> {
  const { GroupName, Name } = input;
  const there = await scheduler
    .send(new GetScheduleCommand({ GroupName, Name }))
    .catch(ignore<GetScheduleCommandOutput>("ResourceNotFoundException"));
  if (there === undefined) await scheduler.send(new CreateScheduleCommand(input));
  else if (!isAsPlanned(there, input)) await scheduler.send(new UpdateScheduleCommand(input));
}

/** Whether all that the plan says of a schedule is so already; a schedule made by a plan has nothing else. */
function isAsPlanned(there: GetScheduleCommandOutput, input: CreateScheduleCommandInput): boolean {
  return Object.entries(input).every(([member, value]) => isDeepStrictEqual(Reflect.get(there, member), value));
}

function scheduleInput(
  group: string,
  schedule: SchedulePlan,
  queue: DeployedQueue,
  later: LaterLink,
): CreateScheduleCommandInput {
  return {
    GroupName: group,
    Name: schedule.name,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timezone,
    FlexibleTimeWindow: { Mode: "OFF" },
    State: schedule.enabled ? "ENABLED" : "DISABLED",
    Target: {
      Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
      RoleArn: later.roleArn,
      DeadLetterConfig: { Arn: later.deadLetterArn },
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
