import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { FunctionError } from "./invocation.ts";

/** Where in the user's code something is wrong. */
export interface SourcePlace {
  /** Relative to the project's root when below it, else absolute. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** The line itself, as it stands in the file. */
  readonly source: string;
}

/** Why a function's handler does not load. */
export interface InitError extends FunctionError {
  readonly functionName: string;
  /** Missing when nothing tells it, e.g. for a handler that is not exported. */
  readonly place?: SourcePlace;
  /** For people: the place, the source line with a mark below it, and the message. */
  readonly report: string;
}

/**
 * Works out where a handler's module is wrong: from the head that Node puts before a syntax error's stack or prints
 * (`output`), from the import of a module that is missing, or from the first line of the stack that is the user's.
 */
export function describeInitError(
  functionName: string,
  error: FunctionError & { readonly output: readonly string[] },
  root: string,
): InitError {
  const { errorType, errorMessage, trace, output } = error;
  const found = headPlace(trace) ?? headPlace(output) ?? importPlace(trace) ?? framePlace(trace, root);
  const message =
    [...trace, ...output].find((line) => /^\S*(Error|Exception)\b.*: /.test(line)) ?? `${errorType}: ${errorMessage}`;
  const facts = { functionName, errorType, errorMessage, trace };
  if (!found) return { ...facts, report: message };
  const path = relative(root, found.file);
  const place = { ...found, file: path.startsWith("..") ? found.file : path };
  const mark = `${place.source.slice(0, place.column - 1).replace(/[^\t]/g, " ")}^`;
  const report = `${place.file}:${place.line}:${place.column}\n${place.source}\n${mark}\n${message}`;
  return { ...facts, place, report };
}

/** Node's own head: `file:line`, the source, a line of carets, an empty line or the message. */
function headPlace(lines: readonly string[]): SourcePlace | undefined {
  for (const [index, line] of lines.entries()) {
    const [, url, lineNumber] = /^(file:\/\/\/.+|\/.+|[A-Za-z]:\\.+):(\d+)$/.exec(line) ?? [];
    const carets = lines.slice(index + 2, index + 6).find((below) => /^\s*\^+\s*$/.test(below));
    if (url && lineNumber && carets) return sourcePlace(toPath(url), Number(lineNumber), carets.indexOf("^") + 1);
  }
  return undefined;
}

function importPlace(trace: readonly string[]): SourcePlace | undefined {
  const pattern = /Cannot find (?:module|package) '(.+)' imported from (.+)$/;
  for (const line of trace) {
    const [, missing, importer] = pattern.exec(line) ?? [];
    if (!missing || !importer) continue;
    for (const [index, source] of readLines(importer).entries()) {
      const column = specifierColumn(source, missing, importer);
      if (column !== undefined) return { file: importer, line: index + 1, column, source };
    }
  }
  return undefined;
}

/** The column of the quoted specifier that leads from the importer to what is missing. */
function specifierColumn(source: string, missing: string, importer: string): number | undefined {
  for (const match of source.matchAll(/(["'])([^"']+)\1/g)) {
    const specifier = match[2] ?? "";
    const leads = specifier.startsWith(".")
      ? resolve(dirname(importer), specifier) === missing
      : specifier === missing || specifier.startsWith(`${missing}/`);
    if (leads) return match.index + 1;
  }
  return undefined;
}

function framePlace(trace: readonly string[], root: string): SourcePlace | undefined {
  for (const frame of trace) {
    const [, url, line, column] = /^\s+at .*?((?:file:\/\/)?\/[^()]+):(\d+):(\d+)\)?$/.exec(frame) ?? [];
    if (!url || url.includes("/node_modules/")) continue;
    const file = toPath(url);
    if (file.startsWith(root)) return sourcePlace(file, Number(line), Number(column));
  }
  return undefined;
}

function sourcePlace(file: string, line: number, column: number): SourcePlace {
  return { file, line, column, source: readLines(file)[line - 1] ?? "" };
}

const toPath = (url: string): string => (url.startsWith("file:") ? fileURLToPath(url) : url);

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split(/\r?\n/);
  } catch {
    return [];
  }
}
