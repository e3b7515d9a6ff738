/**
 * Seconds that each bench takes alone on two shared cores. Only the estimate of what is left is made of them, and it learns
 * from the benches that have run: on a slower machine all of them take longer.
 */
const usualSeconds: Readonly<Record<string, number>> = {
  "api-load": 90,
  aws: 150,
  bundles: 6,
  calls: 6,
  "cold-start": 150,
  "end-to-end": 300,
  "exactly-once": 110,
  "scale-ledger": 120,
  "scale-scheduler": 30,
  "scale-sqs": 180,
  warm: 120,
};
const unknownSeconds = 120;
const secondsOf = (name: string): number => usualSeconds[name] ?? unknownSeconds;

/** Says what is being done: on a terminal in one line, which changes; else line by line. */
export interface Progress {
  /** The bench of this name starts. */
  start(name: string): void;
  say(line: string): void;
  /** It has ended: what is printed now stands. */
  end(): void;
}

/** The progress of benches that run one after the other, in this order. */
export function createProgress(names: readonly string[], terminal = process.stdout): Progress {
  let [usual, spent, startMs, index] = [0, 0, 0, -1];
  let head = "";
  const write = (text: string): void => {
    if (!terminal.isTTY) terminal.write(`· ${text}\n`);
    else terminal.write(`\r\x1b[2K${text.slice(0, terminal.columns - 1)}`);
  };
  return {
    start(name) {
      index = names.indexOf(name);
      startMs = performance.now();
      const left = names.slice(index).reduce((sum, each) => sum + secondsOf(each), 0);
      head = `${index + 1} of ${names.length}: ${name}`;
      write(`${head}, ${wordLeft(left * (usual === 0 ? 1 : spent / usual))}`);
    },
    say: (line) => write(`${head}: ${line}`),
    end() {
      spent += (performance.now() - startMs) / 1000;
      usual += secondsOf(names[index] ?? "");
      if (terminal.isTTY) terminal.write("\r\x1b[2K");
    },
  };
}

/** `about 12 minutes left`. */
export function wordLeft(seconds: number): string {
  if (seconds < 50) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  return `about ${minutes} ${minutes === 1 ? "minute" : "minutes"} left`;
}
