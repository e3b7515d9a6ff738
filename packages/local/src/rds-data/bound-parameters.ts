import type { Field, SqlParameter } from "@aws-sdk/client-rds-data";
import { AwsError } from "../wire/aws-error.ts";

/** The parameters of one run of a statement, in the order of their numbers. */
export interface BoundParameters {
  /** Postgres's type OIDs; 0 leaves the type to Postgres. */
  readonly types: readonly number[];
  /** Buffers are sent in binary format, strings in text format. */
  readonly values: readonly (string | Buffer | null)[];
}

const oid = { bool: 16, bytea: 17, int8: 20, text: 25, float8: 701, date: 1082, time: 1083, timestamp: 1114 };

/**
 * The type that a type hint gives to a string, or to a null.
 * https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_SqlParameter.html
 */
const hinted: Readonly<Record<string, number>> = {
  DATE: oid.date,
  DECIMAL: 1700,
  JSON: 3802,
  TIME: oid.time,
  TIMESTAMP: oid.timestamp,
  UUID: 2950,
};

/**
 * Gives each name of a statement its value. As in Aurora, parameters are typed by their kind: a string is `text` (unless
 * hinted), a long `int8`, a double `float8`; Postgres does not guess, so `id = :id` needs a cast or a hint when `id` is
 * a uuid. Throws for a name without a value, and for arrays, which the Data API does not take.
 */
export function bindParameters(names: readonly string[], parameters: readonly SqlParameter[]): BoundParameters {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const types: number[] = [];
  const values: (string | Buffer | null)[] = [];
  for (const name of names) {
    const parameter = byName.get(name);
    if (!parameter) throw new AwsError("BadRequestException", `Cannot find parameter: ${name}`);
    const [type, value] = bindValue(name, parameter.value, parameter.typeHint);
    types.push(type);
    values.push(value);
  }
  return { types, values };
}

function bindValue(name: string, field: Field | undefined, hint: string | undefined): [number, string | Buffer | null] {
  const hintedType = hint === undefined ? undefined : hintedOid(hint);
  if (field?.isNull) return [hintedType ?? 0, null];
  if (field?.stringValue !== undefined) return [hintedType ?? oid.text, field.stringValue];
  // A bigint, whatever the SDK's types say, when a number cannot hold its digits.
  if (field?.longValue !== undefined) return [oid.int8, String(field.longValue)];
  if (field?.booleanValue !== undefined) return [oid.bool, String(field.booleanValue)];
  if (field?.doubleValue !== undefined) return [oid.float8, String(field.doubleValue)];
  if (field?.blobValue !== undefined) return [oid.bytea, Buffer.from(field.blobValue)];
  if (field?.arrayValue !== undefined) throw new AwsError("BadRequestException", "Array parameters are not supported.");
  throw new AwsError("BadRequestException", `The parameter ${name} has no value.`);
}

function hintedOid(hint: string): number {
  const type = hinted[hint];
  if (type !== undefined) return type;
  const message = `The type hint ${hint} is not known. Use one of ${Object.keys(hinted).join(", ")}.`;
  throw new AwsError("BadRequestException", message);
}
