import type { Message } from "./message.ts";

/** Messages in the order in which they become visible; each knows its place, so that any can be taken out. */
export class MessageHeap {
  readonly #messages: Message[] = [];

  /** The one that becomes visible first. */
  first(): Message | undefined {
    return this.#messages[0];
  }

  get size(): number {
    return this.#messages.length;
  }

  has(message: Message): boolean {
    return this.#messages[message.heapIndex] === message;
  }

  add(message: Message): void {
    this.#messages.push(message);
    this.#rise(message, this.#messages.length - 1);
  }

  /** Does nothing when the message is not in this heap. */
  remove(message: Message): void {
    if (!this.has(message)) return;
    const index = message.heapIndex;
    message.heapIndex = -1;
    const last = this.#messages.pop();
    if (!last || last === message) return;
    this.#rise(last, index);
    this.#sink(last, last.heapIndex);
  }

  #rise(message: Message, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#messages[parentIndex];
      if (!parent || !isBefore(message, parent)) break;
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
      const child = left && right && isBefore(right, left) ? right : left;
      if (!child || !isBefore(child, message)) break;
      const childIndex = child.heapIndex;
      this.#put(child, index);
      index = childIndex;
    }
    this.#put(message, index);
  }

  #put(message: Message, index: number): void {
    this.#messages[index] = message;
    message.heapIndex = index;
  }
}

function isBefore(a: Message, b: Message): boolean {
  return a.visibleAtMs < b.visibleAtMs || (a.visibleAtMs === b.visibleAtMs && a.order < b.order);
}
