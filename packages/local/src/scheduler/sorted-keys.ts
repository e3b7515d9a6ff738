/** A block is split when it has more keys. */
const mostInBlock = 512;

/** Texts in their order (of their UTF-16 units). To change or to find one costs little, however many there are. */
export class SortedKeys {
  /** In order; none is empty but the only one. */
  #blocks: string[][] = [[]];

  /** Does nothing for a key that is here already. */
  add(key: string): void {
    const number = this.#blockOf(key);
    const block = this.#blocks[number] ?? [];
    const index = firstNotBefore(block, key);
    if (block[index] === key) return;
    block.splice(index, 0, key);
    if (block.length > mostInBlock) this.#blocks.splice(number + 1, 0, block.splice(mostInBlock / 2));
  }

  /** Does nothing for a key that is not here. */
  delete(key: string): void {
    const number = this.#blockOf(key);
    const block = this.#blocks[number] ?? [];
    const index = firstNotBefore(block, key);
    if (block[index] !== key) return;
    block.splice(index, 1);
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(number, 1);
  }

  /** The first key that is `key` or comes after it. */
  from(key: string): string | undefined {
    const number = this.#blockOf(key);
    const block = this.#blocks[number] ?? [];
    return block[firstNotBefore(block, key)] ?? this.#blocks[number + 1]?.[0];
  }

  /** The first key that comes after `key`. */
  after(key: string): string | undefined {
    return this.from(`${key}\0`);
  }

  /** The last block that begins with the key or before it; else the first. */
  #blockOf(key: string): number {
    let [low, high] = [0, this.#blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#blocks[middle]?.[0] ?? "") <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function firstNotBefore(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
