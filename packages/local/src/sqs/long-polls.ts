import type { Clock } from "../clock.ts";
import type { Message } from "./message.ts";

export interface PollOptions {
  /** How long to wait at most, in milliseconds. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Takes what is there now. */
  readonly take: () => Message[];
}

interface Waiting {
  readonly take: () => Message[];
  readonly end: (messages: Message[]) => void;
}

/** The receivers that wait for a message, served in the order in which they came. */
export class LongPolls {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Resolves with the first messages that come; with none when the time is up, the signal aborts or the queue closes. */
  wait({ waitMs, signal, take }: PollOptions): Promise<Message[]> {
    if (this.#closed || signal?.aborted) return Promise.resolve([]);
    return new Promise((resolve) => {
      const giveUp = (): void => waiting.end([]);
      const timer = this.#clock.at(this.#clock.now() + waitMs, giveUp);
      const waiting: Waiting = {
        take,
        end: (messages) => {
          timer.cancel();
          signal?.removeEventListener("abort", giveUp);
          this.#waiting.delete(waiting);
          resolve(messages);
        },
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Gives what has become visible to those who wait. */
  serve(): void {
    for (const waiting of this.#waiting) {
      const messages = waiting.take();
      if (messages.length === 0) return;
      waiting.end(messages);
    }
  }

  close(): void {
    this.#closed = true;
    for (const waiting of [...this.#waiting]) waiting.end([]);
  }
}
