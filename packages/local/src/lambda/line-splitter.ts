/** The longest line that is kept whole, in characters: CloudWatch Logs takes no longer event either. */
const maxLineLength = 262_144;

/** Cuts chunks of text into lines: `push` takes a chunk, `end` gives out the last line when nothing ended it. */
export function lineSplitter(onLine: (text: string) => void): { push(chunk: string): void; end(): void } {
  let rest = "";
  return {
    push(chunk) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
      for (; rest.length > maxLineLength; rest = rest.slice(maxLineLength)) onLine(rest.slice(0, maxLineLength));
    },
    end() {
      if (rest !== "") onLine(rest);
      rest = "";
    },
  };
}
