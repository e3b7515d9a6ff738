import fc from "fast-check";
import { expect, test } from "vitest";
import { columnLines, cut, plainLine, plainText } from "./plain-text.ts";

test("nothing that a terminal acts on is left of a text", () => {
  expect(plainLine("a\u001b[31m\r\nb\u0000\u009b")).toBe("a\\x1b[31m b\\x00\\x9b");
  expect(plainText("a\n\tb\u0007")).toBe("a\n\tb\\x07");
  const characters = fc.array(fc.integer({ max: 0x2ff, min: 0 }).map((code) => String.fromCharCode(code)));
  fc.assert(fc.property(characters, (text) => !/\p{Cc}/u.test(plainLine(text.join("")))));
});

test("a text is cut between characters", () => {
  expect([cut("abc", 3), cut("abcd", 3), cut("\u{1f331}\u{1f331}\u{1f331}", 2)]).toEqual(["abc", "ab…", "\u{1f331}…"]);
});

test("columns are as wide as their widest cells, and those that may are cut where a line would be too long", () => {
  expect(
    columnLines([
      ["A", "B"],
      ["long", "x"],
    ]),
  ).toEqual(["A     B", "long  x"]);
  const [line = ""] = columnLines([["x".repeat(60), "y".repeat(36), "z".repeat(20)]], [0, 2]);
  expect(line.length).toBe(100);
  expect(line).toContain("y".repeat(36));
  expect(line).toContain("z".repeat(20));
});
