import { TendrilError } from "@tendril/core/errors";

/** Reads JSON. Error: `input_invalid`, which shows none of it. */
export function readJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TendrilError("input_invalid", {
      where,
      given: text.trim() === "" ? "nothing" : `a text of ${text.length} characters that is no JSON`,
      allowed: "JSON",
      fix: "A text has its own quotes: '\"some data\"'.",
    });
  }
}
