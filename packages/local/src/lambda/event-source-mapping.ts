import type { Clock } from "../clock.ts";
import type { MessageSource, ReceivedMessage } from "../sqs/message-source.ts";
import { type BatchResponse, readBatchResponse } from "./batch-response.ts";
import { type FilterCriteria, readFilterCriteria } from "./filter-criteria.ts";
import { type Invocation, maxPayloadBytes } from "./invocation.ts";
import type { Lambda } from "./lambda.ts";
import { type SqsEvent, sqsEvents, sqsRecord } from "./sqs-event.ts";

export interface EventSourceMappingOptions {
  readonly clock: Clock;
  readonly source: MessageSource;
  readonly lambda: Pick<Lambda, "invoke" | "warm" | "onReload">;
  readonly functionName: string;
  /** 1 to 10,000 messages. */
  readonly batchSize: number;
  /** 0 to 300,000 milliseconds that a batch waits to be filled, from its first message on; 0: not at all. */
  readonly windowMs: number;
  /** The most batches at once, 1 or more. */
  readonly maximumConcurrency: number;
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

/** Reads a queue and runs a function with its messages. */
export interface EventSourceMapping {
  start(): void;
  /** Receives no more and waits until the batches that run are over. */
  stop(): Promise<void>;
  /** Goes on after the function did not load. A `reload` of the Lambda does the same. */
  resume(): void;
}

/** The longest long poll of SQS, in milliseconds. */
const longPollMs = 20_000;
/** A batch that waits this long for a running one to end gets an environment of its own. */
const patienceMs = 250;
const errorPauseMs = 1000;
const throttlePauseMs = { first: 1000, longest: 30_000 };

/**
 * An event source mapping with ReportBatchItemFailures. It begins with one batch at a time and adds one, up to the
 * maximum, when a full batch ends or a batch waits; an empty queue brings it back to one beside those that run. While the function does not
 * load, nothing is received. Throws when Lambda would refuse the filter criteria.
 */
export function createEventSourceMapping(options: EventSourceMappingOptions): EventSourceMapping {
  return new Poller(options);
}

class Poller implements EventSourceMapping {
  readonly #options: EventSourceMappingOptions;
  readonly #isFifo: boolean;
  readonly #letsThrough: ((record: object) => boolean) | undefined;
  readonly #running = new Set<Promise<void>>();
  #allowed = 1;
  #pauseMs = 0;
  #throttleMs = throttlePauseMs.first;
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #receiving: AbortController | undefined;
  #changed = Promise.withResolvers<void>();
  #stopListening: (() => void) | undefined;

  constructor(options: EventSourceMappingOptions) {
    this.#options = options;
    this.#isFifo = options.source.queueArn.endsWith(".fifo");
    this.#letsThrough = options.filterCriteria && readFilterCriteria(options.filterCriteria);
  }

  start(): void {
    if (this.#loop) return;
    this.#isStopping = false;
    this.#stopListening = this.#options.lambda.onReload(() => this.resume());
    this.#loop = this.#poll();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopListening?.();
    this.resume();
    await this.#loop;
    await Promise.all(this.#running);
    this.#loop = undefined;
  }

  resume(): void {
    // Whoever waits for messages asks first whether the code loads.
    this.#receiving?.abort();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #poll(): Promise<void> {
    while (!this.#isStopping) {
      await this.#untilFunctionLoads();
      await this.#untilPauseIsOver();
      while (this.#running.size >= this.#options.maximumConcurrency) await Promise.race(this.#running);
      if (this.#isStopping) return;
      const batch = await this.#collect();
      if (batch.length === 0) continue;
      await this.#untilItsTurn();
      this.#run(batch);
    }
  }

  async #untilFunctionLoads(): Promise<void> {
    const { lambda, functionName } = this.#options;
    while (!this.#isStopping) {
      const changed = this.#changed.promise;
      const warmth = await Promise.race([lambda.warm(functionName), changed]);
      if (warmth?.kind === "ready") return;
      if (warmth) await changed;
    }
  }

  async #untilPauseIsOver(): Promise<void> {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = 0;
    if (pauseMs > 0) await this.#sleep(pauseMs, this.#changed.promise);
  }

  async #collect(): Promise<readonly ReceivedMessage[]> {
    const { clock, batchSize, windowMs } = this.#options;
    const batch: ReceivedMessage[] = [];
    let bytes = 0;
    let endMs = 0;
    do {
      const waitMs = batch.length === 0 ? longPollMs : Math.min(longPollMs, endMs - clock.now());
      const received = await this.#receive(batchSize - batch.length, waitMs);
      const messages = await this.#filter(received);
      if (batch.length === 0) {
        if (received.length === 0) return this.#foundNothing();
        if (messages.length === 0) return [];
        endMs = clock.now() + windowMs;
      }
      batch.push(...messages);
      for (const message of messages) bytes += message.body.length;
    } while (batch.length < batchSize && bytes < maxPayloadBytes && clock.now() < endMs && this.#mayReceive());
    return batch;
  }

  /** Deletes what the criteria do not let through and gives the others. */
  async #filter(received: readonly ReceivedMessage[]): Promise<readonly ReceivedMessage[]> {
    const letsThrough = this.#letsThrough;
    if (!letsThrough) return received;
    const { source, region, onBatch, onError } = this.#options;
    const passed = received.filter((message) => letsThrough(sqsRecord(message, { queueArn: source.queueArn, region })));
    const dropped = received.filter((message) => !passed.includes(message));
    if (dropped.length === 0) return received;
    onBatch?.({ kind: "filtered", messageIds: dropped.map((message) => message.messageId) });
    await source.delete(dropped.map((message) => message.receiptHandle)).catch((error: unknown) => onError?.(error));
    return passed;
  }

  #mayReceive(): boolean {
    return !this.#isStopping && this.#pauseMs === 0;
  }

