import { isShortSpan, readSpan } from "./span.ts";

const defaultWait = "30s";

/**
 * The words with `--wait` written as `--wait=30s`, which is how `parseArgs` reads an option whose value may be left out;
 * `--wait 2m` is `--wait=2m`.
 */
export function fillWait(words: readonly string[]): string[] {
  const filled: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    const next = words[index + 1];
    if (word !== "--wait") filled.push(word);
    else if (next !== undefined && isShortSpan(next)) {
      filled.push(`--wait=${next}`);
      index += 1;
    } else filled.push(`--wait=${defaultWait}`);
  }
  return filled;
}

/** Reads the value of `--wait` in milliseconds; undefined when it was not given. Error: `usage`. */
export function readWaitMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : readSpan("--wait", text);
}
