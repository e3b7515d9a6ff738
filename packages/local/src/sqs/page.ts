import { invalidParameter } from "./errors.ts";

/** How many a page holds at most, and when no number is asked for. */
const maxPage = 1_000;

/**
 * A page of sorted names: up to `max` (1 to 1000, default 1000) of those behind the token `after`. There is a next token
 * only when a number was asked for, as in SQS:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
 */
export function page(
  names: readonly string[],
  { max, after }: { max: number | undefined; after: string | undefined },
): { items: readonly string[]; next: string | undefined } {
  if (max !== undefined && (!Number.isInteger(max) || max < 1 || max > maxPage)) {
    throw invalidParameter(`Value for parameter MaxResults is invalid. Reason: Must be between 1 and ${maxPage}.`);
  }
  const behind = after === undefined ? "" : Buffer.from(after, "base64").toString("utf8");
  const left = names.filter((name) => name > behind);
  const items = left.slice(0, max ?? maxPage);
  const last = items.at(-1);
  const more = max !== undefined && last !== undefined && left.length > items.length;
  return { items, next: more ? Buffer.from(last).toString("base64") : undefined };
}
