/** Reading what stands in an envelope. Errors are `envelope_invalid`, and never repeat what was read. */
import { kindOf, TendrilError } from "./errors.ts";

/** A JSON object. */
export type Members = Readonly<Record<string, unknown>>;

/** A text of an envelope, at least one character long. */
export function stringAt(object: Members, key: string, inside = ""): string {
  const value = object[key];
  if (typeof value === "string" && value !== "") return value;
  throw new TendrilError("envelope_invalid", {
    where: inside === "" ? key : `${inside}.${key}`,
    given: value === "" ? "nothing" : kindOf(value),
    allowed: "a text",
  });
}

/** Any JSON value. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TendrilError("envelope_invalid", {
      where,
      given: `${text.length} characters that are not JSON`,
      allowed: "JSON",
      fix: 'Send JSON, or let the source say `input: "text"`.',
    });
  }
}

/** The text that base64 holds, in UTF-8. */
export function parseBase64Text(base64: string, where: string): string {
  const bytes = decodeBase64(base64);
  try {
    if (bytes !== undefined)
      return decodeURIComponent(bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
  } catch {
    // Not UTF-8: said below.
  }
  throw new TendrilError("envelope_invalid", {
    where,
    given: `${base64.length} characters that are not ${bytes === undefined ? "base64" : "UTF-8 in base64"}`,
    allowed: "a text in UTF-8, in base64",
    fix: 'Send text, or let the source say `input: "base64"`.',
  });
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function decodeBase64(text: string): number[] | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text.replace(/=+$/, "")) {
    held = ((held << 6) | digits.indexOf(character)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return bytes;
}

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The error of an envelope in which `where` is wrong. */
export function invalidEnvelope(where: string, given: string, allowed: string): TendrilError {
  return new TendrilError("envelope_invalid", { where, given, allowed });
}
