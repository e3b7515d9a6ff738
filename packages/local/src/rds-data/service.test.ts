import { ExecuteStatementCommand, type Field, RDSDataClient, type SqlParameter } from "@aws-sdk/client-rds-data";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { virtualClock } from "../clock.ts";
import { listen } from "../wire/server.ts";
import { openDataApi } from "./service.ts";
import { arns, long, startTestDataApi, text } from "./test-data-api.ts";

const api = startTestDataApi();

describe("results", () => {
  test.each<[string, Field]>([
    ["true", { booleanValue: true }],
    ["1::int2", { longValue: 1 }],
    ["1", { longValue: 1 }],
    ["9007199254740991", { longValue: 9007199254740991 }],
    ["1.5::float4", { doubleValue: 1.5 }],
    ["1.25::float8", { doubleValue: 1.25 }],
    ["1.50", { stringValue: "1.50" }],
    ["'a'::text", { stringValue: "a" }],
    ["'a'", { stringValue: "a" }],
    ["'ab'::varchar(1)", { stringValue: "a" }],
    ["'a'::char(3)", { stringValue: "a  " }],
    ["'\\x00ff'::bytea", { blobValue: new Uint8Array([0, 255]) }],
    ["'2026-01-02'::date", { stringValue: "2026-01-02" }],
    ["'12:34:56.789'::time", { stringValue: "12:34:56.789" }],
    ["'2026-01-02 03:04:05.678'::timestamp", { stringValue: "2026-01-02 03:04:05.678" }],
    ["'2026-01-02 03:04:05.678+02'::timestamptz", { stringValue: "2026-01-02 01:04:05.678" }],
    ["'{\"a\": 1}'::jsonb", { stringValue: '{"a": 1}' }],
    ["'{\"a\":1}'::json", { stringValue: '{"a":1}' }],
    ["'c0ffee00-0000-4000-8000-000000000000'::uuid", { stringValue: "c0ffee00-0000-4000-8000-000000000000" }],
    ["'10.0.0.1'::inet", { stringValue: "10.0.0.1" }],
    ["'10.0.0.0/8'::cidr", { stringValue: "10.0.0.0/8" }],
    ["'1 day'::interval", { stringValue: "1 day" }],
    ["null", { isNull: true }],
    ["null::int[]", { isNull: true }],
    ["array[1, null, 3]", { arrayValue: { longValues: sparse([1, null, 3]) } }],
    ["array[true, false]", { arrayValue: { booleanValues: [true, false] } }],
    ["array[1.5::float8]", { arrayValue: { doubleValues: [1.5] } }],
    [
      "array['a b', '\"', '\\', 'NULL', null, ',}']",
      { arrayValue: { stringValues: sparse(["a b", '"', "\\", "NULL", null, ",}"]) } },
    ],
    ["'{}'::text[]", { arrayValue: { stringValues: [] } }],
    ["array[1.50]", { arrayValue: { stringValues: ["1.50"] } }],
  ])("select %s", async (sql, field) => {
    expect(await api.value(`select ${sql}`)).toEqual(field);
  });

  test("give the values of enums as strings", async () => {
    await api.execute("create type mood as enum ('sad', 'glad')");
    expect(await api.value("select 'glad'::mood")).toEqual({ stringValue: "glad" });
    expect(await api.value("select array['sad', 'glad']::mood[]")).toEqual({
      arrayValue: { stringValues: ["sad", "glad"] },
    });
  });

  test.each([
    ["'08:00:2b:01:02:03'::macaddr", "MACADDR"],
    ["'[1,2)'::int8range", "INT8RANGE"],
    ["array[array[1]]", "MULTIDIMENSIONAL ARRAY"],
    ["pg_sleep(0)", "VOID"],
    ["row(1, 2)", "RECORD"],
  ])("refuse %s", async (sql, name) => {
    const message = `The result contains the unsupported data type ${name}.`;
    const error = { name: "UnsupportedResultException", message };
    await expect(api.execute(`select ${sql}`)).rejects.toMatchObject(error);
  });

  test("follow the result set options", async () => {
    const strings = { resultSetOptions: { longReturnType: "STRING" as const } };
    expect(await api.value("select 9007199254740993", strings)).toEqual({ stringValue: "9007199254740993" });
    const numbers = { resultSetOptions: { decimalReturnType: "DOUBLE_OR_LONG" as const } };
    expect(await api.value("select 1.50", numbers)).toEqual({ doubleValue: 1.5 });
    expect(await api.value("select 7::numeric", numbers)).toEqual({ longValue: 7 });
  });

  test("come as JSON when that is asked for", async () => {
    const sql = `select 1 as a, 9007199254740993 as "big", 'x"y' as b, null as c, true as d, 1.50 as e, 1.5::float8 as f,
      '\\xff'::bytea as g, array[1, null] as h, 'NaN'::float8 as i union all select 2, 3, '', '', false, 0, 0, '', '{}', 0`;
    const { formattedRecords, records, columnMetadata } = await api.execute(sql, {
      formatRecordsAs: "JSON",
      includeResultMetadata: true,
    });
    expect(formattedRecords).toBe(
      '[{"a":1,"big":9007199254740993,"b":"x\\"y","c":null,"d":true,"e":"1.50","f":1.5,"g":"/w==","h":[1,null],"i":"NaN"},' +
        '{"a":2,"big":3,"b":"","c":"","d":false,"e":"0","f":0,"g":"","h":[],"i":0}]',
    );
    expect({ records, columnMetadata }).toEqual({});
  });

  test("count the rows that were written, and no rows that were read", async () => {
    await api.execute("create table counted (id int)");
    const inserted = await api.execute("insert into counted select generate_series(1, 3)");
    expect(inserted).toEqual({ numberOfRecordsUpdated: 3, generatedFields: [] });
    expect((await api.execute("update counted set id = 9 where id < 3")).numberOfRecordsUpdated).toBe(2);
    const returned = await api.execute("delete from counted returning id");
    expect(returned).toMatchObject({ numberOfRecordsUpdated: 0, records: [[{}], [{}], [{}]] });
    expect(await api.execute("drop table counted")).toEqual({ numberOfRecordsUpdated: 0, generatedFields: [] });
  });

  test("refuse a row of more than 64 KB and a response of more than 1 MiB, but not what just fits", async () => {
    const row = api.execute("select repeat('x', 65537)");
    await expect(row).rejects.toMatchObject({ name: "BadRequestException", message: /^Packet for query is too large/ });
    const rows = (count: number) => api.execute(`select repeat('x', 65536) from generate_series(1, ${count})`);
    await expect(rows(17)).rejects.toMatchObject({ message: "Database response exceeded size limit" });
    expect((await rows(16)).records).toHaveLength(16);
  });
});

