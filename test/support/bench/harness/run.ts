import { writeFileSync } from "node:fs";
import { type Bench, exceeded, unpaired } from "../bench.ts";
import { wordMachine } from "./machine.ts";
import { type BenchProcess, type End, type ProcessOptions, startBench } from "./process.ts";
import { createProgress } from "./progress.ts";
import { legend, numberText, paragraph, tableOf } from "./table.ts";

export interface RunOptions extends ProcessOptions {
  /** Written before the first bench and after each. */
  readonly json: string;
}

/**
 * Runs benches one after the other and prints what each has found. One that fails is said to, and the others go on; the first
 * SIGINT, SIGTERM or SIGHUP ends the one that runs, and no other starts. Gives the exit code: 0, 1 when a bench failed or a
 * figure exceeds its budget, 2 when the JSON cannot be written, 130 when it was interrupted.
 */
export async function runBenches(benches: readonly Bench[], { json, ...options }: RunOptions): Promise<number> {
  const machine = wordMachine();
  const startedAt = new Date().toISOString();
  const names = benches.map(({ name }) => name);
  const results: object[] = [];
  const write = (): void =>
    writeFileSync(
      json,
      `${JSON.stringify({ machine, startedAt, short: options.short, benches: names, results }, undefined, 2)}\n`,
    );
  try {
    write();
  } catch (error) {
    console.error(`The figures cannot be written to ${json}: ${error instanceof Error ? error.message : error}`);
    return 2;
  }
  let running: BenchProcess | undefined;
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      isInterrupted = true;
      running?.interrupt();
    });
  }
  console.log(`${machine}\n${legend}`);
  const progress = createProgress(names);
  let isWell = true;
  for (const bench of benches) {
    if (isInterrupted) break;
    progress.start(bench.name);
    const startMs = performance.now();
    running = startBench(bench.name, options, progress.say);
    const end = await running.ended;
    progress.end();
    isWell = print(bench, end) && isWell;
    const seconds = Math.round((performance.now() - startMs) / 1000);
    results.push({ bench: bench.name, compares: bench.compares, seconds, ...resultOf(end) });
    write();
  }
  const notRun = names.slice(results.length);
  if (notRun.length > 0) console.log(`\n${paragraph(`NOT RUN: ${notRun.join(", ")}`)}`);
  console.log(`\nThe machine did other work too: hold figures against their pair, within this run. JSON: ${json}`);
  return isInterrupted ? 130 : isWell ? 0 : 1;
}

/** A bench's end, flat for the JSON. */
function resultOf(end: End): object {
  switch (end.kind) {
    case "measured":
      return { ended: end.kind, missing: [], notes: [], ...end.report };
    case "failed":
      return { ended: end.kind, error: end.error, stack: end.stack, rows: [] };
    case "interrupted":
      return { ended: end.kind, rows: [] };
  }
}

/** Prints what a bench has found; whether all is well. */
function print({ name, compares }: Bench, end: End): boolean {
  console.log(`\n${paragraph(`${name}: ${compares}`)}\n`);
  if (end.kind !== "measured") {
    console.log(end.kind === "failed" ? paragraph(`FAILED: ${end.error}`) : "INTERRUPTED: it has no figures.");
    return end.kind === "interrupted";
  }
  const { rows, notes = [], missing = [] } = end.report;
  if (rows.length > 0) console.log(tableOf(rows));
  const alone = unpaired(rows).map(({ figure }) => figure);
  const tooMuch = exceeded(rows);
  const lines = [
    ...notes,
    ...missing.map((peer) => `LEFT OUT: ${peer}`),
    ...(alone.length > 0 ? [`WITHOUT A PAIR: ${alone.join("; ")}`] : []),
    ...tooMuch.map(
      ({ figure, value, unit, atMost = 0 }) =>
        `TOO MUCH: ${figure} is ${numberText(value)} ${unit}, and may be ${numberText(atMost)}`,
    ),
  ];
  for (const line of lines) console.log(`\n${paragraph(line)}`);
  return tooMuch.length === 0;
}
