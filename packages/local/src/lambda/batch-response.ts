/** What a function with ReportBatchItemFailures has answered about its batch. */
export type BatchResponse =
  | { readonly kind: "read"; readonly failedIds: ReadonlySet<string> }
  /** The whole batch counts as failed. */
  | { readonly kind: "malformed"; readonly reason: string };

/**
 * Reads the answer to a batch of these message ids. Nothing, `{}` and no, null or empty `batchItemFailures` mean that all
 * succeeded; an answer that cannot be read, or that names no message or an unknown one, that all failed.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export function readBatchResponse(payload: string, messageIds: readonly string[]): BatchResponse {
  const answer = parse(payload);
  if (answer === invalid) return malformed("the answer is not JSON");
  if (answer === null) return { kind: "read", failedIds: new Set() };
  if (!isObject(answer)) return malformed("the answer is not an object");
  const failures = answer.batchItemFailures ?? [];
  if (!Array.isArray(failures)) return malformed("batchItemFailures is not a list");
  const failedIds = new Set<string>();
  for (const failure of failures as readonly unknown[]) {
    const id = isObject(failure) ? failure.itemIdentifier : undefined;
    if (typeof id !== "string" || id === "") return malformed("an itemIdentifier is missing or empty");
    if (!messageIds.includes(id)) return malformed("an itemIdentifier names no message of the batch");
    failedIds.add(id);
  }
  return { kind: "read", failedIds };
}

const invalid = Symbol("invalid");

function parse(payload: string): unknown {
  if (payload === "") return null;
  try {
    return JSON.parse(payload);
  } catch {
    return invalid;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const malformed = (reason: string): BatchResponse => ({ kind: "malformed", reason });
