import type { Message } from "./message.ts";

/** Messages one behind the other; each knows its place, so that any can be taken out. A call costs O(1) on average. */
export class MessageLine {
  #messages: (Message | undefined)[] = [];
  #start = 0;
  /** The place of the array's first item. */
  #base = 0;

  first(): Message | undefined {
    return this.#messages[this.#start];
  }

  has(message: Message): boolean {
    return this.#messages[message.heapIndex - this.#base] === message;
  }

  add(message: Message): void {
    message.heapIndex = this.#base + this.#messages.push(message) - 1;
  }

  /** Puts a message before all others: cheap only when one was taken out there. */
  addFirst(message: Message): void {
    if (this.#start > 0) {
      this.#start--;
      this.#messages[this.#start] = message;
    } else {
      this.#messages.unshift(message);
      this.#base--;
    }
    message.heapIndex = this.#base + this.#start;
  }

  /** Does nothing when the message is not in this line. */
  remove(message: Message): void {
    if (!this.has(message)) return;
    this.#messages[message.heapIndex - this.#base] = undefined;
    message.heapIndex = -1;
    while (this.#start < this.#messages.length && this.#messages[this.#start] === undefined) this.#start++;
    if (this.#start < 1_024 || this.#start * 2 < this.#messages.length) return;
    this.#messages = this.#messages.slice(this.#start);
    this.#base += this.#start;
    this.#start = 0;
  }
}
