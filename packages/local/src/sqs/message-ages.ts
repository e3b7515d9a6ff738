import { type Message, placeInAge } from "./message.ts";
import { byAge, MessageHeap } from "./message-heap.ts";
import { MessageLine } from "./message-line.ts";

/** Messages by their age, and so in the order in which they expire. */
export class MessageAges {
  /** Nearly all come in this order; the others are those that were older when they were moved here. */
  readonly #line = new MessageLine(placeInAge);
  readonly #older = new MessageHeap(byAge);
  #newestMs = 0;

  oldest(): Message | undefined {
    const [first, older] = [this.#line.first(), this.#older.first()];
    return first && older && byAge.isBefore(first, older) ? first : (older ?? first);
  }

  add(message: Message): void {
    if (this.#line.first() && message.enqueuedMs < this.#newestMs) {
      this.#older.add(message);
      return;
    }
    this.#newestMs = message.enqueuedMs;
    this.#line.add(message);
  }

  /** Does nothing for a message that is not here. */
  remove(message: Message): void {
    this.#line.remove(message);
    this.#older.remove(message);
  }
}
