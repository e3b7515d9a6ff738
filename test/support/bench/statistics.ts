/** The value in the middle; of an even number the mean of both. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** The median distance from the median. One slow round does not move it. */
export function spreadOf(values: readonly number[]): number {
  const median = medianOf(values);
  return medianOf(values.map((value) => Math.abs(value - median)));
}

/** The median of what one had in each round in parts of what another had in the same round. */
export function ratioOf(values: readonly number[], others: readonly number[]): number {
  return medianOf(values.map((value, round) => value / (others[round] ?? Number.NaN)));
}

/** What each way gave in each round, by its name. The ways take turns; every other round goes backwards. */
export async function measureInTurn<Way extends { readonly name: string }, Value>(
  ways: readonly Way[],
  rounds: number,
  measure: (way: Way, round: number) => Promise<Value>,
): Promise<ReadonlyMap<string, readonly Value[]>> {
  const found = new Map<string, Value[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      found.get(way.name)?.push(await measure(way, round));
    }
  }
  return found;
}
