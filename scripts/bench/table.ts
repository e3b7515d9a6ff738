import type { Row } from "../../test/support/bench/bench.ts";

/** Rows as a plain table: figure, value, spread, ratios. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ figure, value, unit, spread, ratios = [], atMost }) => [
    figure,
    `${numberText(value)} ${unit}`,
    spread === undefined ? "" : `± ${numberText(spread)}`,
    [
      ...ratios.map(({ to, ratio }) => `${ratio.toFixed(2)} × ${to}`),
      ...(atMost === undefined ? [] : [`of ${numberText(atMost)}`]),
    ].join(", "),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map(([figure = "", value = "", spread = "", ratios = ""]) =>
      [figure.padEnd(widths[0] ?? 0), value.padStart(widths[1] ?? 0), spread.padStart(widths[2] ?? 0), ratios]
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}

/** `12,345`; below 100 with one decimal. */
function numberText(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 });
}