  #foundNothing(): readonly ReceivedMessage[] {
    // The next message need not wait for those that run.
    this.#allowed = Math.min(this.#running.size + 1, this.#options.maximumConcurrency);
    return [];
  }

  async #receive(max: number, waitMs: number): Promise<readonly ReceivedMessage[]> {
    const receiving = new AbortController();
    this.#receiving = receiving;
    try {
      return await this.#options.source.receive({ max, waitMs, signal: receiving.signal });
    } catch (error) {
      if (!receiving.signal.aborted) {
        this.#pauseMs = errorPauseMs;
        this.#options.onError?.(error);
      }
      return [];
    } finally {
      this.#receiving = undefined;
    }
  }

  async #untilItsTurn(): Promise<void> {
    while (this.#running.size >= this.#allowed) {
      const isPatient = await this.#sleep(patienceMs, Promise.race(this.#running));
      if (!isPatient) this.#allowOneMore();
    }
  }

  #allowOneMore(): void {
    this.#allowed = Math.min(this.#allowed + 1, this.#options.maximumConcurrency);
  }

  #run(batch: readonly ReceivedMessage[]): void {
    const running = this.#process(batch)
      .catch((error: unknown) => this.#options.onError?.(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #process(batch: readonly ReceivedMessage[]): Promise<void> {
    const { source, region, batchSize } = this.#options;
    for (const event of sqsEvents(batch, { queueArn: source.queueArn, region })) {
      const hasFailures = await this.#processEvent(event);
      // Later messages of the group must not overtake.
      if (hasFailures && this.#isFifo) return;
    }
    if (batch.length >= batchSize) this.#allowOneMore();
  }

  /** Says whether a message failed. */
  async #processEvent({ messages, payload }: SqsEvent): Promise<boolean> {
    const { lambda, functionName, source, onBatch, onError } = this.#options;
    const messageIds = messages.map((message) => message.messageId);
    onBatch?.({ kind: "started", messageIds });
    const invocation = await lambda.invoke(functionName, payload);
    this.#slowDown(invocation);
    const response = judge(invocation, messageIds);
    const [failed, done] = divide(messages, response);
    try {
      if (done.length > 0) await source.delete(done.map((message) => message.receiptHandle));
    } catch (error) {
      onError?.(error);
    }
    const failedMessageIds = failed.map((message) => message.messageId);
    const malformed = response.kind === "malformed" && invocation.kind === "succeeded" ? response.reason : undefined;
    onBatch?.({ kind: "finished", messageIds, failedMessageIds, invocation, ...(malformed ? { malformed } : {}) });
    return failed.length > 0;
  }

  #slowDown(invocation: Invocation): void {
    if (invocation.kind === "init-failed") this.#receiving?.abort();
    if (invocation.kind !== "throttled") {
      this.#throttleMs = throttlePauseMs.first;
      return;
    }
    // Batches that ran at once are throttled at once, and slow it down once.
    if (this.#pauseMs > 0) return;
    this.#allowed = 1;
    this.#pauseMs = this.#throttleMs;
    this.#throttleMs = Math.min(this.#throttleMs * 2, throttlePauseMs.longest);
    this.#receiving?.abort();
  }

  /** Waits for `until` at most so long; says whether it came in time. */
  async #sleep(milliseconds: number, until: Promise<unknown>): Promise<boolean> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = clock.at(clock.now() + milliseconds, () => resolve(false));
    const hasCome = await Promise.race([promise, until.then(() => true)]);
    timer.cancel();
    return hasCome;
  }
}

function judge(invocation: Invocation, messageIds: readonly string[]): BatchResponse {
  if (invocation.kind === "succeeded") return readBatchResponse(invocation.payload, messageIds);
  return { kind: "malformed", reason: invocation.kind };
}

/** The failed ones and the others. */
function divide(messages: readonly ReceivedMessage[], response: BatchResponse): [ReceivedMessage[], ReceivedMessage[]] {
  if (response.kind === "malformed") return [[...messages], []];
  const hasFailed = (message: ReceivedMessage): boolean => response.failedIds.has(message.messageId);
  return [messages.filter(hasFailed), messages.filter((message) => !hasFailed(message))];
}
