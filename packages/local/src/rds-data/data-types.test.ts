import type { Field } from "@aws-sdk/client-rds-data";
import { expect, test } from "vitest";
import { startTestDataApi } from "./test-data-api.ts";

const api = startTestDataApi();

const text = (stringValue: string): Field => ({ stringValue });
const long = (longValue: number): Field => ({ longValue });
const texts = (...stringValues: string[]): Field => ({ arrayValue: { stringValues } });
const longs = (...longValues: number[]): Field => ({ arrayValue: { longValues } });
const doubles = (...doubleValues: number[]): Field => ({ arrayValue: { doubleValues } });
const uuid = "c0ffee00-0000-4000-8000-000000000000";

/** A value, what comes back, and its type in column metadata: name, number in java.sql.Types, and that of elements. */
test.each<[string, Field, string, number, number?]>([
  ["true", { booleanValue: true }, "bool", -7],
  ["'\\xff'::bytea", { blobValue: new Uint8Array([255]) }, "bytea", -2],
  ["'a'::name", text("a"), "name", 12],
  ["-9007199254740991", long(-9007199254740991), "int8", -5],
  ["-32767::int2", long(-32767), "int2", 5],
  ["2147483647", long(2147483647), "int4", 4],
  ["''::text", text(""), "text", 12],
  ["4294967295::oid", long(4294967295), "oid", -5],
  ["'[1]'::json", text("[1]"), "json", 1111],
  ["'10.0.0.0/8'::cidr", text("10.0.0.0/8"), "cidr", 1111],
  ["0.1::float4", { doubleValue: 0.1 }, "float4", 7],
  ["1e300::float8", { doubleValue: 1e300 }, "float8", 8],
  ["'NaN'::float8", { doubleValue: Number.NaN }, "float8", 8],
  ["'-Infinity'::float8", { doubleValue: Number.NEGATIVE_INFINITY }, "float8", 8],
  ["1234.5::money", text("$1,234.50"), "money", 8],
  ["'10.0.0.1/24'::inet", text("10.0.0.1/24"), "inet", 1111],
  ["'a'::char(2)", text("a "), "bpchar", 1],
  ["'a'::varchar", text("a"), "varchar", 12],
  ["'0044-03-15 BC'::date", text("0044-03-15 BC"), "date", 91],
  ["'24:00'::time", text("24:00:00"), "time", 92],
  ["'infinity'::timestamp", text("infinity"), "timestamp", 93],
  ["'2026-01-02 03:04:05.123456'::timestamp", text("2026-01-02 03:04:05.123456"), "timestamp", 93],
  ["'2026-01-02 03:04:05-10'::timestamptz", text("2026-01-02 13:04:05"), "timestamptz", 93],
  ["'1 year 2 days 03:04:05.5'::interval", text("1 year 2 days 03:04:05.5"), "interval", 1111],
  ["'12:00+05:30'::timetz", text("12:00:00+05:30"), "timetz", 92],
  ["'NaN'::numeric", text("NaN"), "numeric", 2],
  ["1e40::numeric", text(`1${"0".repeat(40)}`), "numeric", 2],
  [`'${uuid}'::uuid`, text(uuid), "uuid", 1111],
  ['\'{"b":1,"a":null}\'::jsonb', text('{"a": null, "b": 1}'), "jsonb", 1111],
  ["'[1,3]'::int4range", text("[1,4)"), "int4range", 1111],
  ["'(1.5,]'::numrange", text("(1.5,)"), "numrange", 1111],
  ["array[true, false]", { arrayValue: { booleanValues: [true, false] } }, "_bool", 2003, -7],
  ["array['\\xff'::bytea]", texts("\\xff"), "_bytea", 2003, -2],
  ["array['a'::name]", texts("a"), "_name", 2003, 12],
  ["array[1::int8, -2]", longs(1, -2), "_int8", 2003, -5],
  ["array[1::int2]", longs(1), "_int2", 2003, 5],
  ["array[1]", longs(1), "_int4", 2003, 4],
  ["array['NULL', 'null', '']", texts("NULL", "null", ""), "_text", 2003, 12],
  ["array['[1]'::json]", texts("[1]"), "_json", 2003, 1111],
  ["array[1.5::float4]", doubles(1.5), "_float4", 2003, 7],
  ["array[0.1::float8, 'Infinity']", doubles(0.1, Number.POSITIVE_INFINITY), "_float8", 2003, 8],
  ["array['a'::char(2)]", texts("a "), "_bpchar", 2003, 1],
  ["array['a'::varchar]", texts("a"), "_varchar", 2003, 12],
  ["array['2026-01-02'::date]", texts("2026-01-02"), "_date", 2003, 91],
  ["array['03:04'::time]", texts("03:04:00"), "_time", 2003, 92],
  ["array['2026-01-02'::timestamp]", texts("2026-01-02 00:00:00"), "_timestamp", 2003, 93],
  ["array['2026-01-02 00:00+01'::timestamptz]", texts("2026-01-01 23:00:00"), "_timestamptz", 2003, 93],
  ["array[1.10]", texts("1.10"), "_numeric", 2003, 2],
  [`array['${uuid}'::uuid]`, texts(uuid), "_uuid", 2003, 1111],
  ['array[\'{"a": "b,c"}\'::jsonb]', texts('{"a": "b,c"}'), "_jsonb", 2003, 1111],
])("%s comes back as what Aurora gives for its type", async (sql, field, typeName, type, arrayBaseColumnType = 0) => {
  const { records, columnMetadata } = await api.execute(`select ${sql} as v`, { includeResultMetadata: true });
  expect(records).toEqual([[field]]);
  expect(columnMetadata).toMatchObject([{ name: "v", typeName, type, arrayBaseColumnType }]);
});

test.each([
  ["macaddr", "08:00:2b:01:02:03"],
  ["int8range", "[1,2)"],
  ["daterange", "[2026-01-01,2026-01-02)"],
  ["tsrange", "[2026-01-01,2026-01-02)"],
  ["tstzrange", "[2026-01-01,2026-01-02)"],
  ["point", "(1,2)"],
  ["bit", "1"],
  ["tsvector", "a b"],
  ["pg_lsn", "0/0"],
])("%s is refused", async (type, value) => {
  const error = {
    name: "UnsupportedResultException",
    message: `The result contains the unsupported data type ${type.toUpperCase()}.`,
  };
  await expect(api.execute(`select '${value}'::${type}`)).rejects.toMatchObject(error);
});
