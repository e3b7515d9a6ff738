/** First in, first out, over an array; what is taken out near the front is cheap. */
export class ArrayQueue<T> {
  #items: (T | undefined)[] = [];
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  /** The item at a place, counted from the front. */
  at(index: number): T | undefined {
    return this.#items[this.#start + index];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes out the front item. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#start];
    this.#dropFront();
    return item;
  }

  /** Takes out one item, searched from the front. */
  remove(item: T): void {
    const index = this.#items.indexOf(item, this.#start);
    if (index < 0) return;
    this.#items.copyWithin(this.#start + 1, this.#start, index);
    this.#dropFront();
  }

  #dropFront(): void {
    this.#items[this.#start++] = undefined;
    if (this.#start < 1_024 || this.#start * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#start);
    this.#start = 0;
  }
}
