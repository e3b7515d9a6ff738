/** Tables for a terminal of 100 columns. */

/** The longest line. */
export const widest = 100;

/** How a column is printed. */
export interface Column {
  readonly align?: "left" | "right";
}

/** The widest that a column is made for the last one's sake. */
const widestColumn = 36;

/**
 * Rows as lines: each column as wide as its widest cell, two spaces between, indented by two. A last column on the left is
 * wrapped at `widest` and goes on under itself; after a cell that is wider than 36 it begins on the next line. A row of one
 * cell is a heading: no column is as wide as that.
 */
export function tableLines(rows: readonly (readonly string[])[], columns: readonly Column[] = []): string[] {
  const inColumns = rows.filter((row) => row.length > 1);
  const count = Math.max(0, ...inColumns.map((row) => row.length));
  const isRight = (index: number): boolean => columns[index]?.align === "right";
  const most = isRight(count - 1) ? widest : widestColumn;
  const widths = Array.from({ length: count }, (_, index) =>
    Math.min(most, Math.max(0, ...inColumns.map((row) => row[index]?.length ?? 0))),
  );
  const start = 2 + widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  return rows.flatMap((row) => {
    const cells = row.map((cell, index) => {
      const width = widths[index] ?? 0;
      return isRight(index) ? cell.padStart(width) : cell.padEnd(width);
    });
    if (row.length === 1 || isRight(row.length - 1)) return [`  ${cells.join("  ")}`.trimEnd()];
    const head = `  ${cells.slice(0, -1).join("  ")}  `;
    const [first = "", ...others] = wrap(row.at(-1) ?? "", widest - start).map((line) => " ".repeat(start) + line);
    if (head.length > start) return [head.trimEnd(), first.trimEnd(), ...others];
    return [`${head}${first.slice(start)}`.trimEnd(), ...others];
  });
}

/** A text in lines of at most `width` characters, broken at spaces; a longer word is broken anywhere. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((each) => chunks(each, width))) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function chunks(word: string, width: number): string[] {
  const count = Math.max(1, Math.ceil(word.length / width));
  return Array.from({ length: count }, (_, index) => word.slice(index * width, (index + 1) * width));
}
