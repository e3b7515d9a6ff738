import { createInterface } from "node:readline";

/** Asks on the terminal; true only for a typed y. Ctrl-C, the end of the input and an aborted signal are no. */
export function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const answer = (yes: boolean): void => {
      resolve(yes); // the first one counts
      lines.close();
    };
    signal.addEventListener("abort", () => answer(false), { once: true });
    lines.on("SIGINT", () => answer(false));
    lines.on("close", () => answer(false));
    lines.question(question, (text) => answer(/^y(?:es)?$/i.test(text.trim())));
  });
}
