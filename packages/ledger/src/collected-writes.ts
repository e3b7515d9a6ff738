import type { SqlParameter } from "@aws-sdk/client-rds-data";
import { TendrilError } from "@tendril/core/errors";
import type { SqlValue, Write } from "@tendril/core/handler";
import { splitSql } from "./split-sql.ts";
import { toParameter } from "./sql-value.ts";
import { refuseControl, refuseForOthers } from "./transaction-control.ts";

/** A statement of `job.write`: SQL in which `$1` is the list of its values as text. */
export interface CollectedWrite {
  readonly sql: string;
  readonly values: readonly string[];
}

/** The statements of one attempt. */
export interface WriteCollection {
  /** What handlers know as `job.write`. Refused with the signal's reason once that has aborted. */
  readonly write: Write;
  /** Ends the collecting: later calls get `transaction_ended`. Gives the statements in their order. */
  close(): readonly CollectedWrite[];
}

/** Collects what a handler writes. Nothing is sent. */
export function collectWrites(signal: AbortSignal): WriteCollection {
  const writes: CollectedWrite[] = [];
  let closed = false;
  return {
    write(strings, ...values) {
      if (closed) throw endedError();
      signal.throwIfAborted();
      writes.push(writeOf(strings, values));
    },
    close() {
      closed = true;
      return writes;
    },
  };
}

/**
 * A statement with its values beside it, typed as `job.sql` types them. PL/pgSQL's `execute … using` takes a fixed number
 * of parameters, so the values are one: an array of text, whose elements are cast in the places of the template's values.
 */
function writeOf(strings: TemplateStringsArray, given: readonly SqlValue[]): CollectedWrite {
  const values: string[] = [];
  const add = (text: string): string => `(($1)[${values.push(text.toWellFormed())}])`;
  const parts = given.map((value, index) => expressionOf(toParameter(`p${index + 1}`, value), add));
  check(strings);
  return { sql: strings.reduce((before, part, index) => `${before}${parts[index - 1]}${part}`), values };
}

/** A template is one object, however often it is used. */
const checked = new WeakSet<TemplateStringsArray>();

function check(strings: TemplateStringsArray): void {
  if (checked.has(strings)) return;
  const sql = strings.join("null");
  refuseControl(sql, "job.write");
  refuseForOthers(sql, "job.write");
  const { length } = splitSql(sql);
  if (length !== 1) {
    throw new TendrilError("sql_not_allowed", {
      where: "job.write",
      given: `${length} statements in one call`,
      allowed: "one",
      fix: "Call `job.write` for each.",
    });
  }
  checked.add(strings);
}

/** `add` takes a value's text and gives the SQL that stands for it. */
function expressionOf({ value, typeHint }: SqlParameter, add: (text: string) => string): string {
  if (value === undefined || value.isNull) return "null";
  if (value.longValue !== undefined) return `(${add(String(value.longValue))}::int8)`;
  if (value.doubleValue !== undefined) return `(${add(String(value.doubleValue))}::float8)`;
  if (value.booleanValue !== undefined) return `(${add(String(value.booleanValue))}::bool)`;
  if (value.blobValue !== undefined) return `decode(${add(Buffer.from(value.blobValue).toString("base64"))}, 'base64')`;
  const text = add(value.stringValue ?? "");
  switch (typeHint) {
    case "DECIMAL":
      return `(${text}::numeric)`;
    case "TIMESTAMP":
      return `(${text}::timestamp)`;
    case "JSON":
      return `(${text}::jsonb)`;
    default:
      return text;
  }
}

const endedError = (): TendrilError =>
  new TendrilError("transaction_ended", {
    where: "job.write",
    given: "a call after the handler's end",
    allowed: "calls while the job's handler runs",
    fix: "Await what comes before the write, then return.",
  });
