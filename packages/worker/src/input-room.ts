/** Room in memory for inputs that lie in S3. */
export interface InputRoom {
  /** Waits until there is room for so many bytes, after those who have asked before. Resolves to what gives it back. */
  take(bytes: number): Promise<() => void>;
}

/**
 * How much of large inputs the jobs of a batch hold at once, in bytes: 64 MiB, counted as they lie in S3. As text and as
 * what the schema makes of it, it is some times as much, and a worker has 512 MB by default. Ten jobs of a batch with 32 MiB
 * each would end the process, at every delivery again.
 */
const roomBytes = 67_108_864;

/** Makes room; what is larger than all of it waits until it is alone. Default: 64 MiB. */
export function openInputRoom(totalBytes = roomBytes): InputRoom {
  return new InvocationInputRoom(totalBytes);
}

class InvocationInputRoom implements InputRoom {
  readonly #totalBytes: number;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  #takenBytes = 0;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  async take(bytes: number): Promise<() => void> {
    if (bytes === 0) return () => {};
    await new Promise<void>((enter) => {
      this.#waiting.push({ bytes, enter });
      this.#letIn();
    });
    return () => {
      this.#takenBytes -= bytes;
      this.#letIn();
    };
  }

  #letIn(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#takenBytes > 0 && this.#takenBytes + next.bytes > this.#totalBytes) return;
      this.#waiting.shift();
      this.#takenBytes += next.bytes;
      next.enter();
    }
  }
}
