/** A line of a file. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** With its line feed. */
  readonly bytes: Buffer;
  /** Where the next line begins, in bytes from the file's beginning. */
  readonly endByte: number;
}

const lineFeed = 10;

/** The lines of a stream that begins behind so many lines and bytes of a file. Whatever ends no line but the file is a line too. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  behind: { readonly lines: number; readonly bytes: number } = { lines: 0, bytes: 0 },
): AsyncGenerator<Line> {
  let { lines: number, bytes: endByte } = behind;
  let parts: Buffer[] = [];
  const take = (last: Buffer): Line => {
    const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    number += 1;
    endByte += bytes.length;
    return { number, bytes, endByte };
  };
  for await (const each of chunks) {
    const chunk = Buffer.from(each.buffer, each.byteOffset, each.byteLength);
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      yield take(chunk.subarray(from, end + 1));
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield take(Buffer.alloc(0));
}

/** Lines in groups of at most so many, and of about so many bytes. */
export async function* batchLines(
  lines: AsyncIterable<Line>,
  most: { readonly lines: number; readonly bytes: number },
): AsyncGenerator<readonly Line[]> {
  let batch: Line[] = [];
  let bytes = 0;
  for await (const line of lines) {
    batch.push(line);
    bytes += line.bytes.length;
    if (batch.length < most.lines && bytes < most.bytes) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** How many lines `readLines` finds. */
export async function countLines(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let count = 0;
  let last = lineFeed;
  for await (const chunk of chunks) {
    for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, at + 1)) count += 1;
    last = chunk.at(-1) ?? last;
  }
  return last === lineFeed ? count : count + 1;
}