describe("column metadata", () => {
  test("describe the columns of tables", async () => {
    await api.execute("create table described (id serial primary key, price numeric(7,2), label varchar(20) not null)");
    const { columnMetadata = [] } = await api.execute("select id, price as cost, label, 1 + 1 as two from described", {
      includeResultMetadata: true,
    });
    const table = { schemaName: "", tableName: "described", isAutoIncrement: false, isCurrency: false };
    expect(columnMetadata).toMatchObject([
      {
        ...table,
        name: "id",
        type: 4,
        typeName: "serial",
        isAutoIncrement: true,
        nullable: 0,
        precision: 10,
        scale: 0,
      },
      { ...table, name: "cost", label: "cost", type: 2, typeName: "numeric", nullable: 1, precision: 7, scale: 2 },
      { ...table, name: "label", type: 12, typeName: "varchar", isCaseSensitive: true, nullable: 0, precision: 20 },
      { name: "two", type: 4, typeName: "int4", tableName: "", nullable: 2, isSigned: true },
    ]);
  });

  test("follow a change of the table", async () => {
    const nullable = async () => {
      const { columnMetadata } = await api.execute("select a from changed", { includeResultMetadata: true });
      return columnMetadata?.[0]?.nullable;
    };
    await api.execute("create table changed (a int)");
    expect(await nullable()).toBe(1);
    await api.execute("alter table changed alter a set not null");
    expect(await nullable()).toBe(0);
  });

  test("name an array's elements", async () => {
    const { columnMetadata } = await api.execute("select '{a}'::text[] as list", { includeResultMetadata: true });
    expect(columnMetadata).toMatchObject([{ type: 2003, typeName: "_text", arrayBaseColumnType: 12 }]);
  });
});

