import { randomUUID } from "node:crypto";
import { BeginTransactionCommand } from "@aws-sdk/client-rds-data";
import {
  CreateScheduleCommand,
  DeleteScheduleCommand,
  DeleteScheduleGroupCommand,
  paginateListScheduleGroups,
  paginateListSchedules,
} from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  paginateListQueues,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import type { AwsProcess } from "../aws-process.ts";
import { cluster } from "../durability/other-loads.ts";
import type { Known } from "./operations.ts";

/** Makes anew what requests are about, and removes what earlier ones have made. */
export async function prepare({ clients }: AwsProcess, round: number): Promise<Known> {
  const { sqs, scheduler, rdsData } = clients;
  for await (const { QueueUrls = [] } of paginateListQueues({ client: sqs }, { MaxResults: 1000 })) {
    if (QueueUrls.length < 30) break;
    for (const QueueUrl of QueueUrls) await sqs.send(new DeleteQueueCommand({ QueueUrl }));
  }
  for await (const { Schedules = [] } of paginateListSchedules({ client: scheduler }, {})) {
    for (const { Name, GroupName } of Schedules) await scheduler.send(new DeleteScheduleCommand({ Name, GroupName }));
  }
  for await (const { ScheduleGroups = [] } of paginateListScheduleGroups({ client: scheduler }, {})) {
    for (const { Name } of ScheduleGroups) {
      if (Name !== "default") await scheduler.send(new DeleteScheduleGroupCommand({ Name })).catch(() => {});
    }
  }
  const name = `fuzz-${round}`;
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "to be received" }));
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 600 }));
  const { transactionId } = await rdsData.send(new BeginTransactionCommand(cluster));
  const Target = { Arn: `arn:aws:sqs:us-east-1:000000000000:${name}`, RoleArn: "arn:aws:iam::000000000000:role/any" };
  const timing = { ScheduleExpression: "rate(300 days)", FlexibleTimeWindow: { Mode: "OFF" as const } };
  const { ScheduleArn } = await scheduler.send(new CreateScheduleCommand({ Name: name, Target, ...timing }));
  const QueueArn = Target.Arn;
  return {
    ...knownOfData(transactionId),
    ...knownOfQueues(QueueUrl, QueueArn, Messages?.[0]?.ReceiptHandle),
    ...timing,
    QueueName: name,
    Name: name,
    "CreateQueue.QueueName": () => `made-${randomUUID()}`,
    "CreateSchedule.Name": () => `made-${randomUUID()}`,
    "CreateScheduleGroup.Name": () => `made-${randomUUID()}`,
    "GetScheduleGroup.Name": "default",
    GroupName: "default",
    Target,
    ResourceArn: ScheduleArn?.replace(/schedule\/default.*/, "schedule-group/default"),
    "TagResource.Tags": [{ Key: "a", Value: "b" }],
    "CreateScheduleGroup.Tags": [{ Key: "a", Value: "b" }],
    ScheduleExpressionTimezone: "Europe/Berlin",
    State: "ENABLED",
    ActionAfterCompletion: "NONE",
    EndDate: 4_100_000_000,
    KmsKeyArn: undefined,
    NextToken: undefined,
  };
}

function knownOfData(transactionId: string | undefined): Known {
  return {
    ...cluster,
    transactionId,
    "ExecuteStatement.transactionId": undefined,
    "BatchExecuteStatement.transactionId": undefined,
    database: "tendril",
    sql: "select :a::text as a, now(), array[1, 2], '{}'::jsonb",
    parameters: [{ name: "a", value: { stringValue: "text" } }],
    parameterSets: [[{ name: "a", value: { longValue: 1 } }]],
    schema: undefined,
    formatRecordsAs: "JSON",
    resultSetOptions: { decimalReturnType: "STRING", longReturnType: "LONG" },
  };
}

function knownOfQueues(QueueUrl: string | undefined, QueueArn: string, ReceiptHandle: string | undefined): Known {
  const entry = { Id: "a", ReceiptHandle, MessageBody: "a message" };
  return {
    QueueUrl,
    ReceiptHandle,
    WaitTimeSeconds: 0,
    MaxNumberOfMessages: 10,
    MessageBody: "a message",
    MessageAttributes: { a: { DataType: "String", StringValue: "b" } },
    MessageSystemAttributes: undefined,
    "SendMessageBatch.Entries": [entry, { ...entry, Id: "b", DelaySeconds: 1 }],
    "DeleteMessageBatch.Entries": [entry],
    "ChangeMessageVisibilityBatch.Entries": [{ ...entry, VisibilityTimeout: 600 }],
    AttributeNames: ["All"],
    MessageSystemAttributeNames: ["All"],
    Attributes: { VisibilityTimeout: "30", DelaySeconds: "0" },
    Label: () => randomUUID(),
    AWSAccountIds: ["000000000000"],
    Actions: ["SendMessage"],
    SourceArn: QueueArn,
    "CancelMessageMoveTask.TaskHandle": "word",
    QueueOwnerAWSAccountId: "000000000000",
  };
}
