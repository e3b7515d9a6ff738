import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitSql } from "./split-sql.ts";

const split = (script: string): string[] => splitSql(script).map((statement) => statement.sql);

describe("a semicolon ends no statement inside", () => {
  test.each([
    ["a string", "select 'a;b'"],
    ["a string with a doubled quote", "select 'it''s; fine'"],
    ["a string that ends in a backslash", "select 'a\\'"],
    ["an E'' string with an escaped quote", "select E'it\\'s; fine'"],
    ["an e'' string after an operator", "select 1||e'\\';'"],
    ["a quoted identifier", 'select 1 as "a;""b"'],
    ["a comment to the end of the line", "select 1 -- not; here\n, 2"],
    ["a comment", "select /* not; 'here */ 1"],
    ["a nested comment", "select /* one; /* two; */ still; */ 1"],
    ["a dollar quote", "do $$ begin perform 1; end $$"],
    ["a named dollar quote with another inside", "do $a$ begin perform $$;$$; end $a$"],
    ["a dollar quote with letters of other scripts", "select $grün$;$grün$"],
    ["parentheses", "create rule r as on insert to t do also (select 1; select 2)"],
    [
      "a body of begin atomic",
      "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
    ],
  ])("%s", (_, statement) => {
    expect(split(`${statement};\nselect 'next'`)).toEqual([statement, "select 'next'"]);
  });
});

test("dollar signs in names and parameters open no quote", () => {
  expect(split("select a$b; select $1; select b$b")).toEqual(["select a$b", "select $1", "select b$b"]);
});

test("an e at the end of a name makes no E'' string", () => {
  expect(split("select name'a\\'; select 2")).toEqual(["select name'a\\'", "select 2"]);
});

test("pieces of white space and comments are no statements", () => {
  expect(split(" ; -- nothing;\n /* nothing; */ ;\n\n; select 1; -- the end")).toEqual(["select 1"]);
  expect(split("")).toEqual([]);
});

test("statements are counted from 1, whatever stands between them", () => {
  expect(splitSql("; -- a\n select 1;; select 2")).toEqual([
    { number: 1, sql: "-- a\n select 1" },
    { number: 2, sql: "select 2" },
  ]);
});

test.each(["select 'open; select 2", "select $$ open; select 2", "select /* open; select 2", 'select "open; x'])(
  "what is not closed reaches to the end: %s",
  (script) => {
    expect(split(script)).toEqual([script]);
  },
);

test("joining statements with semicolons and splitting them again gives the same statements", () => {
  const text = fc.string({ unit: fc.constantFrom("a", ";", " ", "\\", "-", "/", "*", "$", "é", "\n", "(", ")") });
  const piece = fc.oneof(
    text.map((value) => `'${value.replaceAll("'", "''")}'`),
    text.map((value) => `E'${value.replaceAll("\\", "\\\\")}'`),
    text.map((value) => `"${value}"`),
    text.map((value) => `/*${value.replaceAll("*", "").replaceAll("/", "")}*/ x`),
    text.map((value) => `$q$${value.replaceAll("$", "")}$q$`),
    text.map((value) => `--${value.replaceAll("\n", "")}\n x`),
    fc.constantFrom("(a; b)", "begin", "case", "end", "1", "+", "x$y"),
  );
  const statement = fc.array(piece, { minLength: 1 }).map((pieces) => `select ${pieces.join(" ")} end_`);
  fc.assert(
    fc.property(fc.array(statement), (statements) => {
      expect(split(statements.join(" ; "))).toEqual(statements);
    }),
  );
});
