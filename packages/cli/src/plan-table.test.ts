import fc from "fast-check";
import { expect, test } from "vitest";
import { tableLines, widest, wrap } from "./plan-table.ts";

test("columns are as wide as their widest cells; numbers may stand to the right; one cell alone is a heading", () => {
  const rows = [["a long heading that no column follows"], ["one", "5", "x"], ["three", "1,000", "y"]];
  expect(tableLines(rows, [{}, { align: "right" }])).toEqual([
    "  a long heading that no column follows",
    "  one        5  x",
    "  three  1,000  y",
  ]);
});

test("the last column goes on under itself", () => {
  const [first, second, ...others] = tableLines([["name", `${"word ".repeat(20)}end`]]);
  expect(first).toMatch(/^ {2}name {2}word( word)+$/);
  expect(second).toMatch(/^ {8}word( word)* end$/);
  expect(others).toEqual([]);
});

test("no line is wider than a terminal, and no word is lost", () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,150}$/);
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 10, max: widest }),
      (words, width) => {
        const lines = wrap(words.join(" "), width);
        expect(lines.filter((line) => line.length > width)).toEqual([]);
        expect(lines.join("").replaceAll(" ", "")).toBe(words.join(""));
      },
    ),
  );
});
