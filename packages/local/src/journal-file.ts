import { readSync, renameSync, writeSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";

/** Reads the records of a journal's file, oldest first; none when there is no file. Rejects at a line that is no JSON. */
export async function replay<T>(file: string, load: (record: T) => void): Promise<void> {
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

/** Where the successor of a file is written until it takes the file's place. */
export const besideOf = (file: string): string => `${file}.new`;

/** A file that is written beside a journal's file, to take its place. */
export interface Successor {
  readonly handle: FileHandle;
  readonly bytes: number;
}

export interface SuccessionOptions {
  readonly file: string;
  /** Its first lines. Each is made just before it is written. */
  readonly records: Iterable<unknown>;
  /** What stands behind them. It grows meanwhile: it is copied until little is left, and that in one turn with the end. */
  readonly tail?: { readonly from: FileHandle; readonly startBytes: number; endBytes(): number };
  /** Gives up, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Writes a file beside another and puts it in its place; resolves in the same turn. Between turns it does a slice of some
 * milliseconds. Rejects when it fails: then nothing has changed.
 */
export async function succeed(
  { file, records, tail, signal }: SuccessionOptions,
  done: (successor: Successor, snapshotBytes: number) => void,
): Promise<void> {
  const beside = besideOf(file);
  const handle = await open(beside, "w+", 0o600);
  try {
    let bytes = 0;
    const write = async (chunk: Buffer): Promise<void> => {
      signal?.throwIfAborted();
      await writeAll(handle, chunk, bytes);
      bytes += chunk.length;
    };
    for (const chunk of linesInSlices(records)) await write(chunk);
    const snapshotBytes = bytes;
    let copied = tail?.startBytes ?? 0;
    const copyTail = async (): Promise<void> => {
      if (!tail) return;
      for (; tail.endBytes() - copied > sliceBytes; copied += sliceBytes) await write(await readAll(tail.from, copied));
    };
    await copyTail();
    await handle.sync();
    await copyTail();
    signal?.throwIfAborted();
    if (tail) bytes += copyRest(tail.from, copied, tail.endBytes(), handle, bytes);
    renameSync(beside, file);
    done({ handle, bytes }, snapshotBytes);
  } catch (failure) {
    await handle.close();
    await rm(beside, { force: true });
    throw failure;
  }
}

/** What is made, or copied, without a turn between: about 2 ms. */
const sliceBytes = 128 * 1024;

function* linesInSlices(records: Iterable<unknown>): Generator<Buffer> {
  let lines: string[] = [];
  let length = 0;
  for (const record of records) {
    const line = JSON.stringify(record);
    lines.push(line);
    length += line.length;
    if (length > sliceBytes) {
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

async function readAll(handle: FileHandle, position: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(sliceBytes);
  for (let read = 0; read < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, read, bytes.length - read, position + read);
    if (bytesRead === 0) throw new Error("The journal's file is shorter than what was written to it.");
    read += bytesRead;
  }
  return bytes;
}

/** In this turn; returns how many bytes it has copied. */
function copyRest(from: FileHandle, start: number, end: number, to: FileHandle, position: number): number {
  const bytes = Buffer.allocUnsafe(end - start);
  for (let read = 0; read < bytes.length; ) {
    const bytesRead = readSync(from.fd, bytes, read, bytes.length - read, start + read);
    if (bytesRead === 0) throw new Error("The journal's file is shorter than what was written to it.");
    read += bytesRead;
  }
  writeAllNow(to, bytes, position);
  return bytes.length;
}

/** In this turn: the system only copies the bytes, in less time than handing them to another thread takes. */
export function writeAllNow(handle: FileHandle, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(handle.fd, bytes, written, bytes.length - written, position + written);
  }
}
