import { scanSql } from "./scan-sql.ts";

/** A statement as Postgres takes it: each `:name` has become `$n`, the same name the same number. */
export interface CompiledSql {
  readonly text: string;
  /** The names in the order of their numbers: `$1` is the first. */
  readonly names: readonly string[];
  /** Where the two texts differ, in order. */
  readonly replacements: readonly Replacement[];
}

interface Replacement {
  /** Where it starts in the caller's text and in Postgres's, in UTF-16 units. */
  readonly callerStart: number;
  readonly start: number;
  readonly callerLength: number;
  readonly length: number;
}

/** Statements come from code, so there are few different ones; this many are kept. */
const keptStatements = 1000;
const compiled = new Map<string, CompiledSql>();

/**
 * Turns the Data API's named parameters into Postgres's numbered ones. A colon is no parameter inside string constants,
 * quoted identifiers, comments and dollar quotes, nor in a `::cast`.
 */
export function compileSql(sql: string): CompiledSql {
  const known = compiled.get(sql);
  if (known) return known;
  if (compiled.size >= keptStatements) compiled.clear();
  const result = replaceNames(sql);
  compiled.set(sql, result);
  return result;
}

function replaceNames(sql: string): CompiledSql {
  const numbers = new Map<string, number>();
  const replacements: Replacement[] = [];
  let text = "";
  let copied = 0;
  for (const { name, start, end } of scanSql(sql)) {
    const number = numbers.get(name) ?? numbers.size + 1;
    numbers.set(name, number);
    text += sql.slice(copied, start);
    const placeholder = `$${number}`;
    replacements.push({
      callerStart: start,
      start: text.length,
      callerLength: end - start,
      length: placeholder.length,
    });
    text += placeholder;
    copied = end;
  }
  return { text: text + sql.slice(copied), names: [...numbers.keys()], replacements };
}

/**
 * Where in the caller's statement a position of Postgres's error is. Both are counted in characters (code points) from 1.
 */
export function callerPosition(sql: string, compiledSql: CompiledSql, position: number): number {
  const offset = unitsOf(compiledSql.text, position - 1);
  let shift = 0;
  for (const { start, length, callerStart, callerLength } of compiledSql.replacements) {
    if (offset < start) break;
    if (offset < start + length) return charactersIn(sql.slice(0, callerStart)) + 1;
    shift = callerStart + callerLength - (start + length);
  }
  return charactersIn(sql.slice(0, offset + shift)) + 1;
}

function unitsOf(text: string, characters: number): number {
  let units = 0;
  for (let left = characters; left > 0 && units < text.length; left--)
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  return units;
}

function charactersIn(text: string): number {
  let characters = 0;
  for (const _ of text) characters++;
  return characters;
}
