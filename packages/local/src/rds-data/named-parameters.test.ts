import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callerPosition, compileSql } from "./named-parameters.ts";

const compiledText = (sql: string): string => compileSql(sql).text;

describe("compileSql", () => {
  test("numbers the names in order, the same name with the same number", () => {
    const { text, names } = compileSql("insert into t values (:a, :b_2, :a)");
    expect({ text, names }).toEqual({ text: "insert into t values ($1, $2, $1)", names: ["a", "b_2"] });
  });

  test("takes names of digits, as some libraries number theirs", () => {
    expect(compiledText("select :1, :2, :1")).toBe("select $1, $2, $1");
  });

  test.each([
    ["a cast", "select x::int, '1'::text"],
    ["a string", "select 'a :b'"],
    ["a string with doubled quotes", "select 'it''s :b'"],
    ["a backslash before a plain string's end", "select '\\', ':b'"],
    ["an escape string", "select E'it\\'s :b', e'\\\\', ':c'"],
    ["an escape string that goes on in the next line", "select E'a'\n -- more\n 'b\\' :c'"],
    ["a quoted identifier", 'select ":a" from "x"":b"'],
    ["a line comment", "select 1 -- it's :a\n, 2"],
    ["a comment", "select /* it's :a */ 1"],
    ["a comment in a comment", "select /* /* :a */ :b */ 1"],
    ["a dollar quote", "do $$ begin perform :a; end $$"],
    ["a tagged dollar quote", "do $f$ begin perform $$:a$$, ':b'; end $f$"],
    ["an assignment in PL/pgSQL", "select f(a := 1)"],
    ["a string that is not ended", "select ':a"],
    ["a comment that is not ended", "select /* :a"],
    ["a dollar quote that is not ended", "select $x$ :a"],
  ])("leaves %s alone", (_, sql) => {
    expect(compileSql(sql)).toMatchObject({ text: sql, names: [] });
  });

  test.each([
    ["an identifier with dollars in it", "select a$b$c, :x", "select a$b$c, $1"],
    ["an identifier that ends in e", "select name'' , :x", "select name'' , $1"],
    ["a cast", "select :x::int[]", "select $1::int[]"],
    ["a plain string that ends in a backslash", "select 'a\\' || :x", "select 'a\\' || $1"],
    ["a carriage return, which ends a line comment", "-- it's\rselect :x", "-- it's\rselect $1"],
  ])("finds the parameter behind %s", (_, sql, compiled) => {
    expect(compiledText(sql)).toBe(compiled);
  });

  test("reads megabytes of text", () => {
    const long = `':a''${"x'':b ".repeat(500_000)}'`;
    expect(compiledText(`select ${long}, E${long}, :x`)).toBe(`select ${long}, E${long}, $1`);
  });

  test("never takes quoted text for a parameter, and never misses one between", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(quoted, parameter), { maxLength: 12 }), (pieces) => {
        const sql = pieces.map((piece) => piece.sql).join("\n, ");
        const names = new Set(pieces.flatMap((piece) => piece.name ?? []));
        expect(compileSql(sql).names).toEqual([...names]);
      }),
    );
  });
});

interface Piece {
  readonly sql: string;
  readonly name?: string;
}

const anyText = fc.string({ unit: fc.constantFrom(":", "a", "b", "1", "'", '"', "\\", "*", "/", "-", "$", " ", "é") });
const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,5}$/);
const parameter: fc.Arbitrary<Piece> = name.map((name) => ({ sql: `:${name}`, name }));
const quoted: fc.Arbitrary<Piece> = fc.oneof(
  anyText.map((text) => ({ sql: `'${text.replaceAll("'", "''")}'` })),
  anyText.map((text) => ({ sql: `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'` })),
  anyText.map((text) => ({ sql: `"${text.replaceAll('"', '""')}"` })),
  anyText.map((text) => ({ sql: `-- ${text}` })),
  anyText.map((text) => ({ sql: `/* ${text.replaceAll(/[*/]/g, " ")} /* ${text.replaceAll(/[*/]/g, "")} */ :a */` })),
  anyText.map((text) => ({ sql: `$q$${text.replaceAll("$q$", "")} $q$` })),
  name.map((type) => ({ sql: `x::${type}` })),
);

describe("callerPosition", () => {
  const positionOf = (sql: string, found: string): number => {
    const compiled = compileSql(sql);
    return callerPosition(sql, compiled, [...compiled.text.slice(0, compiled.text.indexOf(found))].length + 1);
  };

  test("is in terms of the caller's own text, before, at and behind parameters", () => {
    const sql = "select ab, :first_name, :second, cd";
    expect(positionOf(sql, "ab")).toBe(sql.indexOf("ab") + 1);
    expect(positionOf(sql, "$1")).toBe(sql.indexOf(":first_name") + 1);
    expect(positionOf(sql, "$2")).toBe(sql.indexOf(":second") + 1);
    expect(positionOf(sql, "cd")).toBe(sql.indexOf("cd") + 1);
  });

  test("counts characters, not UTF-16 units", () => {
    expect(positionOf("select '😀😀', :name, cd", "cd")).toBe([..."select '😀😀', :name, "].length + 1);
  });
});
