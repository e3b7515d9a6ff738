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
  /** Peers that are not on this machine, and why: they are left out, and that is no failure. */
  readonly missing?: readonly string[];
  /** What the figures are made of, e.g. the values of each round: for the JSON. */
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

/**
 * The rows that say nothing: they have neither a ratio nor a budget, and are not what others are held against (whose ratio
 * names what their figure ends with).
 */
export function unpaired(rows: readonly Row[]): readonly Row[] {
  const bases = new Set(rows.flatMap(({ ratios = [] }) => ratios.map(({ to }) => to)));
  return rows.filter(
    ({ figure, ratios = [], atMost }) =>
      ratios.length === 0 && atMost === undefined && ![...bases].some((base) => figure.endsWith(base)),
  );
}
