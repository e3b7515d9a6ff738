import fc from "fast-check";
import { expect, test } from "vitest";
import { batchLines, countLines, type Line, readLines } from "./send-lines.ts";

async function* cutAt(bytes: Buffer, places: readonly number[]): AsyncGenerator<Uint8Array> {
  const cuts = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  for (const [index, from] of cuts.entries()) yield bytes.subarray(from, cuts[index + 1] ?? bytes.length);
}

const text = fc
  .array(fc.constantFrom("\n", "\r\n", "a", "ä", '{"x":1}', ""), { maxLength: 30 })
  .map((parts) => parts.join(""));
async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const places = fc.array(fc.nat(), { maxLength: 8 });

test("lines are what stands between line feeds, however the bytes come; nothing is lost", async () => {
  await fc.assert(
    fc.asyncProperty(text, places, async (given, cuts) => {
      const bytes = Buffer.from(given);
      const lines = await allOf(readLines(cutAt(bytes, cuts)));
      expect(Buffer.concat(lines.map((line) => line.bytes)).equals(bytes)).toBe(true);
      expect(lines.map((line) => line.bytes.toString())).toEqual(given.match(/[^\n]*\n|[^\n]+$/g) ?? []);
      expect(lines.map((line) => line.number)).toEqual(lines.map((_, index) => index + 1));
      expect(await countLines(cutAt(bytes, cuts))).toBe(lines.length);
    }),
  );
});

test("a file that is gone on with behind any of its lines has the same lines with the same numbers", async () => {
  await fc.assert(
    fc.asyncProperty(text, places, fc.nat(), async (given, cuts, at) => {
      const bytes = Buffer.from(given);
      const lines = await allOf(readLines(cutAt(bytes, cuts)));
      const last = lines[at % (lines.length + 1)];
      const behind = { lines: last?.number ?? 0, bytes: last?.endByte ?? 0 };
      const rest = await allOf(readLines(cutAt(bytes.subarray(behind.bytes), cuts), behind));
      expect(rest).toEqual(lines.slice(behind.lines));
    }),
  );
});

test("a batch ends with the line that fills it, by its lines or its bytes", async () => {
  const line = (number: number, length: number): Line => ({ number, bytes: Buffer.alloc(length), endByte: 0 });
  async function* lines() {
    for (const [index, length] of [1, 1, 1, 9, 1, 5, 5, 1].entries()) yield line(index + 1, length);
  }
  const batches = await allOf(batchLines(lines(), { lines: 3, bytes: 10 }));
  expect(batches.map((batch) => batch.map(({ number }) => number))).toEqual([[1, 2, 3], [4, 5], [6, 7], [8]]);
});
