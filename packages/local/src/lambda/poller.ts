import type { MessageSource, ReceivedMessage } from "../sqs/message-source.ts";
import { type BatchResponse, readBatchResponse } from "./batch-response.ts";
import { BatchScale } from "./batch-scale.ts";
import type { EventSourceMapping, EventSourceMappingOptions } from "./event-source-mapping.ts";
import { readFilterCriteria } from "./filter-criteria.ts";
import { type Invocation, maxPayloadBytes } from "./invocation.ts";
import { type SqsEvent, sqsEvents, sqsRecord } from "./sqs-event.ts";

/** The longest long poll of SQS, in milliseconds, and the most messages that one call receives. */
const receiveLimits = { waitMs: 20_000, messages: 10 };
/** How long a batch that is not full leaves messages in the queue for the environment of one that runs. */
const patienceMs = 250;
const errorPauseMs = 1000;
const throttlePauseMs = { first: 1000, longest: 30_000 };
/** SQS's own default. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
const defaultVisibilityMs = 30_000;

interface Batch {
  readonly messages: readonly ReceivedMessage[];
  /** When its first message was received. */
  readonly receivedAtMs: number;
}

/** Reads the queue of a mapping, one receive at a time, and runs its batches, several at a time. */
export class Poller implements EventSourceMapping {
  readonly #options: EventSourceMappingOptions;
  readonly #isFifo: boolean;
  readonly #letsThrough: ((record: object) => boolean) | undefined;
  readonly #scale: BatchScale;
  readonly #running = new Set<Promise<void>>();
  #enabled: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();
  #pauseMs = 0;
  #receiving: AbortController | undefined;
  #changes = 0;
  readonly #whoWait = new Set<() => void>();
  #stopListening: (() => void) | undefined;

  constructor(options: EventSourceMappingOptions) {
    this.#options = options;
    this.#isFifo = options.source.queueArn.endsWith(".fifo");
    this.#letsThrough = options.filterCriteria && readFilterCriteria(options.filterCriteria);
    this.#scale = new BatchScale(options.clock, options.maximumConcurrency);
  }

