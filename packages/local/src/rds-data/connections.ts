import pg from "pg";
import { AwsError } from "../wire/aws-error.ts";
import { type ColumnOrigins, createColumnOrigins } from "./column-origins.ts";
import { createDataTypes, type DataTypes } from "./data-types.ts";
import { toAwsError, unavailable } from "./errors.ts";

/** A pooled connection while it is used for one statement or one transaction. */
export interface Connection {
  readonly client: pg.PoolClient;
  readonly database: Database;
  /** Whether the next statement opens a transaction: its BEGIN goes to the server together with it. */
  owesBegin: boolean;
  /** Says that the session is no longer as it was: it is then closed when it is given back. */
  spoil(): void;
  /** Gives it back. When it is spoilt or still in a transaction it is closed, which rolls back. Once only. */
  release(): void;
}

/** One database of the server, and what is known of it. */
export interface Database {
  readonly name: string;
  readonly types: DataTypes;
  readonly origins: ColumnOrigins;
}

export interface Connections {
  /**
   * A connection to the database of that name, or to the URL's own. Throws DatabaseUnavailableException when there is no
   * server, DatabaseNotFoundException when it has no such database.
   */
  take(database: string | undefined): Promise<Connection>;
  /** The name of the database that is taken when none is given. */
  readonly defaultDatabase: string;
  /** Ends every connection, also those that run a statement, which then fails. */
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** e.g. `postgres://postgres@127.0.0.1:5432/tendril` */
  readonly databaseUrl: string;
  /** The most connections to one database. */
  readonly maxConnections: number;
  readonly statementTimeoutMs: number;
}

/** How long a caller waits for a free connection, or for the server to answer. */
const connectTimeoutMs = 20_000;
const idleTimeoutMs = 60_000;

/** What the texts of results rely on, whatever the server's own settings are. */
const sessionSettings = "-c timezone=UTC -c datestyle=ISO,MDY -c intervalstyle=postgres -c bytea_output=hex";

interface Opened {
  readonly pool: pg.Pool;
  readonly database: Database;
}

/** Pools of connections, one pool for each database that is asked for. */
export function openConnections(options: ConnectionOptions): Connections {
  const url = new URL(options.databaseUrl);
  const defaultDatabase = decodeURIComponent(url.pathname.slice(1)) || url.username || "postgres";
  const opened = new Map<string, Opened>();
  const taken = new Set<pg.PoolClient>();
  let closed = false;

  const open = (name: string): Opened => {
    const found = opened.get(name);
    if (found) return found;
    const pool = openPool(options, urlOf(url, name));
    const entry = { pool, database: { name, types: createDataTypes(), origins: createColumnOrigins() } };
    opened.set(name, entry);
    return entry;
  };

  return {
    defaultDatabase,
    async take(databaseName) {
      if (closed) throw unavailable("it is being stopped");
      if (databaseName !== undefined) checkName(databaseName);
      const { pool, database } = open(databaseName ?? defaultDatabase);
      const client = await pool.connect().catch((error: unknown) => {
        if (pool.totalCount === 0 && pool.waitingCount === 0) opened.delete(database.name); // names that are none are many
        throw toAwsError(error);
      });
      taken.add(client);
      let spoilt = false;
      const spoil = (): void => {
        spoilt = true;
      };
      const release = (): void => {
        taken.delete(client);
        client.release(spoilt || closed || client.getTransactionStatus() !== "I");
      };
      return { client, database, owesBegin: false, spoil, release };
    },
    async close() {
      closed = true;
      await Promise.all([...taken].map((client) => client.end()));
      await Promise.all([...opened.values()].map(({ pool }) => pool.end()));
    },
  };
}

/** https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html */
const maxNameLength = 64;

function checkName(databaseName: string): void {
  const isText = databaseName.isWellFormed() && !databaseName.includes("\0");
  if (databaseName.length <= maxNameLength && isText) return;
  const reason = `Member must be text with length less than or equal to ${maxNameLength}`;
  const message = `1 validation error detected: Value at 'database' failed to satisfy constraint: ${reason}`;
  throw new AwsError("ValidationException", message, { status: 400 });
}

function openPool(options: ConnectionOptions, connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: options.maxConnections,
    idleTimeoutMillis: idleTimeoutMs,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    application_name: "tendril",
    options: sessionSettings,
  });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

function urlOf(url: URL, database: string): string {
  const copy = new URL(url);
  copy.pathname = `/${encodeURIComponent(database)}`;
  return copy.href;
}
