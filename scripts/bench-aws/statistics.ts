/** What was measured in several rounds. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: medianOf(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** The median of what one had in each round in parts of what another had in the same round. */
export function ratioOf(values: readonly number[], others: readonly number[]): number {
  return medianOf(values.map((value, round) => value / (others[round] ?? Number.NaN)));
}

/** Lines of a table: the first column to the left, the others to the right. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((found, row) => {
    row.forEach((cell, column) => {
      found[column] = Math.max(found[column] ?? 0, cell.length);
    });
    return found;
  }, []);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("   ")
      .trimEnd();
  return rows.map(line).join("\n");
}

/** `12,345`; below ten with one decimal. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 });
}

/** `87 %` */
export const percentText = (ratio: number): string => `${(100 * ratio).toFixed(0)} %`;
