import { type EventPattern, readEventPattern } from "./event-pattern.ts";

/** What a mapping lets through: the messages that one of its patterns matches. */
export interface FilterCriteria {
  /** 1 to 5 patterns of at most 4,096 characters, JSON in a string as in AWS's own `FilterCriteria`. */
  readonly filters: readonly { readonly pattern: string }[];
}

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html */
const limits = { filters: 5, patternLength: 4096 };

const recordFields = new Set([
  "messageId",
  "receiptHandle",
  "body",
  "attributes",
  "messageAttributes",
  "md5OfBody",
  "md5OfMessageAttributes",
  "eventSource",
  "eventSourceARN",
  "awsRegion",
]);

/**
 * Reads the criteria of a mapping whose source is a queue; what it returns says whether a record of the event is let
 * through. A body that is a JSON object or list is matched by a pattern of its fields, any other by a list of rules for
 * the text: the wrong kind of pattern drops the message, as
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html says. Throws for what Lambda refuses.
 */
export function readFilterCriteria({ filters }: FilterCriteria): (record: object) => boolean {
  if (filters.length < 1 || filters.length > limits.filters)
    throw new Error(`An event source mapping has 1 to ${limits.filters} filters, not ${filters.length}.`);
  const patterns = filters.map(({ pattern }) => readPattern(pattern));
  return (record) => {
    const readable = withParsedBody(record);
    return patterns.some((matches) => matches(readable));
  };
}

function readPattern(pattern: string): EventPattern {
  if (pattern.length > limits.patternLength)
    throw new Error(`A filter pattern has at most ${limits.patternLength} characters, not ${pattern.length}.`);
  const matches = readEventPattern(pattern);
  const fields: object = JSON.parse(pattern);
  const unknown = Object.keys(fields).filter((name) => name !== "$or" && !recordFields.has(name));
  if (unknown.length > 0)
    throw new Error(`Invalid filter pattern definition: a record of SQS has no ${unknown.join(", ")}.`);
  return matches;
}

function withParsedBody(record: object): object {
  if (!("body" in record) || typeof record.body !== "string" || !/^\s*[{[]/.test(record.body)) return record;
  try {
    const body: unknown = JSON.parse(record.body);
    return { ...record, body };
  } catch {
    return record;
  }
}
