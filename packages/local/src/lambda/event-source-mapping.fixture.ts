import type { Clock } from "../clock.ts";
import type { MessageSource, ReceivedMessage } from "../sqs/message-source.ts";
import type { Invocation } from "./invocation.ts";

/** How long a receive hides a message. */
export const visibilityMs = 30_000;

/** A queue in memory: messages are hidden for 30 seconds by a receive. */
export class MemoryQueue implements MessageSource {
  readonly queueArn: string;
  readonly receives: { max: number; waitMs: number }[] = [];
  readonly #clock: Clock;
  readonly #messages = new Map<string, { message: ReceivedMessage; visibleAtMs: number; receives: number }>();
  #wake = Promise.withResolvers<void>();
  failure: Error | undefined;
  /** Of deletions only. */
  deleteFailure: Error | undefined;

  constructor(clock: Clock, name = "jobs") {
    this.#clock = clock;
    this.queueArn = `arn:aws:sqs:eu-central-1:000000000000:${name}`;
  }

  send(...bodies: string[]): void {
    for (const body of bodies) {
      const message = { messageId: body, receiptHandle: `receipt-${body}`, body: body.padEnd(8), md5OfBody: "" };
      this.#messages.set(body, {
        message: { ...message, attributes: {}, messageAttributes: {} },
        visibleAtMs: 0,
        receives: 0,
      });
    }
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Sends a message whose body is not its id. */
  put(messageId: string, given: Pick<ReceivedMessage, "body"> & Partial<ReceivedMessage>): void {
    const message = { receiptHandle: `receipt-${messageId}`, md5OfBody: "", attributes: {}, messageAttributes: {} };
    this.#messages.set(messageId, { message: { messageId, ...message, ...given }, visibleAtMs: 0, receives: 0 });
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async receive({ max, waitMs, signal }: Parameters<MessageSource["receive"]>[0]): Promise<ReceivedMessage[]> {
    this.receives.push({ max, waitMs });
    if (this.failure) throw this.failure;
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.at(this.#clock.now() + waitMs, resolve);
    signal?.addEventListener("abort", () => resolve());
    let isOver = false;
    void over.then(() => {
      isOver = true;
    });
    let taken = this.#take(max);
    while (taken.length === 0 && !isOver) {
      await Promise.race([over, this.#wake.promise]);
      if (!signal?.aborted) taken = this.#take(max);
    }
    timer.cancel();
    return taken;
  }

  async delete(receiptHandles: readonly string[]): Promise<void> {
    if (this.failure ?? this.deleteFailure) throw this.failure ?? this.deleteFailure;
    for (const handle of receiptHandles) this.#messages.delete(handle.replace("receipt-", ""));
  }

  /** How often each message that is left was received. */
  left(): Record<string, number> {
    return Object.fromEntries([...this.#messages].map(([id, { receives }]) => [id, receives]));
  }

  #take(max: number): ReceivedMessage[] {
    const nowMs = this.#clock.now();
    const visible = [...this.#messages.values()].filter((each) => each.visibleAtMs <= nowMs).slice(0, max);
    for (const each of visible) {
      each.visibleAtMs = nowMs + visibilityMs;
      each.receives++;
    }
    return visible.map((each) => each.message);
  }
}

export const run = { requestId: "r", durationMs: 1 };
/** A function that returned this JSON. */
export const succeeded = (payload: string): Invocation => ({ kind: "succeeded", payload, ...run });
export const error = { errorType: "E", errorMessage: "m", trace: [] };

/** A function in this process: each invocation waits until the test ends it. */
export class MemoryFunction {
  readonly invocations: { ids: string[]; bodies: string[]; atMs: number; end(answer?: Invocation): void }[] = [];
  readonly #clock: Clock;
  loads = true;
  answerAtOnce: Invocation | undefined;
  readonly #reloadListeners = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  invoke(_: string, payload: string): Promise<Invocation> {
    const { Records } = JSON.parse(payload) as { Records: { messageId: string; body: string }[] };
    const { promise, resolve } = Promise.withResolvers<Invocation>();
    const end = (answer = succeeded("null")): void => resolve(answer);
    const [ids, bodies] = [Records.map((record) => record.messageId), Records.map((record) => record.body)];
    this.invocations.push({ ids, bodies, atMs: this.#clock.now(), end });
    if (this.answerAtOnce) end(this.answerAtOnce);
    return promise;
  }

  async warm() {
    return this.loads ? ({ kind: "ready" } as const) : ({ kind: "init-failed", ...error } as const);
  }

  onReload(listener: () => void): () => void {
    this.#reloadListeners.add(listener);
    return () => void this.#reloadListeners.delete(listener);
  }

  reload(): void {
    for (const listener of this.#reloadListeners) listener();
  }

  batches(): string[][] {
    return this.invocations.map((invocation) => invocation.ids);
  }
}
