import type { ArrayValue, Field, ResultSetOptions } from "@aws-sdk/client-rds-data";
import { parseArray } from "./array-text.ts";
import type { DataType, ValueKind } from "./data-types.ts";

/** A value in Postgres's text format as the Data API's typed field. */
export function toField(text: string | null, type: DataType, options: ResultSetOptions | undefined): Field {
  if (text === null) return { isNull: true };
  if (type.isArray) return { arrayValue: toArray(parseArray(text), type.kind) };
  switch (type.kind) {
    case "boolean":
      return { booleanValue: text === "t" };
    case "integer":
      return options?.longReturnType === "STRING" ? { stringValue: text } : { longValue: toLong(text) };
    case "float":
      return { doubleValue: Number(text) };
    case "numeric":
      if (options?.decimalReturnType !== "DOUBLE_OR_LONG") return { stringValue: text };
      return fitsLong(text) ? { longValue: toLong(text) } : { doubleValue: Number(text) };
    case "bytes":
      return { blobValue: bytesOf(text) };
    case "timestamptz":
      return { stringValue: inUtc(text) };
    case "text":
      return { stringValue: text };
  }
}

/** Nulls stand in the lists as nulls, which the SDK's types do not say but the wire has. */
function toArray(items: readonly (string | null)[], kind: ValueKind): ArrayValue {
  switch (kind) {
    case "boolean":
      return { booleanValues: sparse(items, (text) => text === "t") };
    case "integer":
      return { longValues: sparse(items, toLong) };
    case "float":
      return { doubleValues: sparse(items, Number) };
    case "timestamptz":
      return { stringValues: sparse(items, inUtc) };
    case "bytes":
    case "numeric":
    case "text":
      return { stringValues: sparse(items, (text) => text) };
  }
}

function sparse<T>(items: readonly (string | null)[], read: (text: string) => T): T[] {
  const values: (T | null)[] = items.map((text) => (text === null ? null : read(text)));
  return values as T[];
}

/** An integer with all of its digits, as the wire writes a bigint: the SDK's types know numbers only. */
function toLong(text: string): number {
  const exact: unknown = Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
  return exact as number;
}

/** Whether a `numeric` is an integer of 64 bits. */
function fitsLong(text: string): boolean {
  return isInteger(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

/** Digits only, so not NaN and not Infinity. */
export const isInteger = (text: string): boolean => /^-?\d+$/.test(text);

/** Reads Postgres's hex format of bytea. */
export const bytesOf = (text: string): Buffer => Buffer.from(text.slice(2), "hex");

/** A timestamptz without its zone, in UTC: `2026-01-02 03:04:05.678`. */
export function inUtc(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d)(?::(\d\d))?(?::(\d\d))?$/.exec(text);
  if (!match) return text.replace(/\+00( BC)?$/, "$1");
  const [, date, time, fraction = "", hours = "+00", minutes = "0", seconds = "0"] = match;
  const offset = Math.abs(Number(hours)) * 3600 + Number(minutes) * 60 + Number(seconds);
  if (offset === 0) return `${date} ${time}${fraction}`;
  const utcMs = Date.parse(`${date}T${time}Z`) - (hours.startsWith("-") ? -offset : offset) * 1000;
  return new Date(utcMs).toISOString().slice(0, 19).replace("T", " ") + fraction;
}
