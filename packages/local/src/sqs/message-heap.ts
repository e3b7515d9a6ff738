import { type Message, type Place, placeInAge, placeInTurn } from "./message.ts";

/** What stands first in a heap, and where each knows its place in it. */
export interface HeapOrder extends Place {
  isBefore(a: Message, b: Message): boolean;
}

/** In the order in which they become visible. */
export const byVisibility: HeapOrder = {
  ...placeInTurn,
  isBefore: (a, b) => a.visibleAtMs < b.visibleAtMs || (a.visibleAtMs === b.visibleAtMs && a.order < b.order),
};

/** The oldest first. */
export const byAge: HeapOrder = { ...placeInAge, isBefore: (a, b) => a.enqueuedMs < b.enqueuedMs };

/** Messages in an order; each knows its place, so that any can be taken out. */
export class MessageHeap {
  readonly #order: HeapOrder;
  readonly #messages: Message[] = [];

  constructor(order: HeapOrder) {
    this.#order = order;
  }

  /** The one that stands before all others. */
  first(): Message | undefined {
    return this.#messages[0];
  }

  get size(): number {
    return this.#messages.length;
  }

  has(message: Message): boolean {
    return this.#messages[this.#order.placeOf(message)] === message;
  }

  add(message: Message): void {
    this.#messages.push(message);
    this.#rise(message, this.#messages.length - 1);
  }

  /** Does nothing when the message is not in this heap. */
  remove(message: Message): void {
    if (!this.has(message)) return;
    const index = this.#order.placeOf(message);
    this.#order.setPlace(message, -1);
    const last = this.#messages.pop();
    if (!last || last === message) return;
    this.#rise(last, index);
    this.#sink(last, this.#order.placeOf(last));
  }

  #rise(message: Message, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#messages[parentIndex];
      if (!parent || !this.#order.isBefore(message, parent)) break;
      this.#put(parent, index);
      index = parentIndex;
    }
    this.#put(message, index);
  }

  #sink(message: Message, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#messages[2 * index + 1];
      const right = this.#messages[2 * index + 2];
      const child = left && right && this.#order.isBefore(right, left) ? right : left;
      if (!child || !this.#order.isBefore(child, message)) break;
      const childIndex = this.#order.placeOf(child);
      this.#put(child, index);
      index = childIndex;
    }
    this.#put(message, index);
  }

  #put(message: Message, index: number): void {
    this.#messages[index] = message;
    this.#order.setPlace(message, index);
  }
}
