import { describe, expect, test } from "vitest";
import { readSendCommand } from "./send-command.ts";

const read = (...words: string[]) => readSendCommand(words);

test("a job's input is a word, standard input, or none", () => {
  expect(read("Note", '"a"')).toMatchObject({ kind: "one", type: "Note", input: { kind: "json", text: '"a"' } });
  expect(read("Note", "-")).toMatchObject({ input: { kind: "stdin" }, key: undefined, waitMs: undefined });
  expect(read("Note")).toMatchObject({ input: { kind: "none" }, place: {}, json: false });
  expect(read("Note", "--", "-5")).toMatchObject({ input: { kind: "json", text: "-5" } });
});

test("when and where it runs is written as the API takes it", () => {
  expect(read("Note", "1", "--delay", "10m", "--queue", "q", "--group", "g", "--key", "k")).toMatchObject({
    place: { delay: "600000 milliseconds", queue: "q", group: "g" },
    key: "k",
  });
  expect(read("Note", "1", "--delay", "1.5 hours")).toMatchObject({ place: { delay: "5400000 milliseconds" } });
  expect(read("Note", "1", "--at", "2026-11-20T10:00Z")).toMatchObject({ place: { at: "2026-11-20T10:00Z" } });
});

test.each([
  [["Note", "--wait", "1"], 30_000],
  [["--wait", "Note", "1"], 30_000],
  [["Note", "1", "--wait=2m"], 120_000],
  [["Note", "1", "--wait", "500ms"], 500],
  [["Note", "1", "--wait"], 30_000],
])("%j waits %i ms", (words, waitMs) => {
  expect(read(...words)).toMatchObject({ type: "Note", input: { kind: "json", text: "1" }, waitMs });
});

test("a file is begun anew, resumed or sent again from its beginning", () => {
  expect(read("Note", "--file", "a.jsonl")).toMatchObject({ kind: "file", file: "a.jsonl", begin: "new" });
  expect(read("Note", "--file", "a.jsonl", "--resume", "--envelope")).toMatchObject({
    begin: "resume",
    envelope: true,
  });
  expect(read("Note", "--file", "a.jsonl", "--restart", "--refused", "r")).toMatchObject({
    begin: "restart",
    refusedFile: "r",
  });
});

describe("is refused:", () => {
  test.each([
    [[], "send TYPE JSON"],
    [["Note", "1", "2"], "one JSON text"],
    [["Note", "1", "--file", "a"], "one of them"],
    [["Note", "--file", "a", "--wait"], "--wait without --file"],
    [["Note", "--file", "a", "--key", "k"], "--key without --file"],
    [["Note", "--file", "a", "--resume", "--restart"], "one of them"],
    [["Note", "--file", "-", "--resume"], "standard input cannot be read again"],
    [["Note", "1", "--resume"], "--resume with --file"],
    [["Note", "1", "--delay", "soon"], "--delay with a time"],
    [["Note", "1", "--delay", "1m", "--at", "x"], "one of them"],
    [["Note", "1", "--sign", "--token-file", "t"], "one of them"],
    [["Note", "1", "--region", "eu-west-1"], "--region with --sign"],
    [["Note", "1", "--url", "queue"], "--url with https"],
    [["Note", "1", "--wat"], "--wat"],
  ])("%j", (words, reason) => {
    expect(() => read(...words)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(reason) }),
    );
  });

  test("a token on the command line, which is not shown again, nor is an input", () => {
    const refusals = [
      ["Note", "private", "--token", "s3cret"],
      ["Note", "private", "--token=s3cret"],
      ["Note", "private", "s3cret"],
      ["Note", "private", "--wat", "s3cret"],
    ].map((words) => {
      expect(() => read(...words)).toThrow(expect.objectContaining({ code: "usage" }));
      try {
        return String(read(...words));
      } catch (error) {
        return String(error);
      }
    });
    expect(refusals[0]).toContain("TENDRIL_TOKEN or --token-file");
    expect(refusals.join()).not.toMatch(/s3cret|private/);
  });
});
