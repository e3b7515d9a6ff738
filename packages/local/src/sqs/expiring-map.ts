import { ArrayQueue } from "./array-queue.ts";

/** A map that forgets each entry some time after it was set. Entries must be set in order of time. */
export class ExpiringMap<T> {
  readonly #keepMs: number;
  readonly #entries = new Map<string, { value: T; setMs: number }>();
  readonly #order = new ArrayQueue<{ key: string; setMs: number }>();

  /** `keepMs`: how long an entry is kept, in milliseconds. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  get(key: string, nowMs: number): T | undefined {
    const entry = this.#entries.get(key);
    return entry && entry.setMs + this.#keepMs > nowMs ? entry.value : undefined;
  }

  /** `setMs` may lie in the past; an entry that is too old already is not kept. */
  set(key: string, value: T, setMs: number, nowMs: number): void {
    this.#forget(nowMs);
    if (setMs + this.#keepMs <= nowMs) return;
    this.#entries.set(key, { value, setMs });
    this.#order.push({ key, setMs });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** The entries that are still kept, with the time when they were set. */
  *live(nowMs: number): Iterable<{ key: string; value: T; setMs: number }> {
    for (const [key, { value, setMs }] of this.#entries) {
      if (setMs + this.#keepMs > nowMs) yield { key, value, setMs };
    }
  }

  #forget(nowMs: number): void {
    for (let oldest = this.#order.at(0); oldest && oldest.setMs + this.#keepMs <= nowMs; oldest = this.#order.at(0)) {
      this.#order.shift();
      if (this.#entries.get(oldest.key)?.setMs === oldest.setMs) this.#entries.delete(oldest.key);
    }
  }
}
