import { open } from "node:fs/promises";
import type { Refusal } from "./send-batch.ts";
import { usageError } from "./usage-error.ts";

/** Where refused lines go. */
export interface Refusals {
  add(refusals: readonly Refusal[]): Promise<void>;
  close(): Promise<void>;
}

/** How many are told on standard error when no file takes them. */
const mostTold = 10;

/**
 * Refused lines with their reasons, as JSON lines of a file, which is written behind what it has when `append`; without a
 * file the first ones on standard error. No input is among them. Error: `usage`, for a file that cannot be written.
 */
export async function openRefusals(file: string | undefined, append: boolean): Promise<Refusals> {
  if (file === undefined) return tell();
  const handle = await open(file, append ? "a" : "w").catch((error: NodeJS.ErrnoException) => {
    throw usageError(`--refused ${file}`, `a file that can be written (${error.code})`);
  });
  return {
    async add(refusals) {
      if (refusals.length === 0) return;
      const lines = refusals.map(({ lineNumber: line, error: { code, message } }) => ({ line, code, message }));
      await handle.appendFile(lines.map((each) => `${JSON.stringify(each)}\n`).join(""));
      await handle.sync();
    },
    close: () => handle.close(),
  };
}

/** They are told at the end: a progress bar stands where they would. */
function tell(): Refusals {
  const told: Refusal[] = [];
  let count = 0;
  return {
    async add(refusals) {
      count += refusals.length;
      told.push(...refusals.slice(0, mostTold - told.length));
    },
    async close() {
      for (const { lineNumber, error } of told) console.error(`line ${lineNumber}: ${error.message}`);
      if (count > mostTold) console.error(`and ${count - mostTold} lines more: --refused FILE keeps all of them`);
    },
  };
}
