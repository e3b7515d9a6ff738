import type { Row } from "../bench.ts";

/** What the columns say, in one line each. */
export const legend = `± is the spread: half of the rounds are no further than that from the median; what has none was counted, not timed.
"0.60 × X" is in parts of what X had in the same rounds; "of 20" is the budget.`;

const tableWidth = 120;
/** The ratios have at least so much, when they need it. */
const mostRatioWidth = 46;
const gap = "  ";

/** Rows as plain tables: figure, median, spread, ratios; one for each unit when they come in long runs. */
export function tableOf(rows: readonly Row[]): string {
  const runs: Row[][] = [];
  for (const row of rows) {
    if (runs.at(-1)?.[0]?.unit === row.unit) runs.at(-1)?.push(row);
    else runs.push([row]);
  }
  const isLong = runs.every((run, index) => run.length >= 3 || index === runs.length - 1);
  return (isLong ? runs : [rows]).map(tableOfAll).join("\n\n");
}

/** No line is longer than 120 columns. */
function tableOfAll(rows: readonly Row[]): string {
  const cells = rows.map(({ figure, value, unit, spread, ratios = [], atMost }) => ({
    figure,
    value: `${numberText(value)} ${unit}`.trim(),
    spread: spread === undefined ? "" : `± ${numberText(spread)}`,
    ratios: [
      ...(atMost === undefined ? [] : [`of ${numberText(atMost)}`]),
      ...ratios.map(({ to, ratio }) => `${ratioText(ratio)} × ${to}`),
    ].map((ratio, index, all) => (index < all.length - 1 ? `${ratio},` : ratio)),
  }));
  const most = (texts: readonly string[]): number => Math.max(0, ...texts.map(({ length }) => length));
  const second = most(cells.map(({ value }) => value));
  const third = most(cells.map(({ spread }) => spread));
  const rest = tableWidth - second - third - 3 * gap.length;
  const longestRatio = Math.min(most(cells.flatMap(({ ratios }) => ratios)), mostRatioWidth);
  const first = Math.min(most(cells.map(({ figure }) => figure)), rest - longestRatio);
  return cells
    .flatMap(({ figure, value, spread, ratios }) => {
      const left = wrap([figure], first);
      const right = wrap(ratios, rest - first);
      return Array.from({ length: Math.max(left.length, right.length) }, (_, line) =>
        [
          (left[line] ?? "").padEnd(first),
          (line === 0 ? value : "").padStart(second),
          (line === 0 ? spread : "").padStart(third),
          right[line] ?? "",
        ]
          .join(gap)
          .trimEnd(),
      );
    })
    .join("\n");
}

/** A text whose lines are at most 120 columns long. */
export const paragraph = (text: string): string => wrap([text.replaceAll("\n", " ")], tableWidth).join("\n");

/** Lines of at most so many characters: between parts when each fits by itself, else between words. */
function wrap(parts: readonly string[], width: number): string[] {
  const words = parts.flatMap((part) => (part.length > width ? part.split(" ") : [part]));
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** `12,345`; below 100 with one decimal, below 10 with two, below 1 with two digits that count. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 1) return value.toLocaleString("en-US", { maximumSignificantDigits: 2 });
  const maximumFractionDigits = size < 10 ? 2 : size < 100 ? 1 : 0;
  return value.toLocaleString("en-US", { maximumFractionDigits });
}

/** `0.60`, `12.3`, `4,567`; a small one with two digits that count. */
function ratioText(ratio: number): string {
  if (ratio > 0 && ratio < 0.1) return ratio.toLocaleString("en-US", { maximumSignificantDigits: 2 });
  return ratio < 10 ? ratio.toFixed(2) : numberText(ratio);
}
