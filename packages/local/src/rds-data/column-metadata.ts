import type { ColumnMetadata } from "@aws-sdk/client-rds-data";
import type { ColumnOrigin } from "./column-origins.ts";
import type { DataType } from "./data-types.ts";
import type { Column } from "./pipeline.ts";

/** JDBC's numbers for "no nulls", "nulls" and "not known". */
const nullability = { no: 0, yes: 1, unknown: 2 };

/** JDBC's precision for a type without a length. */
const unlimited = 2 ** 31 - 1;

const fixedPrecision: Readonly<Record<string, number>> = {
  bool: 1,
  int2: 5,
  int4: 10,
  int8: 19,
  oid: 10,
  float4: 8,
  float8: 17,
  date: 13,
  time: 15,
  timetz: 21,
  timestamp: 29,
  timestamptz: 35,
};

const fixedScale: Readonly<Record<string, number>> = { float4: 8, float8: 17 };
const withFraction = new Set(["time", "timetz", "timestamp", "timestamptz", "interval"]);
const signed = new Set(["int2", "int4", "int8", "float4", "float8", "numeric"]);
const caseless = new Set(["bool", "oid", "date", ...withFraction, ...signed]);
const serialNames: Readonly<Record<string, string>> = { int2: "smallserial", int4: "serial", int8: "bigserial" };

/** A column as `includeResultMetadata` describes it, with the numbers that PostgreSQL's JDBC driver gives. */
export function columnMetadata(column: Column, type: DataType, origin: ColumnOrigin | undefined): ColumnMetadata {
  const isAutoIncrement = origin?.isAutoIncrement ?? false;
  const elementName = type.isArray ? type.name.slice(1) : type.name;
  return {
    name: column.name,
    label: column.name,
    type: type.jdbcType,
    typeName: (isAutoIncrement ? serialNames[type.name] : undefined) ?? type.name,
    schemaName: "",
    tableName: origin?.tableName ?? "",
    isAutoIncrement,
    isSigned: signed.has(type.name),
    isCurrency: type.name === "money",
    isCaseSensitive: !caseless.has(elementName),
    nullable: origin === undefined ? nullability.unknown : origin.isNullable ? nullability.yes : nullability.no,
    precision: precisionOf(elementName, column.typeModifier),
    scale: scaleOf(elementName, column.typeModifier),
    arrayBaseColumnType: type.elementJdbcType,
  };
}

function precisionOf(typeName: string, modifier: number): number {
  if (typeName === "numeric") return modifier < 0 ? 0 : ((modifier - 4) >> 16) & 0xffff;
  if (typeName === "varchar" || typeName === "bpchar") return modifier < 0 ? unlimited : modifier - 4;
  return fixedPrecision[typeName] ?? unlimited;
}

function scaleOf(typeName: string, modifier: number): number {
  if (typeName === "numeric") return modifier < 0 ? 0 : (modifier - 4) & 0xffff;
  if (withFraction.has(typeName)) return modifier < 0 ? 6 : modifier & 0xffff;
  return fixedScale[typeName] ?? 0;
}
