import { TendrilError } from "@tendril/core/errors";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readCursor, writeCursor } from "./job-store-cursor.ts";

const place = fc.record({ atMicros: fc.integer({ min: -1e15, max: 9e15 }), id: fc.uuid() });

test("a cursor is read as it was written", () => {
  fc.assert(fc.property(place, (each) => void expect(readCursor(writeCursor(each))).toEqual(each)));
});

test("no other text is a cursor", () => {
  const cursor = writeCursor({ atMicros: 1_764_000_000_000_000, id: "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77" });
  const written = (text: string) => Buffer.from(text).toString("base64url");
  const others = [
    "",
    `${cursor}=`,
    `${cursor}A`,
    ` ${cursor}`,
    cursor.slice(1),
    cursor.toLowerCase(),
    written('[1.5,"01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"]'),
    written('[1e3,"01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"]'),
    written('[-0,"01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"]'),
    written('[9999999999999999,"01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"]'),
    written('[1, "01980f3a-7c2e-7cc1-9d4b-3f0d2b1c8e77"]'),
    written('[1,"01980F3A-7C2E-7CC1-9D4B-3F0D2B1C8E77"]'),
    written('[1,"\' or true --"]'),
    written("{}"),
  ];
  for (const text of others) expect(refusal(text), text).toBe("query_invalid");
});

test("nor is any text that happens to be given", () => {
  fc.assert(fc.property(fc.string(), (text) => refusal(text) === "query_invalid"));
});

/** The code of the error for a text. */
function refusal(text: string): unknown {
  try {
    return readCursor(text);
  } catch (error) {
    return error instanceof TendrilError ? error.code : error;
  }
}
