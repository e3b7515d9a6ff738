import { createHash } from "node:crypto";
import { TendrilError } from "@tendril/core/errors";

/** How deep lists and objects may stand in each other: a job type's own schema may walk through them one call deeper each. */
export const deepestJson = 100;

/** Refuses a JSON value that is nested more than `deepestJson` deep. Error: `input_invalid`. */
export function checkDepth(value: unknown, where: string): void {
  let level = [value].filter(isNest);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > deepestJson) {
      const allowed = `lists and objects at most ${deepestJson} deep`;
      throw new TendrilError("input_invalid", { where, given: "a value nested too deeply", allowed });
    }
    level = level.flatMap((each) => Object.values(each).filter(isNest));
  }
}

const isNest = (value: unknown): value is object => typeof value === "object" && value !== null;

/**
 * SHA-256 of a JSON value that `checkDepth` took, in hexadecimal: the same whatever the order of an object's members, the
 * spaces, and the way a number or a text is written. Undefined, which is no input, has a hash of its own.
 */
export function jsonHash(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

function canonicalJson(value: unknown): string {
  if (!isNest(value)) return JSON.stringify(value) ?? "";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
}
