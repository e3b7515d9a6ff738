import type { BatchResultErrorEntry } from "@aws-sdk/client-sqs";
import { AwsError } from "../wire/aws-error.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html */
const maxEntries = 10;

/** Throws AWS's error for a batch that is refused as a whole. */
export function checkBatch(entries: readonly { readonly Id: string }[]): void {
  if (entries.length === 0) {
    throw new AwsError("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if (entries.length > maxEntries) {
    const message = `Maximum number of entries per request are ${maxEntries}. You have sent ${entries.length}.`;
    throw new AwsError("TooManyEntriesInBatchRequest", message);
  }
  const ids = new Set<string>();
  for (const { Id } of entries) {
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(Id)) {
      throw new AwsError(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
      );
    }
    if (ids.has(Id)) throw new AwsError("BatchEntryIdsNotDistinct", `Id ${Id} repeated.`);
    ids.add(Id);
  }
}

/** Runs each entry of a batch, all at once, and tells which failed. What is no `AwsError` fails the whole batch. */
export async function runBatch<Entry extends { readonly Id: string }, Result extends object>(
  entries: readonly Entry[],
  run: (entry: Entry) => Promise<Result>,
): Promise<{ Successful: (Result & { Id: string })[]; Failed: BatchResultErrorEntry[] | undefined }> {
  const Successful: (Result & { Id: string })[] = [];
  const Failed: BatchResultErrorEntry[] = [];
  const results = await Promise.all(
    entries.map(async (entry) => {
      try {
        return { Id: entry.Id, result: await run(entry) };
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        return { Id: entry.Id, error };
      }
    }),
  );
  for (const { Id, result, error } of results) {
    if (result) Successful.push({ Id, ...result });
    if (error)
      Failed.push({
        Id,
        SenderFault: (error.status ?? 400) < 500,
        Code: error.queryError ?? error.name,
        Message: error.message,
      });
  }
  return { Successful, Failed: Failed.length > 0 ? Failed : undefined };
}
