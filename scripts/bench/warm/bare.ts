/** The floor: a loop over the records, and their failures by hand. */
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { noOp } from "./no-op.ts";

export async function handler({ Records }: SQSEvent): Promise<SQSBatchResponse> {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  await Promise.all(
    Records.map(async ({ messageId, body }) => {
      try {
        await noOp(JSON.parse(body).data);
      } catch {
        batchItemFailures.push({ itemIdentifier: messageId });
      }
    }),
  );
  return { batchItemFailures };
}
