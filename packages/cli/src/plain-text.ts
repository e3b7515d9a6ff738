import { widest } from "./plan-table.ts";

/** A text in one line, without what a terminal would act on: it may come from anybody. */
export function plainLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(/\p{Cc}/gu, escaped);
}

/** The same for a text of several lines. */
export function plainText(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    character === "\n" || character === "\t" ? character : escaped(character),
  );
}

const escaped = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;

/** A text of at most so many characters, the last one … when it was longer. */
export function cut(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, Math.max(0, most - 1)).join("")}…`;
}

/** Rows as lines of at most 100 columns, two spaces apart; too long ones lose from the `flexible` columns, in their order. */
export function columnLines(rows: readonly (readonly string[])[], flexible: readonly number[] = []): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  let over = widths.reduce((sum, width) => sum + width + 2, -2) - widest;
  for (const column of flexible) {
    const width = widths[column] ?? 0;
    const taken = Math.min(Math.max(0, over), Math.max(0, width - 8));
    widths[column] = width - taken;
    over -= taken;
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
