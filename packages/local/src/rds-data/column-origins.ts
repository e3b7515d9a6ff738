import type pg from "pg";
import type { Column } from "./pipeline.ts";

/** What the catalogue says of the table column that a result column comes from. */
export interface ColumnOrigin {
  readonly tableName: string;
  readonly isNullable: boolean;
  /** Whether its default is a sequence's next value, or it is an identity column. */
  readonly isAutoIncrement: boolean;
}

/** The table columns of one database, looked up when they are first asked for and forgotten when tables may change. */
export interface ColumnOrigins {
  /** The origins of the columns, in order; undefined for what does not come from a table. */
  of(client: pg.ClientBase, columns: readonly Column[]): Promise<readonly (ColumnOrigin | undefined)[]>;
  /** Has to be told of every command that was run (its tag's first word): all but plain reads and writes forget. */
  ran(command: string): void;
}

interface OriginRow extends ColumnOrigin {
  readonly tableId: number;
  readonly columnId: number;
}

const originsSql = `
  select a.attrelid as "tableId", a.attnum as "columnId", c.relname as "tableName", not a.attnotnull as "isNullable",
    a.attidentity <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid) like '%nextval(%', false) as "isAutoIncrement"
  from unnest($1::oid[], $2::int2[]) w(table_id, column_id)
  join pg_catalog.pg_attribute a on a.attrelid = w.table_id and a.attnum = w.column_id
  join pg_catalog.pg_class c on c.oid = a.attrelid
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum`;

const dataCommands = new Set(["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "SAVEPOINT", "RELEASE", "SET"]);

export function createColumnOrigins(): ColumnOrigins {
  const known = new Map<string, ColumnOrigin>();
  return {
    async of(client, columns) {
      const unknown = columns.filter((column) => column.tableId !== 0 && !known.has(keyOf(column)));
      if (unknown.length > 0) {
        const ids = [unknown.map((column) => column.tableId), unknown.map((column) => column.columnId)];
        const found = await client.query<OriginRow>(originsSql, ids);
        for (const row of found.rows) known.set(keyOf(row), row);
      }
      return columns.map((column) => known.get(keyOf(column)));
    },
    ran(command) {
      if (!dataCommands.has(command)) known.clear();
    },
  };
}

const keyOf = (column: { readonly tableId: number; readonly columnId: number }): string =>
  `${column.tableId}.${column.columnId}`;
