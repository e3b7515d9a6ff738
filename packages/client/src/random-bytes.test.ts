import { newJobId } from "@tendril/core/job-id";
import { expect, test } from "vitest";
import { randomBytes16 } from "./random-bytes.ts";

test("16 random bytes are others each time, also when more of them are drawn", () => {
  const texts = Array.from({ length: 5_000 }, () => randomBytes16().join());
  expect(new Set(texts).size).toBe(5_000);
  expect(new Set(texts.map((text) => text.split(",").length))).toEqual(new Set([16]));
});

test("what is drawn later changes no id that was made before", () => {
  const ids = Array.from({ length: 600 }, () => newJobId(0, randomBytes16()));
  expect(new Set(ids).size).toBe(600);
});
