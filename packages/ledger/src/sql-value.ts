import type { SqlParameter } from "@aws-sdk/client-rds-data";
import { kindOf, TendrilError } from "@tendril/core/errors";
import type { SqlValue } from "@tendril/core/handler";

/**
 * A value as a parameter of the Data API. The database gets it as: string `text`, whole number `int8`, other number
 * `float8`, bigint `int8` (`numeric` beyond 2^53), boolean `bool`, Date `timestamp` in UTC, Uint8Array `bytea`, any other
 * object `jsonb`; null has no type. Where Postgres wants another type, cast in the statement: `${id}::uuid`.
 * https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_SqlParameter.html
 *
 * Error: `sql_value_invalid` for what has no counterpart: undefined, NaN, Infinity, an invalid Date, a function, a symbol.
 */
export function toParameter(name: string, value: SqlValue): SqlParameter {
  switch (typeof value) {
    case "string":
      return { name, value: { stringValue: value } };
    case "boolean":
      return { name, value: { booleanValue: value } };
    case "number":
      return numberParameter(name, value);
    case "bigint":
      return bigintParameter(name, value);
    case "object":
      return value === null ? { name, value: { isNull: true } } : objectParameter(name, value);
    default:
      throw refusal(name, kindOf(value));
  }
}

function numberParameter(name: string, value: number): SqlParameter {
  if (!Number.isFinite(value)) throw refusal(name, String(value));
  return { name, value: Number.isSafeInteger(value) ? { longValue: value } : { doubleValue: value } };
}

function bigintParameter(name: string, value: bigint): SqlParameter {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return { name, value: { longValue: number } };
  return { name, value: { stringValue: String(value) }, typeHint: "DECIMAL" };
}

function objectParameter(name: string, value: object): SqlParameter {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refusal(name, "an invalid Date");
    return { name, value: { stringValue: timestampText(value) }, typeHint: "TIMESTAMP" };
  }
  if (value instanceof Uint8Array) return { name, value: { blobValue: value } };
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw refusal(name, "an object that has no JSON");
  return { name, value: { stringValue: json }, typeHint: "JSON" };
}

/** `YYYY-MM-DD HH:MM:SS.FFF` in UTC, as the type hint TIMESTAMP wants it. */
function timestampText(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", "");
}

function refusal(name: string, given: string): TendrilError {
  return new TendrilError("sql_value_invalid", {
    where: `SQL parameter ${name}`,
    given,
    allowed:
      "a string, a finite number, a bigint, a boolean, null, a Date, a Uint8Array or an object that has a JSON form",
    fix: "Write null for SQL's null.",
  });
}