describe("parameters", () => {
  test.each<[string, Field, SqlParameter["typeHint"], string, Field]>([
    ["a string", { stringValue: "a" }, undefined, "text", { stringValue: "a" }],
    ["a long", { longValue: 5 }, undefined, "bigint", { longValue: 5 }],
    ["a double", { doubleValue: 0.1 }, undefined, "double precision", { doubleValue: 0.1 }],
    ["a boolean", { booleanValue: false }, undefined, "boolean", { booleanValue: false }],
    ["a blob", { blobValue: Buffer.from([0, 39]) }, undefined, "bytea", { blobValue: new Uint8Array([0, 39]) }],
    ["a date", { stringValue: "2026-01-02" }, "DATE", "date", { stringValue: "2026-01-02" }],
    ["a time", { stringValue: "12:00:01" }, "TIME", "time without time zone", { stringValue: "12:00:01" }],
    [
      "a timestamp",
      { stringValue: "2026-01-02 03:04:05.006" },
      "TIMESTAMP",
      "timestamp without time zone",
      { stringValue: "2026-01-02 03:04:05.006" },
    ],
    ["a decimal", { stringValue: "1.10" }, "DECIMAL", "numeric", { stringValue: "1.10" }],
    ["JSON", { stringValue: '{"a":[1]}' }, "JSON", "jsonb", { stringValue: '{"a": [1]}' }],
    [
      "a uuid",
      { stringValue: "c0ffee00-0000-4000-8000-000000000000" },
      "UUID",
      "uuid",
      { stringValue: "c0ffee00-0000-4000-8000-000000000000" },
    ],
    ["a hinted null", { isNull: true }, "UUID", "uuid", { isNull: true }],
  ])("%s", async (_, value, typeHint, type, result) => {
    const parameter: SqlParameter = typeHint ? { name: "p", value, typeHint } : { name: "p", value };
    const { records } = await api.execute("select :p, pg_typeof(:p)::text", { parameters: [parameter] });
    expect(records).toEqual([[result, { stringValue: type }]]);
  });

  test("a null takes its type from where it stands", async () => {
    const parameters: SqlParameter[] = [{ name: "p", value: { isNull: true } }];
    expect(await api.value("select coalesce(:p, 7)", { parameters })).toEqual({ longValue: 7 });
  });

  test("a string is not silently made a uuid", async () => {
    const run = api.execute("select 1 where gen_random_uuid() = :id", { parameters: [text("id", "x")] });
    const message =
      "ERROR: operator does not exist: uuid = text; " +
      "Hint: No operator matches the given name and argument types. You might need to add explicit type casts.; " +
      "Position: 34; SQLState: 42883";
    await expect(run).rejects.toMatchObject({ name: "DatabaseErrorException", message });
  });

  test.each<[string, SqlParameter[], string]>([
    ["a name without a parameter", [text("other", "x")], "Cannot find parameter: p"],
    ["a parameter without a value", [{ name: "p" }], "The parameter p has no value."],
    ["an array", [{ name: "p", value: { arrayValue: { longValues: [1] } } }], "Array parameters are not supported."],
  ])("refuses %s", async (_, parameters, message) => {
    const run = api.execute("select :p", { parameters });
    await expect(run).rejects.toMatchObject({ name: "BadRequestException", message });
  });

  test("any text reaches Postgres and comes back as it was, as a parameter and quoted in the statement", async () => {
    const anyText = fc.string({
      unit: fc.constantFrom(":", "a", "1", "'", '"', "\\", "*", "/", "-", "$", "\n", "é😀"),
    });
    const property = fc.asyncProperty(anyText, async (given) => {
      const escaped = given.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
      const sql = `select :a, '${given.replaceAll("'", "''")}', E'${escaped}', $q$${given}$q$ /* /* :b */ :c */ -- :d`;
      const { records } = await api.execute(sql, { parameters: [text("a", given)] });
      expect(records).toEqual([[given, given, given, given].map((stringValue) => ({ stringValue }))]);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});

describe("errors", () => {
  test("of Postgres carry its detail, the position in the caller's statement, and the state", async () => {
    await api.execute("create table unique_ids (id int primary key)");
    await api.execute("insert into unique_ids values (1)");
    await expect(
      api.execute("insert into unique_ids values (:id)", { parameters: [long("id", 1)] }),
    ).rejects.toMatchObject({
      name: "DatabaseErrorException",
      $metadata: { httpStatusCode: 400 },
      message:
        'ERROR: duplicate key value violates unique constraint "unique_ids_pkey"; ' +
        "Detail: Key (id)=(1) already exists.; SQLState: 23505",
    });
    const misspelt = "select * from unique_ids where id = :a_long_name and idd = 1";
    const message = `Position: ${misspelt.indexOf("idd") + 1}; SQLState: 42703`;
    await expect(api.execute(misspelt, { parameters: [long("a_long_name", 1)] })).rejects.toThrow(message);
  });

  test.each<[string, Promise<unknown> | (() => Promise<unknown>), string, string]>([
    ["several statements", () => api.execute("select 1; select 2"), "ValidationException", "Multistatements aren't"],
    ["a schema", () => api.execute("select 1", { schema: "x" }), "BadRequestException", "schema parameter isn't"],
    ["no such database", () => api.execute("select 1", { database: "x" }), "DatabaseNotFoundException", '"x" does not'],
    ["copying in", () => api.execute("copy pg_class from stdin"), "BadRequestException", "COPY FROM STDIN isn't"],
    ["a null character", () => api.execute("select 1\0"), "BadRequestException", "null character"],
  ])("for %s", async (_, run, name, message) => {
    const error: unknown = await (typeof run === "function" ? run() : run).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name, message: expect.stringContaining(message) });
  });

  test("for a missing resource ARN come before anything is run", async () => {
    const { resourceArn: _, ...noResource } = arns;
    const command = new ExecuteStatementCommand({ ...arns, sql: "select 1" });
    Object.assign(command.input, { ...noResource, resourceArn: undefined });
    await expect(api.client().send(command)).rejects.toMatchObject({ name: "ValidationException" });
  });

  test("leave the connection good for the next statement", async () => {
    for (let times = 0; times < 5; times++) await expect(api.execute("select nothing")).rejects.toThrow("42703");
    expect(await api.value("select 1")).toEqual({ longValue: 1 });
  });

  test("say that the database is not available, at once, when nothing listens", async () => {
    const lone = openDataApi({ clock: virtualClock(0), databaseUrl: "postgres://postgres@127.0.0.1:1/tendril" });
    const server = await listen([lone.service], { port: 0 });
    const credentials = { accessKeyId: "local", secretAccessKey: "local" };
    const client = new RDSDataClient({ endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1 });
    const run = client.send(new ExecuteStatementCommand({ ...arns, sql: "select 1" }));
    await expect(run).rejects.toMatchObject({
      name: "DatabaseUnavailableException",
      $metadata: { httpStatusCode: 504 },
    });
    client.destroy();
    await server.close();
    await lone.close();
  });
});

describe("a session", () => {
  test.each([
    ["a setting", "set search_path = elsewhere", "show search_path", '"$user", public'],
    ["a setting made by a function", "select set_config('work_mem', '9MB', false)", "show work_mem", "4MB"],
    ["a temporary table", "create temporary table public_t (a int)", "select to_regclass('public_t')::text", null],
    ["a transaction that was begun by hand", "begin", "select 'none'", "none"],
  ])("does not hand %s on to the next statement", async (_, spoil, look, seen) => {
    await api.execute(spoil);
    const values = await Promise.all([api.value(look), api.value(look), api.value(look)]);
    for (const value of values) expect(value).toEqual(seen === null ? { isNull: true } : { stringValue: seen });
  });

  test("is in UTC", async () => {
    expect(await api.value("select current_setting('timezone')")).toEqual({ stringValue: "UTC" });
  });
});

describe("a batch", () => {
  test("runs the statement once for each set", async () => {
    await api.execute("create table batched (id int primary key, note text)");
    const sets = Array.from({ length: 2500 }, (_, id) => [
      long("id", id),
      id % 2 ? text("note", `note ${id}`) : { name: "note", value: { isNull: true } },
    ]);
    expect(await api.batch("insert into batched values (:id, :note)", sets)).toBe(2500);
    const { records } = await api.execute("select count(*), count(note), max(note) from batched");
    expect(records).toEqual([[{ longValue: 2500 }, { longValue: 1250 }, { stringValue: "note 999" }]]);
  });

  test("leaves nothing behind when one set fails", async () => {
    await api.execute("create table all_or_nothing (id int primary key)");
    const sets = [1, 2, 1].map((id) => [long("id", id)]);
    await expect(api.batch("insert into all_or_nothing values (:id)", sets)).rejects.toThrow("SQLState: 23505");
    expect(await api.value("select count(*) from all_or_nothing")).toEqual({ longValue: 0 });
  });
});

/** The SDK's types do not say that lists of a field may have nulls in them. */
function sparse<T>(values: (T | null)[]): T[] {
  return values as T[];
}
