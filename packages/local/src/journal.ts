import { ftruncateSync, writeSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

export interface JournalOptions<T> {
  /** The file; its folder is made when missing. One process at a time may have it open. */
  file: string;
  /** Takes one record that was read back while the journal is opened, oldest first. */
  load: (record: T) => void;
  /**
   * Records that by themselves rebuild the whole state, for compaction. The state must hold what an appended record
   * says by the end of the turn in which `append` resolved, and loading a record that is in the snapshot already must
   * change nothing: records waiting while the snapshot is taken are written after it.
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
  // Nobody changes the state before this resolves, so its lines are made while they are written.
  const { handle, bytes } = await writeSnapshot(options.file, snapshotChunks(options.snapshot()));
  return new OpenJournal(options, handle, bytes);
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
  #closed = false;
  /** Set when a refused write could not be taken back: the end of the file is unknown, nothing may follow it. */
  #broken: unknown;

  constructor(options: JournalOptions<T>, handle: FileHandle, bytes: number) {
    this.#options = options;
    this.#handle = handle;
    this.#bytes = bytes;
    this.#compactAtBytes = this.#nextCompaction();
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
    await this.#writer;
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
      if (this.#bytes >= this.#compactAtBytes) await this.#compact();
    }
    this.#writer = undefined;
  }

  /** In this turn: the system only copies the bytes, in less time than handing them to another thread takes. */
  #writeBytes(bytes: Buffer): void {
    if (this.#broken !== undefined) throw this.#broken;
    const { fd } = this.#handle;
    try {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(fd, bytes, written, bytes.length - written, this.#bytes + written);
      }
      this.#bytes += bytes.length;
    } catch (failure) {
      try {
        ftruncateSync(fd, this.#bytes);
      } catch {
        this.#broken = failure;
      }
      throw failure;
    }
  }

  async #compact(): Promise<void> {
    try {
      // All of it is made in this turn, so that the state does not move meanwhile.
      const chunks = [...snapshotChunks(this.#options.snapshot())];
      const { handle, bytes } = await writeSnapshot(this.#options.file, chunks);
      const former = this.#handle;
      this.#handle = handle;
      this.#bytes = bytes;
      this.#broken = undefined;
      this.#owed = []; // the snapshot has it
      await former.close();
    } catch (failure) {
      this.#options.onFailure?.(failure);
    }
    this.#compactAtBytes = this.#nextCompaction();
  }

  #nextCompaction(): number {
    return Math.max(3 * this.#bytes, this.#bytes + (this.#options.compactAfterBytes ?? 4 * 1024 * 1024));
  }
}

async function replay<T>(file: string, load: (record: T) => void): Promise<void> {
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!handle) return;
  let lineNumber = 0;
  // A line without its line feed is torn: whoever wrote it was never told that it is kept.
  let torn: Buffer[] = [];
  for await (const chunk of handle.createReadStream({ highWaterMark: 1024 * 1024 })) {
    let rest: Buffer = chunk;
    for (let end = rest.indexOf(lineFeed); end >= 0; end = rest.indexOf(lineFeed)) {
      lineNumber++;
      const line = rest.subarray(0, end);
      load(parseLine(torn.length === 0 ? line : Buffer.concat([...torn, line]), file, lineNumber));
      torn = [];
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) torn.push(rest);
  }
}

const lineFeed = 10;

/** The records are this journal's own: what was written as `T` is read as `T`. */
function parseLine<T>(line: Buffer, file: string, lineNumber: number): T {
  try {
    return JSON.parse(line.toString("utf8")) as T;
  } catch (cause) {
    const message = `Line ${lineNumber} of ${file} is damaged. Move the file away to start without what it holds.`;
    throw new Error(message, { cause });
  }
}

/** Writes a new file beside the old one, then puts it in its place. */
async function writeSnapshot(file: string, chunks: Iterable<Buffer>): Promise<{ handle: FileHandle; bytes: number }> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, "w", 0o600);
  try {
    let bytes = 0;
    for (const chunk of chunks) {
      await writeAll(handle, chunk, bytes);
      bytes += chunk.length;
    }
    await handle.sync();
    await rename(temporary, file);
    return { handle, bytes };
  } catch (failure) {
    await handle.close();
    await rm(temporary, { force: true });
    throw failure;
  }
}

/** The snapshot's bytes, about a megabyte at a time. */
function* snapshotChunks(records: Iterable<unknown>): Generator<Buffer> {
  let lines: string[] = [];
  let length = 0;
  for (const record of records) {
    const line = JSON.stringify(record);
    lines.push(line);
    length += line.length;
    if (length > 1024 * 1024) {
      yield Buffer.from(`${lines.join("\n")}\n`);
      lines = [];
      length = 0;
    }
  }
  if (lines.length > 0) yield Buffer.from(`${lines.join("\n")}\n`);
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

const nothing = (): void => {};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
