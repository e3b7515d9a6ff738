import { describe, expect, test } from "vitest";
import { type LineForm, readEntry } from "./send-entry.ts";

const keyOf = (line: number) => `run-${line}`;
const plainForm: LineForm = { type: "Note", place: { queue: "q", delay: "1 second" }, envelope: false, keyOf };
const envelope: LineForm = { ...plainForm, envelope: true };

const read = (text: string | Buffer, form = plainForm) =>
  readEntry({ number: 7, bytes: Buffer.from(text), endByte: 0 }, form);

test("a line is the input, under the key of its number", () => {
  const job = { type: "Note", key: "run-7", queue: "q", delay: "1 second" };
  expect(read('"a"\r\n')).toEqual({ ...job, input: "a" });
  expect(read('\ufeff{"input":1}\n')).toEqual({ ...job, input: { input: 1 } });
  expect(read("null")).toEqual({ ...job, input: null });
  expect([read(""), read(" \r\n")]).toEqual([undefined, undefined]);
});

test("a line with an envelope has its own key and place before the command's, and its own time instead of it", () => {
  const own = '{"input":{"a":1},"key":"mine","at":"2026-11-20T10:00:00Z","queue":"other"}';
  expect(read(own, envelope)).toEqual({
    type: "Note",
    input: { a: 1 },
    key: "mine",
    at: "2026-11-20T10:00:00Z",
    queue: "other",
  });
  expect(read("{}", envelope)).toEqual({ type: "Note", key: "run-7", queue: "q", delay: "1 second", input: undefined });
});

describe("is refused without being sent:", () => {
  test.each([
    ["{no", plainForm, "input_invalid", "no JSON"],
    [Buffer.from([0x22, 0xff, 0x22]), plainForm, "input_invalid", "UTF-8"],
    [Buffer.alloc(4_500_001, " "), plainForm, "body_too_large", "at most 4500000 bytes a line"],
    ["[1]", envelope, "input_invalid", "given a list"],
    ['{"input":1,"type":"Other"}', envelope, "input_invalid", "another member"],
    ['{"input":1,"key":5}', envelope, "input_invalid", "line 7, key"],
  ] as const)("%#", (text, form, code, says) => {
    expect(() => read(text, form)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(says) }));
    expect(() => read(text, form)).toThrow("line 7");
  });
});