  start(): void {
    if (this.#enabled) return;
    const enabled = new AbortController();
    this.#enabled = enabled;
    this.#stopListening = this.#options.lambda.onReload(() => this.resume());
    // One that was stopped a moment ago may still be ending.
    this.#loop = this.#loop.then(() => this.#poll(enabled.signal));
  }

  async pause(): Promise<void> {
    this.#enabled?.abort();
    this.#enabled = undefined;
    this.#stopListening?.();
    this.resume();
    await this.#loop;
  }

  async stop(): Promise<void> {
    await this.pause();
    await Promise.all(this.#running);
  }

  resume(): void {
    // Whoever waits for messages asks first whether the code loads.
    this.#receiving?.abort();
    this.#changes++;
    for (const wake of this.#whoWait) wake();
  }

  async #poll(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      await this.#untilThereIsRoom(stopped);
      await this.#untilPauseIsOver();
      await this.#untilFunctionLoads(stopped);
      if (stopped.aborted) return;
      const batch = await this.#collect(stopped);
      const events = sqsEvents(batch.messages, this.#queue());
      // What does not fit Lambda's payload is a batch of its own; of a FIFO queue it must wait for what does.
      const parts = this.#isFifo && events.length > 0 ? [events] : events.map((event) => [event]);
      for (const [index, part] of parts.entries()) {
        if (index > 0) await this.#untilThereIsRoom(stopped);
        this.#run(part, batch.receivedAtMs, stopped);
      }
    }
  }

  async #untilFunctionLoads(stopped: AbortSignal): Promise<void> {
    const { lambda, functionName } = this.#options;
    while (!stopped.aborted) {
      const changes = this.#changes;
      const warmth = await this.#orChange(lambda.warm(functionName));
      if (warmth?.kind === "ready") return;
      if (changes === this.#changes) await this.#orChange(never());
    }
  }

  async #untilPauseIsOver(): Promise<void> {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = 0;
    if (pauseMs > 0) await this.#sleep(pauseMs);
  }

  /** Messages stay in the queue, where they are visible to all, until a batch of them may run. */
  async #untilThereIsRoom(stopped: AbortSignal): Promise<void> {
    const oneEnds = (): Promise<void> => Promise.race(this.#running);
    for (;;) {
      const room = this.#scale.room(this.#running.size);
      if (room.kind === "room" || stopped.aborted) break;
      if (room.kind === "full") await this.#orChange(oneEnds());
      else await this.#sleep(room.growsInMs, oneEnds());
    }
    if (this.#running.size > 0 && !this.#scale.isBusy && !stopped.aborted) await this.#sleep(patienceMs, oneEnds());
  }

  async #collect(stopped: AbortSignal): Promise<Batch> {
    const { clock, batchSize, windowMs } = this.#options;
    const batch: ReceivedMessage[] = [];
    let bytes = 0;
    let receivedAtMs = 0;
    let leftMs = receiveLimits.waitMs;
    do {
      const max = Math.min(batchSize - batch.length, receiveLimits.messages);
      const received = await this.#receive(max, Math.min(leftMs, receiveLimits.waitMs));
      const messages = await this.#filter(received);
      if (batch.length === 0) receivedAtMs = clock.now();
      if (batch.length === 0 && messages.length === 0) break;
      batch.push(...messages);
      for (const message of messages) bytes += Buffer.byteLength(message.body);
      leftMs = receivedAtMs + windowMs - clock.now();
    } while (
      batch.length < batchSize &&
      bytes < maxPayloadBytes &&
      leftMs > 0 &&
      this.#pauseMs === 0 &&
      !stopped.aborted
    );
    if (batch.length > 0) this.#scale.found({ isFull: batch.length >= batchSize || bytes >= maxPayloadBytes });
    return { messages: batch, receivedAtMs };
  }

  /** Deletes what the criteria do not let through and gives the others. */
  async #filter(received: readonly ReceivedMessage[]): Promise<readonly ReceivedMessage[]> {
    const letsThrough = this.#letsThrough;
    if (!letsThrough) return received;
    const { source, onBatch, onError } = this.#options;
    const passed = received.filter((message) => letsThrough(sqsRecord(message, this.#queue())));
    const dropped = received.filter((message) => !passed.includes(message));
    if (dropped.length === 0) return received;
    onBatch?.({ kind: "filtered", messageIds: dropped.map((message) => message.messageId) });
    await source.delete(dropped.map((message) => message.receiptHandle)).catch((error: unknown) => onError?.(error));
    return passed;
  }

  async #receive(max: number, waitMs: number): Promise<readonly ReceivedMessage[]> {
    const receiving = new AbortController();
    this.#receiving = receiving;
    try {
      const messages = await this.#options.source.receive({ max, waitMs, signal: receiving.signal });
      if (messages.length === 0 && !receiving.signal.aborted) this.#scale.foundNothing(this.#running.size);
      return messages;
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

  #run(events: readonly SqsEvent[], receivedAtMs: number, stopped: AbortSignal): void {
    const running = this.#process(events, receivedAtMs, stopped)
      .catch((error: unknown) => this.#options.onError?.(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #process(events: readonly SqsEvent[], receivedAtMs: number, stopped: AbortSignal): Promise<void> {
    for (const event of events) {
      const hasFailures = await this.#processEvent(event, receivedAtMs, stopped);
      // Later messages of the group must not overtake.
      if (hasFailures) return;
    }
  }

  /** Says whether a message failed. */
  async #processEvent({ messages, payload }: SqsEvent, receivedAtMs: number, stopped: AbortSignal): Promise<boolean> {
    const { source, onBatch, onError } = this.#options;
    const messageIds = messages.map((message) => message.messageId);
    onBatch?.({ kind: "started", messageIds });
    const invocation = await this.#invoke(payload, receivedAtMs, stopped);
    if (invocation.kind === "init-failed") this.#receiving?.abort();
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

  /** Tries a throttled batch again, more rarely each time, for as long as its messages are not visible to others. */
  async #invoke(payload: string, receivedAtMs: number, stopped: AbortSignal): Promise<Invocation> {
    const { clock, lambda, functionName, visibilityTimeoutMs = defaultVisibilityMs } = this.#options;
    const endMs = receivedAtMs + visibilityTimeoutMs;
    let pauseMs = throttlePauseMs.first;
    for (;;) {
      const invocation = await lambda.invoke(functionName, payload);
      if (invocation.kind !== "throttled" || stopped.aborted) return invocation;
      const isOver = this.#scale.throttled();
      this.#receiving?.abort();
      await this.#sleep(pauseMs);
      isOver();
      if (stopped.aborted || clock.now() >= endMs) return invocation;
      pauseMs = Math.min(pauseMs * 2, throttlePauseMs.longest);
    }
  }

  #queue(): { readonly queueArn: MessageSource["queueArn"]; readonly region: string } {
    return { queueArn: this.#options.source.queueArn, region: this.#options.region };
  }

  /** Waits for `until` or a change, at most so long. */
  async #sleep(milliseconds: number, until: Promise<unknown> = never()): Promise<void> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.at(clock.now() + milliseconds, resolve);
    await this.#orChange(Promise.race([promise, until]));
    timer.cancel();
  }

  /** What `until` comes to, or undefined when the mapping was stopped or resumed before. */
  async #orChange<T>(until: Promise<T>): Promise<T | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const wake = (): void => resolve(undefined);
    this.#whoWait.add(wake);
    try {
      return await Promise.race([until, promise]);
    } finally {
      this.#whoWait.delete(wake);
    }
  }
}

const never = (): Promise<never> => new Promise(() => {});

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
