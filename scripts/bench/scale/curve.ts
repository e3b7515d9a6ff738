import type { Row } from "../../../test/support/bench/bench.ts";
import { medianOf, spreadOf } from "../../../test/support/bench/statistics.ts";

/** What one figure is at each size, from the smallest on. */
export interface Curve {
  /** Notes values of a figure at a size; their median counts. */
  add(figure: string, unit: string, size: number, values: readonly number[]): void;
  /** A row for each figure and size, with its ratio to the smallest size that the figure has. */
  rows(): Row[];
}

/** An empty curve. `sizeName`: what sizes count, e.g. `waiting`. */
export function createCurve(): Curve {
  const figures = new Map<string, { unit: string; size: number; values: readonly number[] }[]>();
  return {
    add(figure, unit, size, values) {
      figures.set(figure, [...(figures.get(figure) ?? []), { unit, size, values }]);
    },
    rows: () =>
      [...figures].flatMap(([figure, points]) =>
        points.map(({ unit, size, values }, index): Row => {
          const first = points[0];
          const ratio = medianOf(values) / medianOf(first?.values ?? []);
          return {
            figure: `${figure}, ${size.toLocaleString("en-US")}`,
            value: medianOf(values),
            unit,
            spread: spreadOf(values),
            ...(index === 0 || first === undefined
              ? {}
              : { ratios: [{ to: first.size.toLocaleString("en-US"), ratio }] }),
          };
        }),
      ),
  };
}

/** Runs `work` so many times, and gives how many microseconds each took for each of `parts`. */
export async function microseconds(times: number, parts: number, work: () => unknown): Promise<number[]> {
  const took: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const startMs = performance.now();
    await work();
    took.push(((performance.now() - startMs) * 1000) / parts);
  }
  return took;
}
