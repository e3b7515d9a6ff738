import { ftruncateSync, truncateSync } from "node:fs";
import { type FileHandle, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { besideOf, replay, type Successor, succeed, writeAllNow } from "./journal-file.ts";

export interface JournalOptions<T> {
  /** The file; its folder is made when missing. One process at a time may have it open. */
  file: string;
  /** Takes one record that was read back while the journal is opened, oldest first. */
  load: (record: T) => void;
  /**
   * Records that by themselves rebuild the whole state, for compaction. What there is, and its order, is settled in this
   * call; a record may be made as late as it is asked for, and then may know of changes since. The state must hold what
   * an appended record says by the end of the turn in which `append` resolved. All that was appended since the call (and
   * what waited then) is written after the snapshot, and loaded in its order must lead to the present state, whether the
   * snapshot knows of it already or not.
   */
  snapshot: () => Iterable<T>;
  /** Told when the disk refused records (their `append` rejects too) or a compaction. Default: nothing is said. */
  onFailure?: (failure: unknown) => void;
  /** The file is compacted when it has grown by this many bytes and to three times its live content. Default: 4 MiB. */
  compactAfterBytes?: number;
}

/** An append-only file of JSON lines. */
export interface Journal<T> {
  /**
   * Resolves when the operating system has the record: it then survives the death of the process. All records that
   * wait go into one write. Rejects when the disk refuses (e.g. `ENOSPC`): then none of the record is kept, and the
   * caller must neither acknowledge it nor keep it in memory.
   */
  append(record: T): Promise<void>;
  /**
   * Keeps a record of what has happened by itself and cannot be taken back: the state holds it already. When the disk
   * refuses it, it is written in front of the next records, and those are refused with it.
   */
  note(record: T): void;
  /** Writes what waits, then closes the file. */
  close(): Promise<void>;
}

/**
 * Opens a journal: replays the file, forgives a last line that a dying process left torn, and compacts it. Rejects when
 * the file cannot be read or written, or when a line in it is no JSON.
 */
export async function openJournal<T>(options: JournalOptions<T>): Promise<Journal<T>> {
  await mkdir(dirname(options.file), { recursive: true });
  await replay(options.file, options.load);
  return new Promise((resolve, reject) => {
    succeed({ file: options.file, records: options.snapshot() }, (written) =>
      resolve(new OpenJournal(options, written)),
    ).catch(reject);
  });
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
  readonly noted: boolean;
}

class OpenJournal<T> implements Journal<T> {
  readonly #options: JournalOptions<T>;
  #handle: FileHandle;
  #bytes: number;
  #compactAtBytes: number;
  #waiting: Waiting[] = [];
  /** What was noted, and refused. */
  #owed: Waiting[] = [];
  #writer: Promise<void> | undefined;
  /** A compaction that is under way, and what gives it up. */
  #compaction: { readonly ended: Promise<void>; readonly giveUp: AbortController } | undefined;
  #closed = false;
  /** Set when a refused write could not be taken back: the end of the file is unknown, nothing may follow it. */
  #broken: unknown;

  constructor(options: JournalOptions<T>, { handle, bytes }: Successor) {
    this.#options = options;
    this.#handle = handle;
    this.#bytes = bytes;
    this.#compactAtBytes = this.#nextCompaction(bytes);
  }

  append(record: T): Promise<void> {
    if (this.#closed) return Promise.reject(new Error("The journal is closed."));
    const line = `${JSON.stringify(record)}\n`;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject, noted: false });
      this.#writer ??= this.#write();
    });
  }

  note(record: T): void {
    if (this.#closed) return;
    this.#waiting.push({ line: `${JSON.stringify(record)}\n`, resolve: nothing, reject: nothing, noted: true });
    this.#writer ??= this.#write();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#compaction?.giveUp.abort();
    await this.#writer;
    await this.#compaction?.ended;
    this.#waiting = this.#owed.splice(0);
    await this.#write();
    await this.#handle.close();
  }

  async #write(): Promise<void> {
    // What is appended together is written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = [...this.#owed.splice(0), ...this.#waiting];
      this.#waiting = [];
      try {
        this.#writeBytes(Buffer.from(batch.map(({ line }) => line).join("")));
        for (const { resolve } of batch) resolve();
      } catch (failure) {
        this.#owed = batch.filter(({ noted }) => noted);
        for (const { reject } of batch) reject(failure);
        this.#options.onFailure?.(failure);
      }
      await turn();
      if (!this.#closed && this.#bytes >= this.#compactAtBytes) this.#startCompaction();
    }
    this.#writer = undefined;
  }

  #writeBytes(bytes: Buffer): void {
    try {
      this.#writeOrTakeBack(bytes);
    } catch (failure) {
      if (!this.#makeRoom(failure)) throw failure;
      this.#writeOrTakeBack(bytes);
    }
  }

  #writeOrTakeBack(bytes: Buffer): void {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      writeAllNow(this.#handle, bytes, this.#bytes);
      this.#bytes += bytes.length;
    } catch (failure) {
      try {
        ftruncateSync(this.#handle.fd, this.#bytes);
      } catch {
        this.#broken = failure;
      }
      throw failure;
    }
  }

  /** Gives up a compaction, whose file may be what fills the disk; false when there is none. */
  #makeRoom(failure: unknown): boolean {
    if (!this.#compaction || this.#compaction.giveUp.signal.aborted) return false;
    this.#compaction.giveUp.abort(failure);
    try {
      truncateSync(besideOf(this.#options.file));
    } catch {
      // It is not there yet.
    }
    return true;
  }

  /** To be called when the state holds all that was written. */
  #startCompaction(): void {
    if (this.#compaction) return;
    const giveUp = new AbortController();
    const ended = this.#compact(giveUp.signal).then(async () => {
      this.#compaction = undefined;
      await turn();
      if (!this.#closed && this.#bytes >= this.#compactAtBytes) this.#startCompaction();
    });
    this.#compaction = { ended, giveUp };
  }

  /** While records go on into the old file: in the end, they are copied behind the snapshot. */
  async #compact(signal: AbortSignal): Promise<void> {
    const former = this.#handle;
    const tail = { from: former, startBytes: this.#bytes, endBytes: () => this.#bytes };
    try {
      const records = this.#options.snapshot();
      await succeed({ file: this.#options.file, records, tail, signal }, ({ handle, bytes }, snapshotBytes) => {
        this.#handle = handle;
        this.#bytes = bytes;
        this.#broken = undefined;
        this.#compactAtBytes = this.#nextCompaction(snapshotBytes);
      });
      await former.close();
    } catch (failure) {
      this.#compactAtBytes = this.#nextCompaction(this.#bytes);
      if (!this.#closed) this.#options.onFailure?.(failure);
    }
  }

  #nextCompaction(liveBytes: number): number {
    return Math.max(3 * liveBytes, liveBytes + (this.#options.compactAfterBytes ?? 4 * 1024 * 1024));
  }
}

const nothing = (): void => {};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
