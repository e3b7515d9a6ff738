import type { Message, Place } from "./message.ts";

/** Messages one behind the other; each knows its place, so that any can be taken out. A call costs O(1) on average. */
export class MessageLine {
  readonly #place: Place;
  #messages: (Message | undefined)[] = [];
  #size = 0;
  #start = 0;
  /** The place of the array's first item. */
  #base = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  first(): Message | undefined {
    return this.#messages[this.#start];
  }

  has(message: Message): boolean {
    return this.#messages[this.#place.placeOf(message) - this.#base] === message;
  }

  add(message: Message): void {
    this.#place.setPlace(message, this.#base + this.#messages.push(message) - 1);
    this.#size++;
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
    this.#place.setPlace(message, this.#base + this.#start);
    this.#size++;
  }

  /** Does nothing when the message is not in this line. */
  remove(message: Message): void {
    if (!this.has(message)) return;
    this.#messages[this.#place.placeOf(message) - this.#base] = undefined;
    this.#place.setPlace(message, -1);
    this.#size--;
    while (this.#start < this.#messages.length && this.#messages[this.#start] === undefined) this.#start++;
    if (this.#messages.length > 2 * this.#size + 2_048) this.#closeGaps();
  }

  #closeGaps(): void {
    const left = this.#messages;
    this.#messages = [];
    this.#start = 0;
    for (const message of left)
      if (message) this.#place.setPlace(message, this.#base + this.#messages.push(message) - 1);
  }
}
