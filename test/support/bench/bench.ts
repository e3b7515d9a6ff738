/** What `npm run bench` runs: each file `scripts/bench/*.bench.ts` exports one `bench`. */

/** A comparison. It measures all its ways in turn, in one run, so that what else the machine does falls on all of them. */
export interface Bench {
  /** The word on the command line. */
  readonly name: string;
  /** What is held against what, in a sentence. */
  readonly compares: string;
  run(context: BenchContext): Promise<BenchReport>;
  /** Only figures that are the same on every machine: calls, bytes, contents. Without it the short form leaves the bench out. */
  runShort?(context: BenchContext): Promise<BenchReport>;
}

export interface BenchContext {
  /** Says what is being done. */
  readonly progress: (line: string) => void;
}

export interface BenchReport {
  readonly rows: readonly Row[];
  /** What the figures do not say by themselves. */
  readonly notes?: readonly string[];
  /** Of a bench that prints its own tables: what it has found, for the JSON. */
  readonly found?: unknown;
}

/** One figure. */
export interface Row {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** The median distance of the rounds' values from their median, in the same unit; absent for what was counted. */
  readonly spread?: number;
  /** The figure in parts of its floor and of its peers. */
  readonly ratios?: readonly Ratio[];
  /** What the figure must not exceed: only for figures that are the same on every machine. */
  readonly atMost?: number;
}

export interface Ratio {
  readonly to: string;
  readonly ratio: number;
}

/** The rows that exceed what they must not. */
export function exceeded(rows: readonly Row[]): readonly Row[] {
  return rows.filter(({ value, atMost }) => atMost !== undefined && value > atMost);
}
