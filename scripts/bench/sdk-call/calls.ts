import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  type RDSDataClient,
} from "@aws-sdk/client-rds-data";
import { SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";

const database = {
  resourceArn: "arn:aws:rds:us-east-1:000000000000:cluster:app",
  secretArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:app",
};
const id = "8f507cfc-0000-4000-8000-000000000000";
const transactionId = "t".repeat(184);

/** What a job's insert hands over. */
export const statement = {
  ...database,
  database: "app",
  transactionId,
  formatRecordsAs: "JSON" as const,
  sql: "insert into job_server_data (id, data) values (:p1::uuid, :p2)",
  parameters: [
    { name: "p1", value: { stringValue: id } },
    { name: "p2", value: { stringValue: "a text of some length, as a job may have" } },
  ],
};
export const beginning = { ...database, database: "app" };
export const committing = { ...database, transactionId };

/** Ten messages as the sender makes them. */
export const batch = {
  QueueUrl: `${process.env.AWS_ENDPOINT_URL_SQS}/000000000000/jobs`,
  Entries: Array.from({ length: 10 }, (_, index) => ({
    Id: String(index),
    MessageBody: JSON.stringify({ job_type: "IncrementJob", data: `text ${index} `.padEnd(190, "abcdefghij ") }),
    MessageAttributes: { "tendril.job_id": { DataType: "String", StringValue: id } },
  })),
};

/** The calls that are compared, by their names. */
export function callsOf(rdsData: RDSDataClient, sqs: SQSClient): Readonly<Record<string, () => Promise<unknown>>> {
  return {
    execute: () => rdsData.send(new ExecuteStatementCommand(statement)),
    transaction: async () => {
      await rdsData.send(new BeginTransactionCommand(beginning));
      await rdsData.send(new CommitTransactionCommand(committing));
    },
    send: () => sqs.send(new SendMessageBatchCommand(batch)),
  };
}
