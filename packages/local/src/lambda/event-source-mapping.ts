import type { Clock } from "../clock.ts";
import type { MessageSource } from "../sqs/message-source.ts";
import type { FilterCriteria } from "./filter-criteria.ts";
import type { Invocation } from "./invocation.ts";
import type { Lambda } from "./lambda.ts";
import { Poller } from "./poller.ts";

export interface EventSourceMappingOptions {
  readonly clock: Clock;
  readonly source: MessageSource;
  readonly lambda: Pick<Lambda, "invoke" | "warm" | "onReload">;
  readonly functionName: string;
  /** 1 to 10,000 messages; of a FIFO queue at most 10, without a window at most 10. */
  readonly batchSize: number;
  /**
   * Milliseconds that a batch waits to be filled, from its first message on: whole seconds up to 300,000, none for a FIFO
   * queue; 0: not at all.
   */
  readonly windowMs: number;
  /** The most batches at once, 1 to 1,000; Lambda itself takes 2 or more. Default: 1,250, as far as Lambda scales. */
  readonly maximumConcurrency?: number;
  /** The queue's visibility timeout: so long is a throttled batch tried again. Default: 30,000, as SQS's. */
  readonly visibilityTimeoutMs?: number;
  readonly region: string;
  /** Messages that none of its patterns matches are deleted and reach no function. Default: all are let through. */
  readonly filterCriteria?: FilterCriteria;
  readonly onBatch?: (event: BatchEvent) => void;
  /** Called when the queue refuses to give or to delete messages, or the Lambda is closed: messages are delivered again. */
  readonly onError?: (error: unknown) => void;
}

/** What happens to messages: some are filtered out, the others' batch is handed to the function, and it ends. */
export type BatchEvent =
  | { readonly kind: "filtered"; readonly messageIds: readonly string[] }
  | { readonly kind: "started"; readonly messageIds: readonly string[] }
  | {
      readonly kind: "finished";
      readonly messageIds: readonly string[];
      /** Those that stay in the queue and are visible again after its visibility timeout. */
      readonly failedMessageIds: readonly string[];
      readonly invocation: Invocation;
      /** Why the function's answer could not be read, so that all failed. */
      readonly malformed?: string;
    };

/** Reads a queue and runs a function with its messages. It is disabled until it is started. */
export interface EventSourceMapping {
  /** Enables it; also while it is stopping. */
  start(): void;
  /** Disables it: resolves when it receives no more, while batches that run go on. */
  pause(): Promise<void>;
  /** The same, and waits until the batches that run are over. */
  stop(): Promise<void>;
  /** Goes on after the function did not load. A `reload` of the Lambda does the same. */
  resume(): void;
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html */
const limits = { batchSize: 10_000, batchSizeWithoutWindow: 10, windowMs: 300_000, maximumConcurrency: 1000 };

/**
 * An event source mapping with `ReportBatchItemFailures`:
 *
 * - A batch is what receives of ten messages gather until it has its size, its window is over or Lambda's payload of 6 MB
 *   is full. https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching
 * - Done messages are deleted at once. Failed ones are visible again, for any reader, after the queue's visibility timeout.
 *   A batch that is throttled is tried again until then, by fewer batches at once; one that failed is not.
 *   https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 * - Five batches run at once when messages wait, and up to 300 more each minute, up to the maximum (`BatchScale`). Of a
 *   FIFO queue at most one batch with messages of a group is in flight, because the queue gives no others out.
 * - Each invocation has a trace of its own, also when its messages carry an `AWSTraceHeader`: X-Ray links their traces to
 *   it instead, https://docs.aws.amazon.com/xray/latest/devguide/xray-tracelinking.html. The handler finds the header
 *   among the record's attributes.
 *
 * On purpose this is more frugal than Lambda, because each environment is a process of this machine: one long poll waits
 * for messages, not five; after a batch that was not full, messages wait up to 250 ms for the environment of one that
 * runs before another is taken; and while the function does not load, nothing is received, so that no receive counts
 * are used up.
 *
 * Throws when Lambda would refuse the numbers or the filter criteria.
 */
export function createEventSourceMapping(options: EventSourceMappingOptions): EventSourceMapping {
  checkNumbers(options);
  return new Poller(options);
}

/** The texts of the first two rules of batches are AWS's own. */
function checkNumbers({ source, batchSize, windowMs, maximumConcurrency }: EventSourceMappingOptions): void {
  const isFifo = source.queueArn.endsWith(".fifo");
  const windowSeconds = windowMs / 1000;
  const reasons = [
    batchSize > limits.batchSizeWithoutWindow &&
      windowMs === 0 &&
      `Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than ${limits.batchSizeWithoutWindow}`,
    isFifo && windowMs > 0 && "Batching window is not supported for FIFO queues",
    !isWhole(batchSize, 1, limits.batchSize) && `A batch has 1 to ${limits.batchSize} messages, not ${batchSize}`,
    !isWhole(windowSeconds, 0, limits.windowMs / 1000) &&
      `A window is whole seconds up to ${limits.windowMs / 1000}, not ${windowSeconds}`,
    maximumConcurrency !== undefined &&
      !isWhole(maximumConcurrency, 1, limits.maximumConcurrency) &&
      `The maximum concurrency is at most ${limits.maximumConcurrency}, not ${maximumConcurrency}`,
  ];
  const reason = reasons.find((each) => each !== false);
  if (reason) throw new Error(`Event source mapping: ${reason}.`);
}

const isWhole = (value: number, from: number, to: number): boolean =>
  Number.isInteger(value) && value >= from && value <= to;
