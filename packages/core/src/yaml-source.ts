/**
 * A YAML text read into nodes that know where they stand, and the ways to look into them.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from "yaml";

/** What was given, what is allowed, and what to do. */
export interface YamlProblem {
  readonly given: string;
  readonly allowed: string;
  readonly fix: string;
}

/** A place in a text, both counted from 1; the column in characters (UTF-16 units). */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A parsed text. Its syntax may be wrong: see `reportSyntax`. */
export interface YamlSource {
  readonly text: string;
  readonly document: Document;
  /** Where an offset (in characters from the start of the text) lies. */
  place(offset: number): Place;
}

/** Parses a text as YAML 1.2 with `<<` merges. Never throws. */
export function readYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
    merge: true,
    schema: "core",
  });
  return {
    text,
    document,
    place(offset) {
      const { line, col } = lines.linePos(offset);
      return { line: Math.max(1, line), column: Math.max(1, col) };
    },
  };
}

/** The first problem of each line: YAML's further ones on the same line are its consequences. */
export function reportSyntax(source: YamlSource, report: (offset: number, problem: YamlProblem) => void): void {
  if (source.document.errors.length > 0 && reportLongDashes(source, report)) return;
  const reported = new Set<number>();
  for (const error of source.document.errors) {
    const [offset] = error.pos;
    const { line } = source.place(offset);
    if (reported.has(line)) continue;
    reported.add(line);
    const rest = source.text.slice(offset).split("\n", 1)[0]?.trim() ?? "";
    const unquoted = rest.startsWith("*") || rest.startsWith("@");
    report(offset, {
      given: shortened(rest) || "the end of the text",
      allowed: `YAML: ${error.message}`,
      fix: unquoted ? `put it in quotes: "${rest}"` : "mend the YAML here; a text may hold one document",
    });
  }
}

/** Entries that begin with the dash of prose, which text programs write by themselves: the cause of whatever else is said. */
function reportLongDashes(source: YamlSource, report: (offset: number, problem: YamlProblem) => void): boolean {
  const dashes = [...source.text.matchAll(/^[ \t]*(?<entry>[–—] .*)$/gmu)];
  for (const { 0: line, index, groups } of dashes) {
    const entry = groups?.entry ?? "";
    const allowed = "YAML: an entry of a list starts with a hyphen";
    report(index + line.length - entry.length, {
      given: shortened(entry),
      allowed,
      fix: "write - in place of the long dash",
    });
  }
  return dashes.length > 0;
}

/** The value of a key, of the mapping itself or merged into it by `<<`; undefined when it is absent. */
export function member(source: YamlSource, map: YAMLMap, key: string, depth = 0): Node | undefined {
  const pair = map.items.find(({ key: each }) => isScalar(each) && each.value === key);
  if (pair) return resolved(source, pair.value);
  const merged = map.items.find(({ key: each }) => isScalar(each) && String(each.source ?? "") === "<<");
  const from = merged && depth < 8 ? resolved(source, merged.value) : undefined;
  const maps = isSeq(from) ? from.items.map((item) => resolved(source, item)) : [from];
  for (const each of maps) {
    const value = isMap(each) ? member(source, each, key, depth + 1) : undefined;
    if (value) return value;
  }
  return undefined;
}

/** The node, or what it is an alias of. An alias of nothing stays an alias, which no reader takes. */
export function resolved(source: YamlSource, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(source.document) ?? node;
  return isMap(node) || isSeq(node) || isScalar(node) ? node : undefined;
}

/** Where the node starts, in characters from the start of the text; 0 when there is none. */
export const offsetOf = (node: Node | undefined): number => node?.range?.[0] ?? 0;

/** The start of what stands under a key, to name it in a problem. */
export const shown = (source: YamlSource, key: string, node: Node | undefined): string =>
  node ? shownAt(source, node) : `no ${key}`;

/** The start of the node's text, to name it in a problem. */
export function shownAt(source: YamlSource, node: Node): string {
  const [start, end] = node.range ?? [0, 0];
  return shortened(source.text.slice(start, end)) || "nothing";
}

/** The first line, up to 60 characters. */
function shortened(text: string): string {
  const [line = ""] = text.trim().split("\n", 1);
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
