/** The floor of whoever talks to AWS through its SDK: both clients, and the job's calls, nothing else. */
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { insertOnce } from "./insert-once.ts";

const rdsData = new RDSDataClient();
export const sqs = new SQSClient();

export async function handler({ Records }: SQSEvent): Promise<SQSBatchResponse> {
  for (const { body, messageId } of Records) await insertOnce(rdsData, messageId, JSON.parse(body).data);
  return { batchItemFailures: [] };
}
