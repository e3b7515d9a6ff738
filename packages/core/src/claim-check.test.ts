import fc from "fast-check";
import { expect, test } from "vitest";
import { claimCheckOf, longestClaimBytes, readClaimCheck } from "./claim-check.ts";
import { newJobId } from "./job-id.ts";

const ids = fc
  .tuple(fc.nat(), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(([at, bytes]) => newJobId(at, bytes));
const bodies = fc.record({
  bytes: fc.integer({ min: 1, max: longestClaimBytes }),
  sha256: fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: 64, maxLength: 64 }).map((hex) => hex.join("")),
});

test("a claim check is read as it was written", () => {
  fc.assert(
    fc.property(ids, bodies, (id, body) => {
      const check = claimCheckOf(id, body);
      expect(readClaimCheck(check.key, id)).toEqual(check);
    }),
  );
});

test("a job can claim nothing but its own", () => {
  fc.assert(
    fc.property(ids, ids, bodies, (id, other, body) => {
      fc.pre(id !== other);
      expect(() => readClaimCheck(claimCheckOf(other, body).key, id)).toThrow("claim check");
    }),
  );
});

const id = newJobId(0, new Uint8Array(16));
const { key } = claimCheckOf(id, { bytes: 12, sha256: "a".repeat(64) });

test.each([
  ["nothing", ""],
  ["another folder", key.replace("inputs/", "outputs/")],
  ["a folder below", key.replace("inputs/", "inputs/x/")],
  ["a folder above", key.replace("inputs/", "inputs/../")],
  ["more behind it", `${key}/x`],
  ["another line", `${key}\n`],
  ["a size that is written otherwise", key.replace("/12-", "/012-")],
  ["no size", key.replace("/12-", "/0-")],
  ["too large a size", key.replace("/12-", `/${longestClaimBytes + 1}-`)],
  ["a hash in capitals", key.replaceAll("a".repeat(64), "A".repeat(64))],
  ["a hash that is too short", key.slice(0, -1)],
])("%s is no claim check, and is not repeated in the error", (_, text) => {
  expect(() => readClaimCheck(text, id)).toThrow(`given ${text.length} characters that are no claim check of this job`);
});
