import { styleText } from "node:util";

/** Colours a text when standard output is a terminal that shows colours (and NO_COLOR is not set); else leaves it plain. */
export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout });
}
