import { unsupported } from "./data-types.ts";

/**
 * Reads Postgres's text of a one-dimensional array, e.g. `{1,"a b",NULL}`. Throws UnsupportedResultException for more
 * dimensions. A lower bound other than 1 (`[2:3]={…}`) is passed over.
 */
export function parseArray(text: string): (string | null)[] {
  const items: (string | null)[] = [];
  let at = text.indexOf("{") + 1;
  if (text[at] === "}") return items;
  for (; at < text.length; at++) {
    if (text[at] === "{") throw unsupported("multidimensional array");
    const item = text[at] === '"' ? readQuoted(text, at) : readPlain(text, at);
    items.push(item.value);
    at = item.end;
    if (text[at] === "}") break;
  }
  return items;
}

interface Item {
  readonly value: string | null;
  /** The index of the comma or brace behind it. */
  readonly end: number;
}

function readQuoted(text: string, start: number): Item {
  let value = "";
  let at = start + 1;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === "\\") at++;
    value += text[at];
  }
  return { value, end: at + 1 };
}

function readPlain(text: string, start: number): Item {
  let end = start;
  while (end < text.length && text[end] !== "," && text[end] !== "}") end++;
  const value = text.slice(start, end);
  return { value: value === "NULL" ? null : value, end };
}
