import type pg from "pg";
import { AwsError } from "../wire/aws-error.ts";
import type { Column } from "./pipeline.ts";

/** How a value of a type is given back. */
export type ValueKind = "boolean" | "integer" | "float" | "numeric" | "bytes" | "timestamptz" | "text";

/** A Postgres type that the Data API gives back. */
export interface DataType {
  readonly name: string;
  readonly kind: ValueKind;
  readonly isArray: boolean;
  /** The type's number in java.sql.Types, which column metadata carry. */
  readonly jdbcType: number;
  /** For an array, its elements' number in java.sql.Types; else 0. */
  readonly elementJdbcType: number;
}

const jdbcArray = 2003;
const jdbcOther = 1111;

/** OID, name, kind, number in java.sql.Types, and the OID of the array type where arrays are given back. */
const scalars: readonly (readonly [number, string, ValueKind, number, number?])[] = [
  [16, "bool", "boolean", -7, 1000],
  [17, "bytea", "bytes", -2, 1001],
  [19, "name", "text", 12, 1003],
  [20, "int8", "integer", -5, 1016],
  [21, "int2", "integer", 5, 1005],
  [23, "int4", "integer", 4, 1007],
  [25, "text", "text", 12, 1009],
  [26, "oid", "integer", -5],
  [114, "json", "text", jdbcOther, 199],
  [142, "xml", "text", 2009],
  [650, "cidr", "text", jdbcOther],
  [700, "float4", "float", 7, 1021],
  [701, "float8", "float", 8, 1022],
  [705, "unknown", "text", 12],
  [790, "money", "text", 8],
  [869, "inet", "text", jdbcOther],
  [1042, "bpchar", "text", 1, 1014],
  [1043, "varchar", "text", 12, 1015],
  [1082, "date", "text", 91, 1182],
  [1083, "time", "text", 92, 1183],
  [1114, "timestamp", "text", 93, 1115],
  [1184, "timestamptz", "timestamptz", 93, 1185],
  [1186, "interval", "text", jdbcOther],
  [1266, "timetz", "text", 92],
  [1700, "numeric", "numeric", 2, 1231],
  [2950, "uuid", "text", jdbcOther, 2951],
  [3802, "jsonb", "text", jdbcOther, 3807],
  [3904, "int4range", "text", jdbcOther],
  [3906, "numrange", "text", jdbcOther],
];

const builtIn = new Map<number, DataType>();
for (const [oid, name, kind, jdbcType, arrayOid] of scalars) {
  builtIn.set(oid, { name, kind, isArray: false, jdbcType, elementJdbcType: 0 });
  if (arrayOid !== undefined)
    builtIn.set(arrayOid, { name: `_${name}`, kind, isArray: true, jdbcType: jdbcArray, elementJdbcType: jdbcType });
}

/** The types of one database: what is built in, and its own enums, which are looked up once. */
export interface DataTypes {
  /** The columns' types, in order. Throws UnsupportedResultException for a type that the Data API does not give back. */
  of(client: pg.ClientBase, columns: readonly Column[]): Promise<readonly DataType[]>;
}

interface OwnType {
  readonly oid: number;
  readonly name: string;
  readonly isEnum: boolean;
  readonly isEnumArray: boolean;
}

const ownTypesSql = `
  select t.oid, t.typname as name, t.typtype = 'e' as "isEnum",
    coalesce(t.typcategory = 'A' and e.typtype = 'e', false) as "isEnumArray"
  from pg_catalog.pg_type t left join pg_catalog.pg_type e on e.oid = t.typelem
  where t.oid = any($1)`;

export function createDataTypes(): DataTypes {
  const own = new Map<number, DataType | { readonly unsupported: string }>();
  const find = (oid: number) => builtIn.get(oid) ?? own.get(oid);
  return {
    async of(client, columns) {
      const unknown = columns.map((column) => column.typeId).filter((oid) => find(oid) === undefined);
      if (unknown.length > 0) {
        const found = await client.query<OwnType>(ownTypesSql, [unknown]);
        for (const type of found.rows) own.set(type.oid, ownType(type));
      }
      return columns.map(({ typeId }) => {
        const type = find(typeId) ?? { unsupported: String(typeId) };
        if ("unsupported" in type) throw unsupported(type.unsupported);
        return type;
      });
    },
  };
}

function ownType({ name, isEnum, isEnumArray }: OwnType): DataType | { readonly unsupported: string } {
  if (isEnum) return { name, kind: "text", isArray: false, jdbcType: 12, elementJdbcType: 0 };
  if (isEnumArray) return { name, kind: "text", isArray: true, jdbcType: jdbcArray, elementJdbcType: 12 };
  return { unsupported: name };
}

export function unsupported(typeName: string): AwsError {
  const message = `The result contains the unsupported data type ${typeName.toUpperCase()}.`;
  return new AwsError("UnsupportedResultException", message);
}
