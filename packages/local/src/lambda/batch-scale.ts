import { sqsScaling } from "@tendril/core/burst";
import type { Clock } from "../clock.ts";

const { first, most } = sqsScaling;
const growsEachMs = 60_000 / sqsScaling.morePerMinute;

/**
 * Whether one more batch may run:
 * - room: now;
 * - growing: in `growsInMs` milliseconds, if messages still wait then, or as soon as a batch ends;
 * - full: as soon as a batch ends.
 */
export type Room =
  | { readonly kind: "room" }
  | { readonly kind: "growing"; readonly growsInMs: number }
  | { readonly kind: "full" };

/**
 * How many batches of a mapping run at once, as Lambda scales it: five at first, up to 300 more each minute while
 * messages wait, at most 1,250 or the maximum concurrency; five again when the queue is empty. Each throttle halves it:
 * Lambda reduces it as well and does not publish by how much.
 */
export class BatchScale {
  readonly #clock: Clock;
  readonly #most: number;
  #allowed: number;
  #growsAtMs: number | undefined;
  #throttledBatches = 0;
  #isBusy = false;

  constructor(clock: Clock, maximumConcurrency: number = most) {
    this.#clock = clock;
    this.#most = maximumConcurrency;
    this.#allowed = Math.min(first, maximumConcurrency);
  }

  /** Whether the last batch was a full one, so that more messages probably wait. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  room(running: number): Room {
    if (running < this.#allowed) return { kind: "room" };
    if (this.#allowed >= this.#most || this.#throttledBatches > 0) return { kind: "full" };
    const nowMs = this.#clock.now();
    this.#growsAtMs ??= nowMs + growsEachMs;
    if (nowMs < this.#growsAtMs) return { kind: "growing", growsInMs: this.#growsAtMs - nowMs };
    this.#allowed++;
    this.#growsAtMs = nowMs + growsEachMs;
    return running < this.#allowed ? { kind: "room" } : this.room(running);
  }

  found({ isFull }: { readonly isFull: boolean }): void {
    this.#isBusy = isFull;
    if (!isFull) this.#growsAtMs = undefined;
  }

  /** The queue is empty. The next message need not wait for the batches that run. */
  foundNothing(running: number): void {
    this.#isBusy = false;
    this.#growsAtMs = undefined;
    if (this.#throttledBatches > 0) return;
    this.#allowed = Math.min(Math.max(first, running + 1), this.#most);
  }

  /** A batch was throttled. Nothing grows until the returned function is called. */
  throttled(): () => void {
    this.#throttledBatches++;
    this.#growsAtMs = undefined;
    this.#allowed = Math.max(1, Math.floor(this.#allowed / 2));
    return () => void this.#throttledBatches--;
  }
}
